/**
 * The transformation at C1 (section 4 of docs/concepts/protocol.md): with C0's help it brings both shares of every
 * user under the joint key, and archives them. The archive holds everything that is needed to use the data
 * again without any user.
 */
import { Deferred, Effect } from "effect"
import { type ArchivedUpload, encodeArchive } from "../../../protocol/archive/archive.ts"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import { UnifiedShare0 } from "../../../protocol/messages/transformation.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { Store } from "../../../runtime/storage/store.ts"
import type { Agreement } from "../../party/agreement.ts"
import { piecesInProgress } from "../../party/bcp-pool.ts"
import type { Membership } from "../../party/handouts.ts"
import type { Root } from "../../party/root.ts"
import { sharingOf } from "../../sharing/forms.ts"
import type { CredentialsFor } from "../setup/credentials.ts"
import type { Intake } from "../upload/intake.ts"
import { incomingShares } from "./incoming-shares.ts"
import { transformation } from "./transformation.ts"

/** The entry of the joint data set at rest in C1's store. */
export const archiveEntry = "archive"

/** Whether an entry of C1's store is of the archive: the whole, or a piece of a share (`protocol/archive/pieces.ts`). */
export const isOfArchive = (name: string): boolean =>
  name === archiveEntry || name.startsWith(`${archiveEntry}-`)

/** Stores the archive, and returns how many ciphertexts it has. */
const storeArchive = (
  { wire, parameters, unifiedPublicKey }: Membership,
  slotBits: number,
  uploads: ReadonlyArray<ArchivedUpload>
) =>
  Effect.gen(function* () {
    const { run } = yield* Party
    const store = yield* Store
    const { bits } = parameters
    const archive = { run, bits, modulus: wire.N, unifiedPublicKey, slotBits, uploads }
    yield* store.put(archiveEntry, yield* encodeArchive(archive))
    const bytes = uploads.reduce((sum, { share0, share1 }) => sum + share0.length + share1.length, 0)
    return bytes / ciphertextBytes(parameters)
  })

export const transformationAtCloud1 = (
  agreement: Agreement,
  credentials: CredentialsFor,
  intake: Intake,
  root: Root
) =>
  Effect.gen(function* () {
    const pieces = yield* piecesInProgress
    const shares0 = yield* incomingShares(agreement, "cloud0", UnifiedShare0)
    const { cloud1: form, slotBits } = sharingOf(agreement).upload
    const transformed = yield* transformation(agreement, credentials, intake, {
      itemBytes: form.itemBytes(agreement.security.modulusBits),
      transform: ({ membership, keys }, uploads, onItems) =>
        Effect.gen(function* () {
          yield* shares0.expect(uploads)
          const archiving = { agreement, membership, keys, root, pieces, onItems }
          const atRest = yield* Effect.forEach(uploads, (upload) => form.archive(upload, archiving))
          const received = yield* shares0.all
          const archived = uploads.map(({ user, blocks }, i) => ({
            ...{ user, blocks, share0: received.get(user)! },
            ...atRest[i]!
          }))
          return yield* storeArchive(membership, slotBits, archived)
        }),
      shareOf: (user) => form.share(user, root)
    })
    const handlers = [shares0.handler(credentials, Deferred.isDone(transformed.outcome))]
    return { ...transformed, forget: shares0.forget, handlers }
  })
