/** `bicameral admit`: three users sign one file after the other, and what is refused before anything is signed. */
import { chmod, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Redacted } from "effect"
import { agreementDigest } from "../../../actors/party/agreement.ts"
import { drawIdentities, identityIn } from "../../../actors/party/identities.ts"
import { fingerprintOf } from "../../../protocol/channels/fingerprint.ts"
import { publicIdentity, publicTextOf } from "../../../protocol/channels/identity.ts"
import { maxAskers } from "../../../protocol/messages/subjects.ts"
import { admitted } from "../../../protocol/serving/admission.ts"
import { admissionOfText } from "../../../protocol/serving/admission-text.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { loadScenario } from "../../../scenarios/description/load.ts"
import { preparationBytes, preparationOfModel } from "../../../scenarios/model/preparation-file.ts"
import { listUsers, partiesListed } from "../../support/identities-given.ts"
import { command } from "../../support/in-process.ts"
import { splits, writeScenario } from "../../support/small-scenario.ts"
import { model } from "../model/example.ts"

const identities = drawIdentities("asker1")
const textOf = (actor: string) => publicTextOf(identityIn(identities, actor))

/** A scenario with all identities, the identity of each user in a file, and the preparation. */
const company = Effect.gen(function* () {
  const { folder, file: scenario } = yield* writeScenario(splits.rows, { parties: partiesListed(identities) })
  yield* listUsers(scenario, identities)
  const identity = (actor: string) => join(folder, `${actor}.identity`)
  const preparation = join(folder, "preparation.json")
  yield* Effect.promise(async () => {
    for (const actor of ["user1", "user2", "user3", "cloud0"]) {
      await writeFile(identity(actor), `${Redacted.value(identities[actor]!)}\n`)
      await chmod(identity(actor), 0o600)
    }
    await writeFile(preparation, preparationBytes(preparationOfModel(model)))
  })
  const file = join(folder, "admission.json")
  const admit = (...words: ReadonlyArray<string>) => command("admit", file, "--scenario", scenario, ...words)
  const begin = (...words: ReadonlyArray<string>) =>
    admit(
      ...["--run", "trial-1", "--as", "asker1", "--asker", textOf("asker1"), "--rows", "1000"],
      ...["--until", "2100-01-01", "--preparation", preparation, ...words]
    )
  const sign = (actor: string, ...words: ReadonlyArray<string>) =>
    admit("--identity", identity(actor), "--preparation", preparation, ...words)
  return { folder, scenario, file, identity, preparation, admit, begin, sign }
})

const textIn = (file: string) => Effect.promise(() => readFile(file, "utf8"))

describe("bicameral admit", () => {
  it.scopedLive("takes the users' signatures one after the other, and says whose are missing", () =>
    Effect.gen(function* () {
      const { admit, begin, file, identity, scenario, sign } = yield* company
      const first = yield* begin("--identity", identity("user1"))
      expect(first).toMatchObject({ status: 0, complained: "" })
      expect(first.printed).toContain(`asker        asker1, fingerprint ${fingerprintOf(textOf("asker1"))}`)
      expect(first.printed).toContain("quota        1,000 rows in all\nuntil        2100-01-01T00:00:00.000Z")
      expect(first.printed).toMatch(/^signed by {4}north$/m)
      expect(first.printed).toMatch(/^missing {6}south, west: /m)
      yield* sign("user3")
      const before = yield* textIn(file)
      expect((yield* admit()).printed).toMatch(/^missing {6}south: /m)
      expect(yield* textIn(file)).toBe(before)
      expect((yield* sign("user2")).printed).toContain("all users have signed: give ")
      const { scenario: loaded } = yield* Effect.provide(loadScenario(scenario), nodeContext)
      const parties = new Map(
        ["kgc", "user1", "user2", "user3"].map((actor) => [actor, publicIdentity(textOf(actor))!])
      )
      const admission = Either.getOrThrow(admissionOfText(yield* textIn(file)))
      const agreement = agreementDigest(agreementOf(loaded))
      expect(Either.isRight(admitted(admission, { run: "trial-1", agreement, parties }))).toBe(true)
    })
  )

  it.scopedLive("signs nothing for a stranger, without the user's own preparation, or with another", () =>
    Effect.gen(function* () {
      const { admit, begin, file, folder, identity, sign } = yield* company
      yield* begin()
      const before = yield* textIn(file)
      expect((yield* sign("cloud0")).complained).toMatch(/identity of none of the users/)
      expect((yield* admit("--identity", identity("user1"))).complained).toMatch(
        /give yours with --preparation/
      )
      const other = join(folder, "other.json")
      const changed = preparationBytes(preparationOfModel({ ...model, fractionalBits: 19 }))
      yield* Effect.promise(() => writeFile(other, changed))
      const refused = yield* admit("--identity", identity("user1"), "--preparation", other)
      expect(refused.complained).toMatch(/other.json is not the preparation that the admission names/)
      expect(yield* textIn(file)).toBe(before)
    })
  )

  it.scopedLive("leaves what an admission says as it is", () =>
    Effect.gen(function* () {
      const { file, begin, sign } = yield* company
      yield* begin()
      const before = yield* textIn(file)
      const { status, complained } = yield* sign("user1", "--rows", "9999999")
      expect([status, complained]).toEqual([1, expect.stringMatching(/leave out --rows, or name a new file/)])
      expect(yield* textIn(file)).toBe(before)
    })
  )

  it.scopedLive("refuses an admission that was changed, is over, or is of another scenario", () =>
    Effect.gen(function* () {
      const { admit, begin, file, identity, scenario, sign } = yield* company
      yield* begin("--identity", identity("user1"))
      const text = yield* textIn(file)
      const write = (changed: string) => Effect.promise(() => writeFile(file, changed))
      yield* write(text.replace('"rows": 1000', '"rows": 1001'))
      expect((yield* sign("user2")).complained).toMatch(/the signature of user1 is none of that user's/)
      yield* write(text.replace("2100-01-01", "2001-01-01"))
      expect((yield* sign("user2")).complained).toMatch(/the signature of user1/)
      yield* write(text.replace(/"signatures": \[[\s\S]*\]/, '"signatures": []').replace("2100", "2001"))
      expect((yield* sign("user2")).complained).toMatch(/its time is over/)
      yield* write(text)
      yield* Effect.promise(async () =>
        writeFile(scenario, (await readFile(scenario, "utf8")).replace(/epochs: \d+/, "epochs: 7"))
      )
      expect((yield* admit()).complained).toMatch(/the admission is for another scenario/)
    })
  )

  it.scopedLive("refuses a party under another name, and an admission without its parts", () =>
    Effect.gen(function* () {
      const { admit, begin, preparation } = yield* company
      const rest = ["--run", "r", "--rows", "1", "--until", "2100-01-01", "--preparation", preparation]
      for (const name of [`asker${maxAskers + 1}`, "asker0", "asker99"])
        expect((yield* admit("--as", name, "--asker", textOf("asker1"), ...rest)).complained).toContain(
          `asker1 to asker${maxAskers}`
        )
      const asCloud = yield* admit("--as", "asker1", "--asker", textOf("cloud0"), ...rest)
      expect(asCloud.complained).toMatch(/its key is that of another party/)
      const asUser = yield* admit("--as", "user2", "--asker", textOf("user1"), ...rest)
      expect(asUser.complained).toMatch(/its key is that of another party/)
      expect((yield* admit()).complained).toMatch(/there is no such file; to begin an admission, give --run/)
      expect((yield* begin("--log-level", "none")).status).toBe(0)
    })
  )
})
