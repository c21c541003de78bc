import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { identityOfSecret, publicTextOf } from "../../../protocol/channels/identity.ts"
import { identityAt, readIdentity, writeNkey } from "../../../scenarios/folders/identity-file.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-identity-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)
const text = (path: string) => Effect.promise(() => readFile(path, "utf8"))
const modeOf = (path: string) => Effect.promise(async () => (await stat(path)).mode & 0o777)

describe("the file of an identity", () => {
  it.scoped("is made once, for its owner's eyes only, and only shown from then on", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "me")
      const first = yield* identityAt(file)
      expect(first.made).toBe(true)
      expect(yield* modeOf(file)).toBe(0o600)
      const secret = yield* text(file)
      expect(secret).toMatch(/^bicameral-secret-[\w-]{43}\n$/)
      expect(publicTextOf(identityOfSecret(secret.trim())!)).toBe(publicTextOf(first.identity))
      const second = yield* identityAt(file)
      expect(second.made).toBe(false)
      expect(publicTextOf(second.identity)).toBe(publicTextOf(first.identity))
      expect(yield* text(file)).toBe(secret)
    })
  )

  it.scoped("is read behind a link, and as an editor leaves it", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const file = join(path, "me")
      const { identity } = yield* identityAt(file)
      yield* Effect.promise(async () => {
        await symlink(file, join(path, "link"))
        await writeFile(file, (await readFile(file, "utf8")).replace("\n", "\r\n\r\n"))
      })
      expect(publicTextOf(yield* readIdentity(join(path, "link")))).toBe(publicTextOf(identity))
    })
  )

  it.scoped("is refused where others may read it, unless the service manager sees to that", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "me")
      yield* identityAt(file)
      for (const mode of [0o640, 0o604, 0o620, 0o644]) {
        yield* Effect.promise(() => chmod(file, mode))
        const { message } = yield* Effect.flip(readIdentity(file))
        expect(message).toContain(`its mode is ${mode.toString(8)}`)
        expect(message).toContain(`chmod 600 ${file}`)
        expect(yield* Effect.flip(identityAt(file))).toMatchObject({ _tag: "IdentityFileUnfit" })
        yield* readIdentity(file, "by the service manager")
      }
      yield* Effect.promise(() => chmod(file, 0o400))
      yield* readIdentity(file)
    })
  )

  it.scoped("is refused where it is none, and nothing of it is said", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const secret = yield* identityAt(join(path, "good"))
      const good = (yield* text(join(path, "good"))).trim()
      const wrong = [
        ["", /holds no secret/],
        [good.slice(0, -1), /holds no secret/],
        [`${good}\n${good}`, /holds no secret/],
        [`${good}${" ".repeat(300)}`, /holds no secret/],
        [publicTextOf(secret.identity), /holds the public text of an identity, not its secret/]
      ] as const
      for (const [content, says] of wrong) {
        const file = join(path, "wrong")
        yield* Effect.promise(() => writeFile(file, content, { mode: 0o600 }))
        const { message } = yield* Effect.flip(readIdentity(file))
        expect(message).toMatch(says)
        expect(message).toContain("name the file that `bicameral identity` made")
        expect(message).not.toContain(good.slice(0, -1))
        expect(yield* text(file), "an identity is never overwritten").toBe(content)
      }
      const below = join(path, "none", "me")
      yield* Effect.promise(() => mkdir(join(path, "folder")))
      expect((yield* Effect.flip(readIdentity(join(path, "folder")))).message).toContain("it is no file")
      expect((yield* Effect.flip(readIdentity(below))).message).toContain(
        `make one with \`bicameral identity ${below}\``
      )
      expect((yield* Effect.flip(identityAt(below))).message).toContain(
        `make the folder ${join(path, "none")} first`
      )
    })
  )

  it.scoped("gives the seed of its NKEY to a file of its own, which is never overwritten", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const { identity } = yield* identityAt(join(path, "me"))
      const seed = join(path, "seed")
      yield* writeNkey(seed, identity)
      expect(yield* text(seed)).toBe(`${Redacted.value(identity.nkey)}\n`)
      expect(yield* modeOf(seed)).toBe(0o600)
      const { message } = yield* Effect.flip(writeNkey(seed, identity))
      expect(message).toMatch(/something of this name is there, and is never overwritten; name another/)
    })
  )
})
