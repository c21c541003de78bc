import { FileSystem, Path } from "@effect/platform"
import { SystemError } from "@effect/platform/Error"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Layer, Option } from "effect"
import { stringify } from "yaml"
import { seededKey } from "../../protocol/seeding.ts"
import { checkData, joinData } from "../../scenarios/joined.ts"
import { loadScenario, parseScenario, readUserTables, ScenarioError } from "../../scenarios/load.ts"
import { plainScenario } from "./plain-scenario.ts"

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
      "scenarios/plain.yaml:5: data.features.length: must be [least, greatest], two numbers, the first below the second; or {count, range} for columns that are numbered",
      "scenarios/plain.yaml:13: users[0].holds[0].colums: is not known here; what may be said is file, encoding, columns, header, rows, part, ids, heldOut; did you mean columns?",
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

describe("scenario - data", () => {
  it.effect("joins what the users hold", () =>
    Effect.gen(function* () {
      const { loaded, data } = Either.getOrThrow(yield* checked({ "north.csv": north, "south.csv": south }))
      expect(data.rows).toBe(3)
      const joined = joinData(loaded.scenario, data, new Uint8Array(16))
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
        "south.csv:2: column kind of row s1 (user south) is not one of the labels a, b; correct the label, or add it to the scenario's list",
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
      const pooled = yield* checked(contents, { ...columns, reveal: ["accuracy", "heldOutRows"] })
      expect(Either.isRight(pooled)).toBe(true)
    })
  )
})

describe("scenario - those that come with the project", () => {
  const joined = (file: string) =>
    Effect.gen(function* () {
      const loaded = yield* loadScenario(`scenarios/${file}`)
      const data = yield* checkData(loaded)
      return {
        data: joinData(loaded.scenario, data, seededKey(loaded.scenario.seed!, "rows")),
        scenario: loaded.scenario
      }
    }).pipe(Effect.provide(NodeContext.layer))

  it.effect.each([
    ["three-hospitals.yaml", 456, 113],
    ["two-labs.yaml", 120, 30],
    ["patchwork.yaml", 456, 113],
    ["mnist-small.yaml", 2000, 1000]
  ] as const)("%s covers every cell of its real data once", ([file, training, heldOut]) =>
    Effect.gen(function* () {
      const { data } = yield* joined(file)
      expect(data.rows).toMatchObject({ total: training + heldOut, training, heldOut })
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
