import { FileSystem, Path } from "@effect/platform"
import { SystemError } from "@effect/platform/Error"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Either, Layer, Option } from "effect"
import { stringify } from "yaml"
import { rawCells } from "../../../protocol/data/encoding.ts"
import { digestIds } from "../../../protocol/data/rows.ts"
import { seededKey } from "../../../protocol/seeding.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { checkData, joinData } from "../../../scenarios/description/joined.ts"
import {
  loadScenario,
  parseScenario,
  readUserTables,
  ScenarioError
} from "../../../scenarios/description/load.ts"
import { foresee } from "../../../scenarios/reference/foresight.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

type Contents = Readonly<Record<string, string | Uint8Array>>

const fileInfo = (length: number): FileSystem.File.Info => ({
  type: "File",
  mtime: Option.none(),
  atime: Option.none(),
  birthtime: Option.none(),
  dev: 0,
  ino: Option.none(),
  mode: 0o644,
  nlink: Option.none(),
  uid: Option.none(),
  gid: Option.none(),
  rdev: Option.none(),
  size: FileSystem.Size(length),
  blksize: Option.none(),
  blocks: Option.none()
})

const openBytes = (bytes: Uint8Array): FileSystem.File => {
  let at = 0
  const unused = Effect.dieMessage("data files are only read")
  return {
    [FileSystem.FileTypeId]: FileSystem.FileTypeId,
    fd: FileSystem.FileDescriptor(0),
    stat: Effect.succeed(fileInfo(bytes.length)),
    seek: (offset) =>
      Effect.sync(() => {
        at = Number(offset)
      }),
    read: (buffer) =>
      Effect.sync(() => {
        const some = bytes.subarray(at, at + buffer.length)
        buffer.set(some)
        at += some.length
        return FileSystem.Size(some.length)
      }),
    readAlloc: () => unused,
    sync: unused,
    truncate: () => unused,
    write: () => unused,
    writeAll: () => unused
  }
}

/** Files that exist only here. */
const files = (contents: Contents) => {
  const read = (path: string) => {
    const content = contents[path]
    return content === undefined
      ? Effect.fail(
          new SystemError({
            reason: "NotFound",
            module: "FileSystem",
            method: "readFile",
            pathOrDescriptor: path
          })
        )
      : Effect.succeed(new Uint8Array(Buffer.from(content)))
  }
  const stat = (path: string) => Effect.map(read(path), ({ length }) => fileInfo(length))
  return Layer.merge(
    Path.layer,
    FileSystem.layerNoop({
      readFile: read,
      stat,
      open: (path) => Effect.map(read(path), openBytes)
    })
  )
}

const checked = (contents: Contents, changes: object = {}) =>
  Effect.gen(function* () {
    const loaded = yield* loadScenario("plain.yaml")
    return { loaded, data: yield* checkData(loaded) }
  }).pipe(
    Effect.provide(files({ "plain.yaml": stringify({ ...plainScenario, ...changes }), ...contents })),
    Effect.either
  )

const refusal = <A, E>(result: Either.Either<A, E>): string => {
  if (Either.isRight(result)) throw new Error("it was accepted")
  expect(result.left).toBeInstanceOf(ScenarioError)
  return (result.left as ScenarioError).message
}

const header = "id,length,width,kind\n"
const north = `${header}n1,1,0,a\nn2,2,0.5,b\n`
const south = `${header}s1,3,-1,b\n`

describe("scenario - reading", () => {
  it("names the file, the line and the path of every problem, and the remedy", () => {
    const text = [
      "name: plain",
      "description: Two growers",
      "data:",
      "  features:",
      "    length: [10, 0]",
      "  label:",
      "    column: kind",
      "    values: [a, b]",
      "users:",
      "  - name: north",
      "    holds:",
      "      - file: north.csv",
      "        colums: [length]",
      "  - name: North",
      "    holds: [file: south.csv]",
      "network:",
      "  hidden: [8]",
      "training:",
      "  epochs: 1",
      "  batch: 2"
    ].join("\n")
    expect(refusal(parseScenario(text, "scenarios/plain.yaml")).split("\n")).toEqual([
      "scenarios/plain.yaml:5: data.features.length: must be [minimum, maximum], two numbers, the first below the second; or standard, boolean or date; or a section with the fields type, range, values, other, scale, fill, indicator, outside, format, count, first",
      "scenarios/plain.yaml:13: users[0].holds[0].colums: is not known here; what may be said is file, encoding, dialect, columns, header, rows, part, ids, heldOut; did you mean columns?",
      "scenarios/plain.yaml:14: users[1].name: must be at most 40 small letters, digits and hyphens, a letter first",
      "scenarios/plain.yaml:18: training.rate: is missing; add it"
    ])
  })

  it("names the line of what is not YAML, and of a key that is there twice", () => {
    expect(refusal(parseScenario("name: a\ndata: {\n", "a.yaml"))).toContain(
      "a.yaml:3: this is not valid YAML"
    )
    expect(refusal(parseScenario("name: a\nname: b\n", "a.yaml"))).toBe(
      "a.yaml:2: name: is there twice; list it once"
    )
  })

  it("finds the line of a value behind an alias", () => {
    const holds = "\n    holds:\n      - file: a.csv\n        columns: "
    const text = `${stringify({ ...plainScenario, users: [] }).replace("users: []", "users:")}`.replace(
      "users:",
      `users:\n  - name: north${holds}&all [length, sise]\n  - name: south${holds}*all`
    )
    const line = 1 + text.split("\n").findIndex((content) => content.includes("sise"))
    const message = refusal(parseScenario(text, "a.yaml"))
    expect(message.split("\n")[0]).toContain(`a.yaml:${line}: users[0].holds[0].columns[1]`)
    expect(message.split("\n")[1]).toContain(`a.yaml:${line}: users[1].holds[0].columns[1]`)
  })

  it.effect("says of a file that is not there that it is not there", () =>
    loadScenario("none.yaml").pipe(
      Effect.provide(files({})),
      Effect.either,
      Effect.map((result) =>
        expect(refusal(result)).toBe("none.yaml: there is no such file; give the path of a scenario file")
      )
    )
  )
})

/** What is said of a file that is there and is no scenario. */
const saidOf = (bytes: Uint8Array | string) =>
  loadScenario("x.yaml").pipe(Effect.provide(files({ "x.yaml": bytes })), Effect.either, Effect.map(refusal))

describe("scenario - a file that is no text in UTF-8", () => {
  const text = stringify(plainScenario)
  const utf16 = Buffer.from(text, "utf16le")

  it.effect.each([
    [
      "UTF-16, little end first",
      Buffer.concat([Buffer.from([0xff, 0xfe]), utf16]),
      /^x.yaml: is a text in UTF-16, not in UTF-8; save the file as UTF-8$/
    ],
    [
      "UTF-16, big end first",
      Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(utf16).swap16()]),
      /^x.yaml: is a text in UTF-16/
    ],
    ["UTF-16 without a mark", utf16, /^x.yaml: is a text in UTF-16/],
    [
      "Latin-1",
      Buffer.from("name: plain\ndescription: Züge\n", "latin1"),
      /^x.yaml:2: is not UTF-8 from here on, but perhaps Latin-1/
    ],
    [
      "a Parquet file",
      Buffer.concat([Buffer.from("PAR1"), Buffer.alloc(40)]),
      /^x.yaml: is not a text in UTF-8; give the path of a YAML file$/
    ],
    ["a gzip file", Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), /^x.yaml: is not a text in UTF-8/],
    ["a file that ends within a character", Buffer.from("name: é").subarray(0, 7), /^x.yaml:1: is not UTF-8/],
    ["an empty file", Buffer.alloc(0), /^x.yaml:1: is empty; fill in its fields: name, /]
  ] as const)("%s", ([, bytes, said]) =>
    Effect.map(saidOf(bytes), (message) => {
      expect(message).toMatch(said)
      expect(message.length).toBeLessThan(250)
    })
  )

  it.effect("may begin with a byte order mark in UTF-8", () =>
    Effect.gen(function* () {
      const loaded = yield* loadScenario("x.yaml")
      expect(loaded.scenario.name).toBe("plain")
    }).pipe(Effect.provide(files({ "x.yaml": `\ufeff${text}` })))
  )
})

describe("scenario - paths of data files", () => {
  const holding = (file: string) => ({
    users: [{ name: "north", holds: [{ file }] }, plainScenario.users[1]]
  })
  const north1 = (scenario: string, file: string, contents: Contents) =>
    Effect.gen(function* () {
      return yield* readUserTables(yield* loadScenario(scenario), 0)
    }).pipe(
      Effect.provide(files({ [scenario]: stringify({ ...plainScenario, ...holding(file) }), ...contents })),
      Effect.either
    )

  it.effect("are in the folder of the scenario, unless their owner allows another", () =>
    Effect.gen(function* () {
      const scenario = "/study/plain.yaml"
      const contents = {
        "/srv/data/north.csv": north,
        "/study/own/north.csv": north,
        "/study2/north.csv": north
      }
      const inside = yield* north1(scenario, "/study/own/north.csv", contents)
      expect(Either.getOrThrow(inside)[0]?.ids).toEqual(["n1", "n2"])
      for (const [file, place] of [
        ["/srv/data/north.csv", "/srv/data/north.csv"],
        ["../study2/north.csv", "/study2/north.csv"],
        ["own/../../srv/data/north.csv", "/srv/data/north.csv"],
        ["/etc/passwd", "/etc/passwd"],
        ["../nothing.csv", "/nothing.csv"],
        ["..", "/"]
      ] as const)
        expect(refusal(yield* north1(scenario, file, contents)), file).toContain(
          `${place} is outside of /study, the folder of the scenario, and a scenario can't name any file of this machine; move it there, or allow its folder with BICAMERAL_DATA_ROOT=DIR`
        )
      const allowing = (roots: string, file: string) =>
        north1(scenario, file, contents).pipe(
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["BICAMERAL_DATA_ROOT", roots]])))
        )
      const allowed = yield* allowing("/data:/srv", "../srv/data/north.csv")
      expect(Either.getOrThrow(allowed)[0]?.ids).toEqual(["n1", "n2"])
      expect(refusal(yield* allowing("/srv/dat", "/srv/data/north.csv"))).toContain("is outside of")
    })
  )

  it.effect("are to be written with /, where one with backslashes leads nowhere", () =>
    Effect.map(north1("plain.yaml", "data\\north.csv", {}), (read) =>
      expect(refusal(read)).toMatch(
        /there is no such file; .*; write \/ between the folders of a path, not \\$/
      )
    )
  )

  it.effect("do not lead to the scenario itself", () =>
    Effect.map(north1("a/plain.yaml", "../a/plain.yaml", {}), (read) =>
      expect(refusal(read)).toMatch(
        /^a\/plain.yaml:\d+: users\[0\].holds\[0\].file: is the scenario itself; give the path of the data$/
      )
    )
  )

  it.effect("and of the scenario: a folder is named as one", () =>
    Effect.gen(function* () {
      expect(refusal(yield* Effect.either(loadScenario("scenarios")))).toBe(
        "scenarios: is a folder; give the path of a scenario file"
      )
      expect(refusal(yield* Effect.either(loadScenario("/dev/zero")))).toBe(
        "/dev/zero: is a device; give the path of a scenario file"
      )
      const text = stringify({ ...plainScenario, ...holding("./") })
      yield* Effect.gen(function* () {
        const system = yield* FileSystem.FileSystem
        const file = `${yield* system.makeTempDirectoryScoped()}/plain.yaml`
        yield* system.writeFileString(file, text)
        const said = refusal(
          yield* Effect.either(Effect.flatMap(loadScenario(file), (loaded) => readUserTables(loaded, 0)))
        )
        expect(said).toMatch(/holds\[0\].file: is a folder; .* is where user north should have its data$/)
      }).pipe(Effect.scoped)
    }).pipe(Effect.provide(NodeContext.layer))
  )
})

describe("scenario - columns named by numbers", () => {
  /** IDX: unsigned bytes of these dimensions. */
  const idx = (dimensions: ReadonlyArray<number>, bytes: ReadonlyArray<number>) => {
    const head = Buffer.alloc(4 + 4 * dimensions.length)
    head.set([0, 0, 8, dimensions.length])
    dimensions.forEach((length, i) => {
      head.writeUInt32BE(length, 4 + 4 * i)
    })
    return Buffer.concat([head, Buffer.from(bytes)])
  }

  it.effect("are the columns of an IDX file in the order of the scenario", () =>
    Effect.gen(function* () {
      const text = stringify({
        ...plainScenario,
        data: { features: "FEATURES", label: { column: "kind", values: ["0", "1"] }, scaleTo: [0, 1] },
        users: ["north", "south"].map((name) => ({ name, holds: [{ file: "bands.idx" }] }))
      }).replace("features: FEATURES", "features: { 950: [0, 255], 850: [0, 255], 750: [0, 10] }")
      const loaded = yield* loadScenario("x.yaml").pipe(Effect.provide(files({ "x.yaml": text })))
      const [table] = yield* readUserTables(loaded, 0).pipe(
        Effect.provide(files({ "bands.idx": idx([2, 3], [255, 51, 10, 0, 102, 5]) }))
      )
      const row = (r: number) => {
        const out = new Float64Array(3)
        rawCells(table!).readRow(r, out, 0)
        return [...out]
      }
      expect([row(0), row(1)]).toEqual([
        [255, 51, 10],
        [0, 102, 5]
      ])
    })
  )
})

describe("scenario - data", () => {
  it.effect("joins what the users hold", () =>
    Effect.gen(function* () {
      const { loaded, data } = Either.getOrThrow(yield* checked({ "north.csv": north, "south.csv": south }))
      expect(data.rows).toBe(3)
      const joined = joinData(loaded.scenario, data, (ids) => digestIds(new Uint8Array(16), ids))
      expect(joined.rows).toMatchObject({ total: 3, training: 3, heldOut: 0 })
      const { features, labels } = joined.training()
      expect([0, 1, 2].map((row) => features[2 * row]).sort()).toEqual([-0.4, -0.6, -0.8])
      expect([...labels].sort()).toEqual([0, 0, 0, 1, 1, 1])
    })
  )

  it.effect("takes data files from the scenario's folder", () =>
    Effect.gen(function* () {
      const loaded = yield* loadScenario("some/where/plain.yaml")
      const [table] = yield* readUserTables(loaded, 1)
      expect(table?.ids).toEqual(["s1"])
    }).pipe(
      Effect.provide(
        files({ "some/where/plain.yaml": stringify(plainScenario), "some/where/south.csv": south })
      )
    )
  )

  it.effect("reads, as one user, no file of another", () =>
    Effect.gen(function* () {
      const loaded = yield* loadScenario("plain.yaml")
      yield* readUserTables(loaded, 0)
      const missing = refusal(yield* Effect.either(readUserTables(loaded, 1)))
      expect(missing).toContain(
        "users[1].holds[0].file: there is no such file; south.csv is where user south"
      )
    }).pipe(Effect.provide(files({ "plain.yaml": stringify(plainScenario), "north.csv": north })))
  )

  it.effect("tells the problems of all users' files at once, each with its file and line", () =>
    Effect.gen(function* () {
      const contents = { "north.csv": `${header}n1,x,0,a\n`, "south.csv": `${header}s1,1,0,c\ns2,11,0,a\n` }
      expect(refusal(yield* checked(contents)).split("\n")).toEqual([
        "north.csv:2: column length of row n1 (user north) is not a number; write a number with a decimal point, such as 12.5 or 1e-3",
        "south.csv:2: column kind of row s1 (user south) is not one of the labels a, b; correct the label, or add it to the values of data.label",
        "south.csv:3: column length of row s2 (user south) is outside the column's public range [0, 10]; correct the value, or have all parties agree on a wider range"
      ])
    })
  )

  it.effect("names a missing column", () =>
    Effect.gen(function* () {
      const result = yield* checked({ "north.csv": north, "south.csv": "id,length,kind\ns1,1,a\n" })
      expect(refusal(result)).toContain("south.csv:1: column width (user south) is missing from the header")
    })
  )
})

describe("scenario - a column that the files do not have", () => {
  const both = { "north.csv": north, "south.csv": south }
  const { data } = plainScenario
  const saidOf = (changes: object, contents = both) =>
    Effect.map(checked(contents, changes), (result) => refusal(result).split("\n"))

  it.effect("is a fault of the scenario, at its line, with the name that was meant", () =>
    Effect.gen(function* () {
      const label = { column: "kinds", values: ["a", "b"] }
      const features = { lenght: [0, 10], width: [-1, 1] }
      expect(yield* saidOf({ data: { ...data, label, features } })).toEqual([
        expect.stringMatching(
          /^plain\.yaml:\d+: data\.features\.lenght: column lenght is not in any of the 2 files that should have it; .*; did you mean length\?$/
        ),
        expect.stringMatching(/^plain\.yaml:\d+: data\.label\.column: column kinds .*; did you mean kind\?$/)
      ])
      const text = stringify({ ...plainScenario, data: { ...data, label } })
      const line = 1 + text.split("\n").findIndex((each) => each.includes("kinds"))
      expect((yield* saidOf({ data: { ...data, label } }))[0]).toContain(`plain.yaml:${line}: data.label`)
    })
  )

  it.effect("is so too of the ids; where no name is near, those of the files are told", () =>
    Effect.gen(function* () {
      expect(yield* saidOf({ data: { ...data, id: "patient" } })).toEqual([
        expect.stringMatching(
          /: data\.id: column patient is not in any of the 2 files .* \(there are id, length, width, kind\)$/
        )
      ])
    })
  )

  it.effect("is a fault of the file where another has it", () =>
    Effect.gen(function* () {
      const contents = { ...both, "south.csv": south.replace("kind", "kinds") }
      expect(yield* saidOf({}, contents)).toEqual([
        "south.csv:1: column kind (user south) is missing from the header; add the column, or declare only columns that the file has; did you mean kinds?"
      ])
    })
  )

  it.effect("is one of the scenario for a user that reads its own files only", () =>
    Effect.gen(function* () {
      const label = { column: "kinds", values: ["a", "b"] }
      const text = stringify({ ...plainScenario, data: { ...data, label } })
      const read = loadScenario("plain.yaml").pipe(
        Effect.flatMap((loaded) => readUserTables(loaded, 0)),
        Effect.provide(files({ ...both, "plain.yaml": text }))
      )
      expect(refusal(yield* Effect.either(read))).toMatch(
        /^plain\.yaml:\d+: data\.label\.column: column kinds is not in north\.csv; .*; did you mean kind\?$/
      )
    })
  )
})

describe("scenario - users whose files do not fit together", () => {
  const columns = {
    users: [
      { name: "north", holds: [{ file: "north.csv", columns: ["length", "width"] }] },
      { name: "south", holds: [{ file: "south.csv", columns: ["kind"] }] }
    ]
  }
  const measures = "id,length,width\nx1,1,0\nx2,2,0\n"

  it.effect("names an id that one user lacks, and who has it", () =>
    Effect.gen(function* () {
      const message = refusal(
        yield* checked({ "north.csv": measures, "south.csv": "id,kind\nx1,a\nx3,b\n" }, columns)
      )
      expect(message).toContain("plain.yaml:")
      expect(message).toContain("users: 3 cells are held by nobody")
      expect(message).toContain(
        "row x2: kind (other cells of the row: north; these columns of other rows: south)"
      )
      expect(message).toContain(
        "row x3: length, width (other cells of the row: south; these columns of other rows: north)"
      )
    })
  )

  it.effect("names cells that two users hold", () =>
    Effect.gen(function* () {
      const message = refusal(yield* checked({ "north.csv": north, "south.csv": `${south}n2,2,0.5,b\n` }))
      expect(message).toContain("3 cells are held more than once")
      expect(message).toContain("row n2: length, width, kind (north and south)")
    })
  )

  it.effect("hints at ids that differ only in spelling, and does not join them", () =>
    Effect.gen(function* () {
      const ids = ["M\u00fcller", "k1", "7", "Mo\u0308ller"]
      const others = ["Mu\u0308ller", "K1", "07", "M\u00fcller-Ost"]
      const left = `id,length,width\n${ids.map((id) => `${id},1,0`).join("\n")}\n`
      const right = `id,kind\n${others.map((id) => `${id},a`).join("\n")}\n`
      const message = refusal(yield* checked({ "north.csv": left, "south.csv": right }, columns))
      expect(message).toContain("12 cells are held by nobody")
      expect(message.slice(message.indexOf("Ids are")).split("\n")).toEqual([
        "Ids are joined as exact texts. These differ only in their spelling; write them alike if they mean the same row:",
        "  07 and 7, in how the number is written",
        "  Mu\u0308ller and M\u00fcller, in Unicode normalisation",
        "  K1 and k1, in case"
      ])
    })
  )

  it.effect("names a column that nobody holds", () =>
    Effect.gen(function* () {
      const lengths = {
        users: [{ name: "north", holds: [{ file: "north.csv", columns: ["length"] }] }, columns.users[1]]
      }
      const message = refusal(
        yield* checked({ "north.csv": measures, "south.csv": "id,kind\nx1,a\nx2,b\n" }, lengths)
      )
      expect(message).toContain(
        "row x1: width (other cells of the row: north, south; nobody holds these columns)"
      )
    })
  )

  it.effect("refuses to promise an accuracy that no user could find alone", () =>
    Effect.gen(function* () {
      const contents = { "north.csv": measures, "south.csv": "id,kind\nx1,a\nx2,b\n" }
      const message = refusal(yield* checked(contents, { ...columns, reveal: ["accuracy"] }))
      expect(message).toContain("reveal: the cells of row x1 are spread over north and south")
      const halves = { heldOut: 0.5, training: { epochs: 1, batch: 1, rate: 0.1 } }
      const pooled = yield* checked(contents, { ...columns, ...halves, reveal: ["accuracy", "heldOutRows"] })
      expect(Either.isRight(pooled)).toBe(true)
    })
  )
})

describe("scenario - rows that are too few for what is asked", () => {
  const table = (prefix: string, rows: number) =>
    `${header}${Array.from({ length: rows }, (_, row) => `${prefix}${row},1,0,${row % 2 ? "a" : "b"}\n`).join("")}`
  const small = { training: { epochs: 1, batch: 1, rate: 0.1 }, reveal: ["accuracy"] }
  const check = (rows: number, changes: object) =>
    checked(
      { "north.csv": table("n", rows / 2), "south.csv": table("s", rows / 2) },
      { ...small, ...changes }
    )

  it.effect("refuses to reveal an accuracy on no row, and says which share is one", () =>
    Effect.gen(function* () {
      for (const [rows, heldOut, least] of [
        [2, 0.2, 0.5],
        [4, 0.2, 0.25],
        [80, 0.01, 0.013]
      ] as const) {
        const message = refusal(yield* check(rows, { heldOut }))
        expect(message).toMatch(/^plain\.yaml:\d+: heldOut: /)
        expect(message).toContain(
          `${heldOut} of ${rows} rows is no row, so nothing is left to test on; hold out at least ${least}, or take accuracy out of reveal`
        )
        expect(Either.isRight(yield* check(rows, { heldOut: least }))).toBe(true)
        expect(Either.isRight(yield* check(rows, { heldOut, reveal: [] }))).toBe(true)
      }
    })
  )

  it.effect("names the least share that is a row, for any number of rows", () =>
    Effect.gen(function* () {
      for (let rows = 2; rows <= 400; rows += 34) {
        const message = refusal(yield* check(rows, { heldOut: 0.5 / rows }))
        const least = Number(/hold out at least ([\d.]+),/.exec(message)![1])
        expect(Math.floor(least * rows)).toBe(1)
      }
    })
  )

  it.effect("tells where the batch is larger than what is left to train on", () =>
    Effect.gen(function* () {
      const message = refusal(yield* check(10, { training: { epochs: 1, batch: 9, rate: 0.1 } }))
      expect(message).toMatch(
        /^plain\.yaml:\d+: training\.batch: a batch of 9 rows is larger than the 8 training rows; /
      )
    })
  )

  const marked = (...heldOut: ReadonlyArray<boolean>) => ({
    heldOut: "marked",
    users: [
      { name: "north", holds: [{ file: "north.csv", columns: ["length", "width"], heldOut: heldOut[0] }] },
      { name: "south", holds: [{ file: "south.csv", columns: ["kind"], heldOut: heldOut[1] }] }
    ]
  })
  const parts = {
    "north.csv": "id,length,width\nx1,1,0\nx2,2,0\n",
    "south.csv": "id,kind\nx1,a\nx2,b\n"
  }

  it.effect("names file and rows where the cells of a row are marked in one file and not in another", () =>
    Effect.gen(function* () {
      const message = refusal(yield* checked(parts, { ...small, ...marked(true, false), reveal: [] }))
      expect(message).toMatch(
        /^plain\.yaml:\d+: users\[0\]\.holds\[0\]\.heldOut: north\.csv of user north is marked/
      )
      expect(message).toContain(
        "other cells of its rows x1 (also in south.csv of user south), x2 (also in south.csv of user south) are in a file that is not; mark both files or neither"
      )
    })
  )

  it.effect("refuses to train on no row where every file is marked", () =>
    Effect.gen(function* () {
      const message = refusal(yield* checked(parts, { ...small, ...marked(true, true), reveal: [] }))
      expect(message).toMatch(/^plain\.yaml:\d+: heldOut: no row is left to train on; /)
    })
  )
})

describe("scenario - those that come with the project", () => {
  const joined = (file: string) =>
    Effect.gen(function* () {
      const loaded = yield* loadScenario(`scenarios/${file}`)
      const data = yield* checkData(loaded)
      const { scenario } = loaded
      const joined = joinData(scenario, data, (ids) => digestIds(seededKey(scenario.seed!, "rows"), ids))
      return { loaded, data: joined, scenario }
    }).pipe(Effect.provide(NodeContext.layer))

  it.effect.each([
    ["three-hospitals.yaml", 456, 113],
    ["two-labs.yaml", 120, 30],
    ["patchwork.yaml", 456, 113],
    ["two-of-three.yaml", 456, 113],
    ["mnist-small.yaml", 2000, 1000]
  ] as const)(
    "%s covers every cell of its real data once, and nothing is to be feared for its result",
    ([file, training, heldOut]) =>
      Effect.gen(function* () {
        const { data, loaded, scenario } = yield* joined(file)
        expect(data.rows).toMatchObject({ total: training + heldOut, training, heldOut })
        expect(yield* foresee(loaded, agreementOf(scenario), data)).toEqual([])
      })
  )

  it.effect("patchwork joins to the very table of three-hospitals, its unsplit twin", () =>
    Effect.gen(function* () {
      const [patchwork, twin] = [yield* joined("patchwork.yaml"), yield* joined("three-hospitals.yaml")]
      expect(patchwork.data.training()).toEqual(twin.data.training())
      expect(patchwork.data.heldOut()).toEqual(twin.data.heldOut())
      expect(patchwork.scenario.seed).toBe(twin.scenario.seed)
      expect(patchwork.scenario.training).toEqual(twin.scenario.training)
      expect(patchwork.scenario.network).toEqual(twin.scenario.network)
      expect(patchwork.scenario.data).toEqual(twin.scenario.data)
    })
  )

  it.effect(
    "pathology holds labels and nothing else in patchwork, and no row and no feature is with one user",
    () =>
      Effect.gen(function* () {
        const { data } = yield* joined("patchwork.yaml")
        const columnsOf = data.placed.map(
          ({ training }) => new Set(training.flatMap(({ columns }) => [...columns]))
        )
        expect([...columnsOf[3]!]).toEqual([30, 31])
        for (let column = 0; column < 30; column++) {
          expect(columnsOf.filter((columns) => columns.has(column)).length).toBeGreaterThan(1)
        }
      })
  )
})
