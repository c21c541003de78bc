/**
 * C0's shares under the joint key, as they arrive from the other cloud: at C1 for the archive, and at C0 from an archive
 * that is opened again.
 */
import { Deferred, Effect } from "effect"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import { countCells } from "../../../protocol/data/rows.ts"
import type { UnifiedShare0 } from "../../../protocol/messages/transformation.ts"
import { RunAssembly } from "../../../protocol/sharing/upload.ts"
import { within } from "../../../runtime/deadline.ts"
import { type Agreement, partTimeoutMs } from "../../party/agreement.ts"
import { BcpPool } from "../../party/bcp-pool.ts"
import { StillMissing } from "../../party/gathering.ts"
import { NotExpected, onFrom } from "../../party/handlers.ts"
import { awaited } from "../../party/prerequisites.ts"
import { sharingOf } from "../../sharing/forms.ts"
import type { Uploaded } from "../../sharing/sharing.ts"
import type { CredentialsFor } from "../setup/credentials.ts"
import { type StoredRun, storedRun } from "../upload/stored-run.ts"

/** Whose shares they are, and of which cells. */
type Held = Pick<Uploaded, "user" | "blocks">
type Runs = ReadonlyMap<string, StoredRun>

/** From the `other` cloud, by this `message`. */
export const incomingShares = (agreement: Agreement, other: string, message: typeof UnifiedShare0) =>
  Effect.gen(function* () {
    /** By user, as soon as it is known how many ciphertexts each will have. */
    const expected = yield* Deferred.make<Runs>()
    const complete = yield* Deferred.make<void>()
    const checkComplete = (runs: Runs) =>
      Array.from(runs.values()).every((run) => run.complete())
        ? Effect.asVoid(Deferred.succeed(complete, undefined))
        : Effect.void
    return {
      /** Begins to take the shares of these uploads. */
      expect: (uploads: ReadonlyArray<Held>) =>
        Effect.gen(function* () {
          if (!(yield* Deferred.isDone(expected)))
            yield* Deferred.succeed(expected, yield* runsOf(agreement, other, uploads))
          // They may be complete already: the other does not repeat what an earlier process of this cloud has
          // confirmed.
          yield* checkComplete(yield* Deferred.await(expected))
        }),
      /** All shares, by user, once they are complete. */
      all: Effect.gen(function* () {
        const waitedMs = partTimeoutMs(agreement)
        const what = "the shares under the joint key"
        yield* Deferred.await(complete).pipe(
          within(waitedMs, () => new StillMissing({ what, parties: [other], waitedMs }))
        )
        const wholes = new Map<string, Uint8Array>()
        for (const [user, run] of yield* Deferred.await(expected)) wholes.set(user, yield* run.whole)
        return wholes
      }),
      /** Removes them from stable storage. */
      forget: Effect.gen(function* () {
        if (!(yield* Deferred.isDone(expected))) return
        for (const run of (yield* Deferred.await(expected)).values()) yield* run.forget
      }),
      handler: (credentials: CredentialsFor, transformed: Effect.Effect<boolean>) =>
        onFrom(other, message, ({ user, first, ciphertexts }, from) =>
          Effect.gen(function* () {
            // The other crashed before it learned that all shares are here.
            if (yield* transformed) return {}
            const pool = yield* BcpPool
            const { keys } = yield* credentials("take shares")
            const { replyTimeoutMs } = agreement.deadlines
            const runs = yield* awaited(expected, "take shares", "it was to transform", replyTimeoutMs)
            const run = runs.get(user)
            if (run === undefined) return yield* new NotExpected({ what: `shares of ${user}`, party: from })
            yield* pool.run("checkReceived", { parameters: keys.parameters, ciphertexts })
            yield* run.place({ first, ciphertexts })
            yield* checkComplete(runs)
            return {}
          })
        )
    }
  })

const runsOf = (agreement: Agreement, other: string, uploads: ReadonlyArray<Held>) =>
  Effect.gen(function* () {
    const bits = agreement.security.modulusBits
    const runs = new Map<string, StoredRun>()
    for (const { user, blocks } of uploads) {
      const [count] = sharingOf(agreement).upload.ciphertexts(countCells(blocks), bits)
      const assembly = new RunAssembly(`${other} (${user})`, count, ciphertextBytes({ bits }))
      runs.set(user, yield* storedRun(`unified-of-${user}`, assembly))
    }
    return runs
  })
