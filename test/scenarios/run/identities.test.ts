import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { drawSecret, identityOfSecret, publicTextOf } from "../../../protocol/channels/identity.ts"
import { givenIdentities, ownIdentity } from "../../../scenarios/run/identities.ts"
import { withVariables } from "../../support/environment.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-own-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)
const secrets = [drawSecret(), drawSecret(), drawSecret()].map(Redacted.value)
const [named, managed, given] = secrets as [string, string, string]
const shown = (secret: string) => publicTextOf(identityOfSecret(secret)!)

describe("the identity of a party's process", () => {
  it.scoped("is that of the file that was named, else of the service manager, else of the environment", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const file = join(path, "me")
      yield* Effect.promise(() => writeFile(file, named, { mode: 0o600 }))
      // As systemd leaves it to a group.
      yield* Effect.promise(() => writeFile(join(path, "kgc.identity"), managed, { mode: 0o440 }))
      const variables = { CREDENTIALS_DIRECTORY: path, KGC_IDENTITY: given, CLOUD0_IDENTITY: given }
      const own = (actor: string, option: Option.Option<string>, env: Record<string, string> = variables) =>
        Effect.map(withVariables(env)(ownIdentity(actor, option)), publicTextOf)
      expect(yield* own("kgc", Option.some(file))).toBe(shown(named))
      expect(yield* own("kgc", Option.none())).toBe(shown(managed))
      expect(yield* own("cloud0", Option.none())).toBe(shown(given))
      expect(yield* own("kgc", Option.none(), { KGC_IDENTITY: given })).toBe(shown(given))
    })
  )

  it.scoped("is none where none of these is there, or what is there is none, which is not repeated", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const attempt = (env: Record<string, string>) =>
        Effect.map(
          Effect.flip(withVariables(env)(ownIdentity("kgc", Option.none()))),
          ({ message }) => message
        )
      expect(yield* attempt({ CREDENTIALS_DIRECTORY: path })).toMatch(
        /kgc has no identity: neither kgc\.identity in \$CREDENTIALS_DIRECTORY nor KGC_IDENTITY is there; .*--identity FILE/
      )
      const cut = given.slice(0, -1)
      const malformed = yield* attempt({ KGC_IDENTITY: cut })
      expect(malformed).toContain("KGC_IDENTITY is no secret of a party")
      expect(malformed).not.toContain(cut)
      yield* Effect.promise(() => writeFile(join(path, "kgc.identity"), cut))
      expect(yield* attempt({ CREDENTIALS_DIRECTORY: path, KGC_IDENTITY: given })).toContain(
        "holds no secret of a party"
      )
    })
  )

  it.effect("is needed of every party where a broker knows them already", () =>
    Effect.gen(function* () {
      const both = withVariables({ KGC_IDENTITY: given, CLOUD0_IDENTITY: named })
      expect(Object.keys(yield* both(givenIdentities(["kgc", "cloud0"])))).toEqual(["kgc", "cloud0"])
      const { message } = yield* Effect.flip(both(givenIdentities(["kgc", "cloud1"])))
      expect(message).toContain("cloud1 has no identity")
    })
  )
})
