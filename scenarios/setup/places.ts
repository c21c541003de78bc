/** Where the files of an invitation lie: an invitee's next to the invitation, an inviter's in one folder. */
import { readFile, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { Effect, type Either } from "effect"
import { fileReason } from "../../runtime/file-reason.ts"
import { StoreFailed, writeWhole } from "../../runtime/storage/store.ts"
import { type LoadedScenario, parseScenario, type ScenarioError } from "../description/load.ts"
import { InvitationUnfit, invitationIn, type SignedInvitation } from "./invitation.ts"

const ending = ".invitation"

/** The file of a party's invitation in the inviter's folder. */
export const invitationFile = (folder: string, actor: string): string => join(folder, actor + ending)

/** The files of an invitee: what it makes lies next to the invitation and is called like it. */
export const placesOf = (invitation: string, run: string) => {
  const stem = invitation.endsWith(ending) ? invitation.slice(0, -ending.length) : invitation
  return {
    /** Its secret. */
    identity: `${stem}.identity`,
    /** What goes back to the inviter. */
    reply: `${stem}.reply`,
    /** The fingerprint of the inviter that was compared. */
    inviter: `${stem}.inviter`,
    /** The party's folder, one for each run. */
    state: join(`${stem}.runs`, run)
  }
}

/** Nothing that the program writes here is longer. */
const mostBytes = 20 * 2 ** 20

/** The text of a file; nothing if there is none. */
export const textAt = (file: string): Effect.Effect<string | undefined, StoreFailed> =>
  Effect.tryPromise({
    try: async () => {
      const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined
        throw error
      })
      if (found === undefined) return undefined
      if (!found.isFile() || found.size > mostBytes) throw new Error("it is no such file")
      return await readFile(file, "utf8")
    },
    catch: (error) => new StoreFailed({ operation: "read", place: file, reason: fileReason(error) })
  })

/** Writes a file of the program's own anew. */
export const writeText = (file: string, text: string): Effect.Effect<void, StoreFailed> =>
  Effect.tryPromise({
    try: () => writeWhole(dirname(file), basename(file), new TextEncoder().encode(text)),
    catch: (error) => new StoreFailed({ operation: "write", place: file, reason: fileReason(error) })
  })

/** The invitation in a file. */
export const readInvitation = (
  file: string
): Effect.Effect<SignedInvitation, StoreFailed | InvitationUnfit> =>
  Effect.flatMap(textAt(file), (text) =>
    text === undefined
      ? Effect.fail(new InvitationUnfit({ file, reason: "is not there; give the path of the invitation" }))
      : invitationIn(text, file)
  )

/** The scenario of an invitation: its data files are where they would be if it lay in the invitation's place. */
export const scenarioOf = (
  { scenario }: SignedInvitation,
  file: string
): Either.Either<LoadedScenario, ScenarioError> => parseScenario(scenario, file)
