/**
 * C0's half of KeyProd, which must open nothing for C1 but C1's own shares, whatever C1 asks. A user gives C0
 * digests of the randomness of its ciphertexts at C1, one a piece, and C0 opens only what matches them: each
 * piece once, as often as the same request comes again, and none once both clouds train.
 */
import { Data, Effect, Either, Option } from "effect"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import { Reencrypt } from "../../../protocol/messages/transformation.ts"
import { UploadRandomness } from "../../../protocol/messages/upload.ts"
import { publicKeyOf } from "../../../protocol/sharing/published.ts"
import { type Cloud0Keys, reencrypt } from "../../../protocol/sharing/transformation.ts"
import { JobFailed } from "../../../runtime/work/pool.ts"
import { type Agreement, displayName, trainsOnCiphertexts } from "../../party/agreement.ts"
import { BcpPool, BcpQueue } from "../../party/bcp-pool.ts"
import { NotExpected, onFrom } from "../../party/handlers.ts"
import type { Uploaded } from "../../sharing/sharing.ts"
import type { CredentialsFor } from "../setup/credentials.ts"
import { type Intake, UploadsDisagree } from "../upload/intake.ts"
import { openablePieces } from "./openable.ts"

/** C1 asks C0 to open what is not, or not now, for C1. */
export class ReencryptionRefused extends Data.TaggedError("ReencryptionRefused")<{
  readonly party: string
  readonly user: string
  readonly first: number
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} asked cloud0 to open ciphertexts of ${this.user} from number ${this.first}, and ${this.reason}; cloud0 opens each piece of an upload once, as the user sent it to cloud1: find out what runs as ${this.party}, and start a new run`
  }
}

export const reencryptionAtCloud0 = (
  agreement: Agreement,
  credentials: CredentialsFor<Pick<Cloud0Keys, "masterKey">>,
  intake: Intake
) =>
  Effect.gen(function* () {
    const users = agreement.users.map(({ actor }) => actor)
    const bytesEach = ciphertextBytes({ bits: agreement.security.modulusBits })
    const pieces = yield* openablePieces(users, bytesEach)
    const reveals = !trainsOnCiphertexts(agreement)
    const nameOf = (user: string) => displayName(agreement, user)

    const onRandomness = onFrom(users, UploadRandomness, ({ digests }, user) =>
      Effect.gen(function* () {
        const ciphertexts = intake.ciphertextsAtCloud1(user)
        if (ciphertexts === 0)
          return yield* new NotExpected({ what: "digests of what it has not announced", party: user })
        yield* pieces.announce(user, nameOf(user), { ciphertexts, digests })
        return {}
      })
    )
    const onReencrypt = onFrom("cloud1", Reencrypt, (request, party) =>
      Effect.gen(function* () {
        const { user, first, blinded } = request
        const refused = (reason: string) =>
          new ReencryptionRefused({ party, user: nameOf(user), first, reason })
        const pool = yield* BcpPool
        const queue = yield* Effect.serviceOption(BcpQueue)
        const { membership, keys } = yield* credentials("re-encrypt")
        const { randomness } = yield* Either.mapLeft(pieces.pieceOf(request), refused)
        const publicKey = yield* publicKeyOf(membership, user)
        const reencrypted = yield* reencrypt(
          ...([pool, keys, publicKey, blinded, randomness, reveals] as const)
        ).pipe(
          Effect.mapError((failure) =>
            failure instanceof JobFailed && failure.error._tag === "OtherRandomness"
              ? refused("they do not match the digest that the user gave of them")
              : failure
          )
        )
        const { parameters } = keys
        const given = yield* pool.run("randomnessOf", { parameters, ciphertexts: reencrypted.ciphertexts })
        // Another request for the piece may have been answered meanwhile: looked at and noted in one go.
        yield* Effect.suspend(() =>
          Effect.zipRight(
            Either.mapLeft(pieces.pieceOf(request), refused),
            pieces.markOpened(request, given.digest)
          )
        )
        const takers = Option.match(queue, { onNone: () => 1, onSome: (jobs) => jobs.takers() })
        return { ...reencrypted, takers }
      })
    )
    return {
      handlers: [onRandomness, onReencrypt],
      /** Fails if a user has given no digests of what it sent to C1. */
      complete: (uploads: ReadonlyArray<Uploaded>) =>
        Effect.forEach(
          uploads.filter(({ user }) => intake.ciphertextsAtCloud1(user) > 0 && !pieces.has(user)),
          ({ user }) =>
            new UploadsDisagree({ reason: `${nameOf(user)} has sent no digests of what it sent to cloud1` }),
          { discard: true }
        ),
      /** From now on nothing is opened, in this process and in later ones. */
      close: pieces.close
    }
  })
