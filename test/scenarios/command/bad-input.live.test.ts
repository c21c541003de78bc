/**
 * Bad input at the command line, each with an error that names culprit and remedy, another exit status than 0, and nothing
 * computed: no party started, nothing in the out folder.
 */
import { access, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { drawIdentities, keysOf, usersOf } from "../../../actors/party/identities.ts"
import { operator, startOwnBroker } from "../../../runtime/broker/start.ts"
import { holdFolder } from "../../../runtime/storage/folder-lock.ts"
import { keysText, keysVariable } from "../../../scenarios/run/identities.ts"
import { identitiesGiven } from "../../support/identities-given.ts"
import { command } from "../../support/in-process.ts"
import { bicameral, program, ran } from "../../support/program.ts"
import {
  csv,
  type Leaf,
  leaves,
  read,
  runInMemory,
  type Split,
  splits,
  writeScenario
} from "../../support/small-scenario.ts"

const exists = (path: string) =>
  Effect.promise(() =>
    access(path).then(
      () => true,
      () => false
    )
  )

/** What `run` and `check` say of a scenario that neither may accept. */
const refused = (split: Split, changes: object, files: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const { file, out } = yield* writeScenario(split, changes, files)
    const ran = yield* command("run", file, "--out", out, "--transport", "memory")
    expect(ran.status).toBe(1)
    expect(ran.printed).not.toContain("setup:")
    expect(yield* exists(out)).toBe(false)
    const checked = yield* command("check", file)
    expect(checked.status).toBe(1)
    expect(checked.complained).toBe(ran.complained)
    return ran.complained
  })

const whole = ["length", "width", "veins", "weight", "kind"]
const northern = leaves.slice(0, 20)
const changed = (column: string, value: string): ReadonlyArray<Leaf> =>
  northern.map((leaf, i) => (i === 3 ? { ...leaf, cells: { ...leaf.cells, [column]: value } } : leaf))

describe("bad input - data", () => {
  it.scopedLive("a missing column", () =>
    Effect.gen(function* () {
      const without = whole.filter((column) => column !== "veins")
      const said = yield* refused(splits.rows, {}, { "north-0.csv": csv(northern, without) })
      expect(said).toMatch(/north-0\.csv:1: column veins \(user north\) is missing from the header; ./)
    })
  )

  it.scopedLive("text where a number belongs", () =>
    Effect.gen(function* () {
      const said = yield* refused(splits.rows, {}, { "north-0.csv": csv(changed("width", "broad"), whole) })
      expect(said).toMatch(
        /north-0\.csv:5: column width of row leaf-3 \(user north\) is not a number; write ./
      )
      expect(said).not.toContain("broad")
    })
  )

  it.scopedLive("a value out of its public range", () =>
    Effect.gen(function* () {
      const said = yield* refused(splits.rows, {}, { "north-0.csv": csv(changed("weight", "1.01"), whole) })
      expect(said).toMatch(
        /north-0\.csv:5: column weight of row leaf-3 \(user north\) is outside .*\[0, 1\]; correct ./
      )
    })
  )

  it.scopedLive("an unknown label", () =>
    Effect.gen(function* () {
      const said = yield* refused(splits.rows, {}, { "north-0.csv": csv(changed("kind", "oak"), whole) })
      expect(said).toMatch(
        /column kind of row leaf-3 \(user north\) is not one of the labels ash, elm; correct ./
      )
    })
  )

  it.scopedLive("cells covered twice", () =>
    Effect.gen(function* () {
      const [north, south, west] = splits.rows
      const again: Split = [north!, [[leaves.slice(19, 45), whole]], west!]
      expect(south).toBeDefined()
      const said = yield* refused(again, {})
      expect(said).toMatch(/5 cells are held more than once; let one user declare each cell/)
      expect(said).toMatch(/row leaf-19: length, width, veins, weight, kind \(north and south\)/)
    })
  )

  it.scopedLive("cells covered by nobody", () =>
    Effect.gen(function* () {
      const [lengths, weights, kinds] = splits.columns
      expect(weights).toBeDefined()
      const said = yield* refused([lengths!, [[leaves, ["veins"]]], kinds!], {})
      expect(said).toMatch(/60 cells are held by nobody; add ./)
      expect(said).toMatch(
        /weight \(other cells of the row: north, south, west; nobody holds these columns\)/
      )
    })
  )

  it.scopedLive("ids that do not match", () =>
    Effect.gen(function* () {
      const renamed = leaves.map((leaf) => (leaf.id === "leaf-7" ? { ...leaf, id: "stranger" } : leaf))
      const said = yield* refused(splits.columns, {}, { "south-0.csv": csv(renamed, ["veins", "weight"]) })
      expect(said).toMatch(/row leaf-7: veins, weight \(other cells of the row: north, west/)
      expect(said).toMatch(/row stranger: length, width, kind \(other cells of the row: south/)
    })
  )
})

describe("bad input - security", () => {
  it.scopedLive("a modulus below 2048 bits without the flag", () =>
    Effect.gen(function* () {
      const said = yield* refused(splits.rows, { security: { modulusBits: 1024 } })
      expect(said).toMatch(
        /leaves\.yaml:\d+: security\.modulusBits: 1024 bits can be factored; use 2048 or 3072/
      )
    })
  )
})

describe("bad input - words of the command", () => {
  it.scopedLive("a seed that is none, an unknown role, an identity that is missing or none", () =>
    Effect.gen(function* () {
      const { file, folder, out } = yield* writeScenario(splits.rows)
      for (const seed of ["-1", "1.5", "one"]) {
        const { complained, status } = yield* command("run", file, "--out", out, "--seed", seed)
        expect(status).toBe(1)
        expect(complained).toMatch(/seed|integer/)
      }
      const actor = (role: string, ...more: ReadonlyArray<string>) =>
        command("actor", role, "--scenario", file, "--run", "r1", "--state", join(folder, "state"), ...more)
      const unknown = yield* actor("east")
      expect(unknown.status).toBe(1)
      expect(unknown.complained).toMatch(
        /"east" is no party of this scenario; choose one of kgc, cloud0, cloud1, .*north, south, west/
      )
      const nameless = yield* actor("cloud1")
      expect(nameless.status).toBe(1)
      expect(nameless.complained).toMatch(
        /cloud1 has no identity: .*CLOUD1_IDENTITY.*bicameral identity FILE/
      )
      const malformed = yield* actor("north", "--identity", file)
      expect(malformed.status).toBe(1)
      expect(malformed.complained).toContain(`${file} gives no identity: `)
      expect(yield* exists(join(folder, "state"))).toBe(false)
      expect(yield* exists(out)).toBe(false)
    })
  )
})

describe("bad input - the out folder", () => {
  it.scopedLive("one that can't be written, before any party is started", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* writeScenario(splits.rows)
      const occupied = join(folder, "occupied")
      yield* Effect.promise(() => writeFile(occupied, ""))
      for (const out of [occupied, join(occupied, "below"), "/proc/nowhere"]) {
        const { complained, printed, status } = yield* command("run", file, "--out", out)
        expect(status).toBe(1)
        expect(complained).toMatch(/the out folder .* can't be written: .*; choose another with --out/)
        expect(complained).toContain(out)
        expect(printed).not.toContain("setup:")
      }
    })
  )

  it.scopedLive("one that another process is using, and a party's own folder that is", () =>
    Effect.gen(function* () {
      const { file, folder, out } = yield* writeScenario(splits.rows)
      const state = join(folder, "kgc")
      for (const held of [out, state]) yield* holdFolder(held)
      const [run, actor] = yield* Effect.all(
        [
          bicameral(["run", file, "--out", out]),
          bicameral(["actor", "kgc", "--scenario", file, "--run", "r1", "--state", state], {
            ...identitiesGiven(identities),
            NATS_URL: "nats://127.0.0.1:1",
            [keysVariable]: keysText(keysOf(identities))
          })
        ],
        { concurrency: "unbounded" }
      )
      for (const [{ complained, status }, held] of [[run, out] as const, [actor, state] as const]) {
        expect(status).toBe(1)
        expect(complained).toContain(`the folder ${held} is in use by process ${process.pid}`)
      }
    })
  )

  it.scopedLive("one whose disk is full, in which all of an earlier run stays", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.rows)
      yield* runInMemory(file, out)
      const before = yield* read(out, "run.json")
      const model = yield* read(out, "model.json")
      // No file may grow beyond nothing, which the system says as it says that a disk is full.
      const run = [process.execPath, program, "run", file, "--out", out, "--transport", "memory"]
      const { complained, status } = yield* ran("/bin/sh", ["-c", 'ulimit -f 0; exec "$@"', "sh", ...run])
      expect(status).toBe(1)
      expect(complained).toBe(
        `bicameral: the out folder ${out} can't be written: the file is too large for this disk; choose another with --out\n`
      )
      expect(yield* read(out, "run.json")).toBe(before)
      expect(yield* read(out, "model.json")).toBe(model)
    })
  )

  it.scopedLive("one that another run takes in the same moment", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.rows, { seed: 5 })
      const run = bicameral(["run", file, "--out", out, "--transport", "memory"])
      const both = yield* Effect.all([run, run], { concurrency: "unbounded" })
      expect(both.map(({ status }) => status).sort()).toEqual([0, 1])
      expect(both.map(({ complained }) => complained).join("")).toMatch(
        /^bicameral: the (out )?folder .* (is in use by process \d+|was used by another run at the same time)/
      )
      const { run: begun } = JSON.parse(yield* read(out, "run.json"))
      expect(JSON.parse(yield* read(out, "result.json"))).toMatchObject({ run: begun, seed: 5 })
    })
  )
})

const identities = drawIdentities(operator)

/** A port of the loopback at which nobody listens. */
const closedPort = Effect.promise(
  () =>
    new Promise<number>((resolve) => {
      const server = createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address() as { readonly port: number }
        server.close(() => resolve(port))
      })
    })
)

describe("bad input - the broker", () => {
  it.scopedLive("nobody where NATS_URL points: an earlier run stays in the out folder", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.rows)
      yield* runInMemory(file, out)
      const model = yield* read(out, "model.json")
      const url = `nats://127.0.0.1:${yield* closedPort}`
      const { complained, printed, status } = yield* bicameral(["run", file, "--out", out], {
        ...identitiesGiven(identities),
        NATS_URL: url
      })
      expect(status).toBe(1)
      expect(complained).toMatch(
        /^bicameral: no NATS broker answers at nats:\/\/127\.0\.0\.1:\d+: .*NATS_URL/
      )
      expect(yield* read(out, "model.json")).toBe(model)
      expect(printed).not.toContain("setup:")
    })
  )

  it.scopedLive("NATS_URL without the identities that its broker knows", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.rows)
      const { complained, status } = yield* bicameral(["run", file, "--out", out], {
        NATS_URL: "nats://127.0.0.1:1"
      })
      expect(status).toBe(1)
      expect(complained).toMatch(/director has no identity: .*DIRECTOR_IDENTITY/)
    })
  )

  it.scopedLive("a broker that knows another NKEY, of which nothing secret is said", () =>
    Effect.gen(function* () {
      const { file, folder, out } = yield* writeScenario(splits.rows)
      const { url } = yield* startOwnBroker({ credentials: usersOf(identities) })
      const wrong = drawIdentities()
      const { complained, printed, status } = yield* bicameral(["run", file, "--out", out], {
        ...identitiesGiven(identities),
        ...identitiesGiven({ director: wrong.director! }),
        NATS_URL: url
      })
      expect(status).toBe(1)
      expect(complained).toMatch(/refuses the credentials of "director": .*DIRECTOR_NKEY=U/)
      expect(printed).not.toContain("setup:")
      expect(yield* exists(out)).toBe(false)

      const party = yield* bicameral(
        ["actor", "kgc", "--scenario", file, "--run", "r1", "--state", join(folder, "kgc")],
        { ...identitiesGiven(wrong), NATS_URL: url, [keysVariable]: keysText(keysOf(wrong)) }
      )
      expect(party.status).toBe(1)
      expect(party.complained).toMatch(/refuses the credentials of "kgc": .*KGC_NKEY=U/)
      for (const { complained: said } of [{ complained }, party])
        for (const secret of Object.values(wrong)) expect(said).not.toContain(Redacted.value(secret))
    })
  )
})
