/**
 * The file of a party's identity: its secret in one line, which nobody but the owner may read. It is made once and never
 * overwritten; all that a party proves itself with follows from it.
 */
import { constants } from "node:fs"
import { type FileHandle, open, unlink } from "node:fs/promises"
import { dirname } from "node:path"
import { Data, Effect, Redacted } from "effect"
import {
  drawSecret,
  identityOfSecret,
  type PartyIdentity,
  publicIdentity
} from "../../protocol/channels/identity.ts"
import { fileReason } from "../../runtime/file-reason.ts"

/** The file of an identity can't be read or made, holds none, or is not kept secret. */
export class IdentityFileUnfit extends Data.TaggedError("IdentityFileUnfit")<{
  readonly file: string
  readonly reason: string
  readonly remedy: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file} gives no identity: ${this.reason}; ${this.remedy}`
  }
}

/** An identity is one line of less than this many bytes. */
const mostBytes = 256
const ownersOnly = 0o600
const others = 0o077

const codeOf = (cause: unknown): string | undefined => (cause as NodeJS.ErrnoException | undefined)?.code

const makeOne = (file: string): string => `make one with \`bicameral identity ${file}\``

/** `kept` says who keeps the file from others: its mode, or the service manager that put it there. */
const identityIn = async (
  handle: FileHandle,
  file: string,
  kept: "by its mode" | "by the service manager"
): Promise<PartyIdentity | IdentityFileUnfit> => {
  const unfit = (reason: string, remedy: string) => new IdentityFileUnfit({ file, reason, remedy })
  const stats = await handle.stat()
  const another = "name the file that `bicameral identity` made"
  if (!stats.isFile()) return unfit("it is no file", another)
  const mode = stats.mode & 0o777
  if (kept === "by its mode" && (mode & others) !== 0 && process.platform !== "win32")
    return unfit(
      `its mode is ${mode.toString(8)}, so others than its owner may use it`,
      `take that away with chmod 600 ${file}, and make another identity if one of them may have read it`
    )
  const text = stats.size > mostBytes ? "" : (await handle.readFile("utf8")).trimEnd()
  const identity = identityOfSecret(text)
  if (identity !== undefined) return identity
  return publicIdentity(text) === undefined
    ? unfit("it holds no secret of a party", another)
    : unfit("it holds the public text of an identity, not its secret", another)
}

/** The identity in a file. Nothing of the file is quoted in an error. */
export const readIdentity = (
  file: string,
  kept: "by its mode" | "by the service manager" = "by its mode"
): Effect.Effect<PartyIdentity, IdentityFileUnfit> =>
  Effect.tryPromise({
    try: async () => {
      // What only waits for a writer, such as a pipe, is not waited for.
      const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
      try {
        return await identityIn(handle, file, kept)
      } finally {
        await handle.close()
      }
    },
    catch: (cause) =>
      new IdentityFileUnfit({
        file,
        reason: fileReason(cause),
        remedy: codeOf(cause) === "ENOENT" ? makeOne(file) : "see that this user may read it"
      })
  }).pipe(Effect.flatMap((found) => (found instanceof IdentityFileUnfit ? found : Effect.succeed(found))))

/** Writes a file of one secret line that is not there yet. `false` where something of this name is. */
const writeNew = (file: string, line: Redacted.Redacted): Effect.Effect<boolean, IdentityFileUnfit> =>
  Effect.tryPromise({
    try: async () => {
      const handle = await open(file, "wx", ownersOnly)
      try {
        await handle.writeFile(`${Redacted.value(line)}\n`)
        await handle.sync()
      } catch (error) {
        await unlink(file)
        throw error
      } finally {
        await handle.close()
      }
      return true
    },
    catch: (cause) => cause
  }).pipe(
    Effect.catchAll((cause) =>
      codeOf(cause) === "EEXIST"
        ? Effect.succeed(false)
        : new IdentityFileUnfit({
            file,
            reason: fileReason(cause),
            remedy:
              codeOf(cause) === "ENOENT"
                ? `make the folder ${dirname(file)} first, readable by its owner only`
                : "name a file in a folder that can be written to"
          })
    )
  )

/** The identity in a file, which is made where it is not there. */
export const identityAt = (
  file: string
): Effect.Effect<{ readonly identity: PartyIdentity; readonly made: boolean }, IdentityFileUnfit> =>
  Effect.gen(function* () {
    const made = yield* writeNew(file, drawSecret())
    return { identity: yield* readIdentity(file), made }
  })

/** Writes the seed of an identity's NKEY to a file of its own, for a broker or tool that connects with it. */
export const writeNkey = (file: string, { nkey }: PartyIdentity): Effect.Effect<void, IdentityFileUnfit> =>
  Effect.flatMap(writeNew(file, nkey), (made) =>
    made
      ? Effect.void
      : new IdentityFileUnfit({
          file,
          reason: "something of this name is there, and is never overwritten",
          remedy: "name another file for the NKEY's seed, or remove this one"
        })
  )
