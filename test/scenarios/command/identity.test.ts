import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { drawIdentities, identityIn } from "../../../actors/party/identities.ts"
import { publicTextOf } from "../../../protocol/channels/identity.ts"
import { publicNkey } from "../../../protocol/channels/nkey.ts"
import { everyUser } from "../../../runtime/broker/start.ts"
import { checkScenario } from "../../../scenarios/command/check.ts"
import { showIdentity, showNkeys } from "../../../scenarios/command/identity.ts"
import { listUsers, partiesListed } from "../../support/identities-given.ts"
import { splits, temporaryFolder, writeScenario } from "../../support/small-scenario.ts"

const identities = drawIdentities()
const textOf = (actor: string) => publicTextOf(identityIn(identities, actor))
const others = ["kgc", "cloud0", "cloud1", "director"]
const parties = partiesListed(identities)

describe("bicameral identity", () => {
  it.scoped("gives the public text first, the lines for the scenario, and nothing secret", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const [file, seed] = [join(folder, "me"), join(folder, "seed")]
      const { text: first, value } = yield* showIdentity({ file, nkey: Option.some(seed) })
      const [text] = first.split("\n")
      expect(first).toContain(`\n  kgc: ${text}\n`)
      expect(first).toContain(`\n  identity: ${text}\n`)
      expect(first).toContain(`${file} is new`)
      const { text: again } = yield* showIdentity({ file, nkey: Option.none() })
      expect(again).toBe(first.slice(0, first.indexOf("\n\n", first.indexOf("  identity: "))))
      for (const secret of [file, seed]) {
        const line = (yield* Effect.promise(() => readFile(secret, "utf8"))).trim()
        expect(first).not.toContain(line.slice(20))
        expect(JSON.stringify(value)).not.toContain(line.slice(20))
      }
      const nkey = Redacted.make((yield* Effect.promise(() => readFile(seed, "utf8"))).trim())
      expect(text).toMatch(new RegExp(`\\.${publicNkey(nkey)}$`))
    })
  )
})

describe("bicameral nkeys", () => {
  it.scoped("gives the broker the NKEYs of all parties, and users that nobody has theirs", () =>
    Effect.gen(function* () {
      const { file } = yield* writeScenario(splits.rows, { parties })
      yield* listUsers(file, identities)
      const lines = (yield* Effect.provide(showNkeys(file), nodeContext)).text.split("\n")
      const given = new Map(lines.map((line) => line.split("=") as [string, string]))
      expect([...given.keys()]).toEqual(everyUser.map((user) => `${user.toUpperCase()}_NKEY`))
      expect(new Set(given.values()).size).toBe(everyUser.length)
      for (const actor of [...others, "user1", "user2", "user3"])
        expect(given.get(`${actor.toUpperCase()}_NKEY`)).toBe(publicNkey(identityIn(identities, actor).nkey))
      expect(given.get("USER4_NKEY")).toMatch(/^U[A-Z2-7]{55}$/)
    })
  )

  it.scoped("names the parties whose identities the scenario lacks", () =>
    Effect.gen(function* () {
      const { file } = yield* writeScenario(splits.rows, { parties: { ...parties, cloud1: undefined } })
      yield* listUsers(file, identities, ["south"])
      const { message } = yield* Effect.flip(Effect.provide(showNkeys(file), nodeContext))
      expect(message).toMatch(
        /lists no identity of cloud1, user2; have each owner make one with `bicameral identity`/
      )
    })
  )
})

describe("bicameral check", () => {
  const line = (changes: object, without: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const { file } = yield* writeScenario(splits.rows, changes)
      yield* listUsers(file, identities, without)
      const request = { file, hosts: Option.none(), calibration: Option.none() }
      const { text: said } = yield* Effect.provide(checkScenario(request), nodeContext)
      return said.split("\n").find((each) => each.startsWith("identities"))
    })

  it.scoped("says whose identities are missing", () =>
    Effect.gen(function* () {
      expect(yield* line({ parties }, [])).toBe("identities   listed of all parties")
      expect(yield* line({}, ["north", "south", "west"])).toMatch(
        /^identities {3}none listed: a run on this machine/
      )
      expect(yield* line({ parties: { kgc: textOf("kgc") } }, ["south"])).toMatch(
        /^identities {3}missing of cloud0, cloud1, director, south: each owner makes one with bicameral identity/
      )
    })
  )
})
