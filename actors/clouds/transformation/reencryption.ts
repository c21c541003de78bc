/**
 * C0's half of KeyProd, which must open nothing for C1 but C1's own shares, whatever C1 asks. A user gives C0
 * digests of the randomness of its ciphertexts at C1, one a piece, and C0 opens only what matches them: each
 * piece once, as often as the same request comes again, and none once both clouds train.
 */
import { createHash } from "node:crypto"
import { Data, Effect, Either, Option } from "effect"
import { randomnessDigestBytes } from "../../../protocol/bcp/randomness.ts"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import { sameBytes } from "../../../protocol/canonical.ts"
import { Bytes, Count, format } from "../../../protocol/messages/message.ts"
import { Reencrypt } from "../../../protocol/messages/transformation.ts"
import { UploadRandomness } from "../../../protocol/messages/upload.ts"
import { Schema } from "../../../protocol/schema.ts"
import { publicKeyOf } from "../../../protocol/sharing/published.ts"
import { type Cloud0Keys, reencrypt } from "../../../protocol/sharing/transformation.ts"
import { cutRun } from "../../../protocol/sharing/upload.ts"
import { Stable } from "../../../runtime/storage/store.ts"
import { JobFailed } from "../../../runtime/work/pool.ts"
import { type Agreement, displayName } from "../../party/agreement.ts"
import { BcpPool, BcpQueue, pieceBytes } from "../../party/bcp-pool.ts"
import { NotExpected, onFrom } from "../../party/handlers.ts"
import type { Uploaded } from "../../sharing/sharing.ts"
import type { CredentialsFor } from "../setup/credentials.ts"
import { type Intake, UploadsDisagree } from "../upload/intake.ts"

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

const Announced = format("randomness of an upload", Schema.Struct({ ciphertexts: Count, digests: Bytes }))

/** A piece of an upload that may be opened. */
interface Piece {
  readonly bytes: number
  readonly randomness: Uint8Array
}

const announcedEntry = (user: string) => `randomness-of-${user}`
const openedPrefix = "reencrypted-"

export const reencryptionAtCloud0 = (
  agreement: Agreement,
  credentials: CredentialsFor<Pick<Cloud0Keys, "masterKey">>,
  intake: Intake
) =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const users = agreement.users.map(({ actor }) => actor)
    const bytesEach = ciphertextBytes({ bits: agreement.security.modulusBits })
    /** By user, and by the place of their first ciphertext. */
    const pieces = new Map<string, ReadonlyMap<number, Piece>>()
    /** SHA-256 of the requests that were answered, by entry. */
    const opened = new Map<string, Uint8Array>()

    const cut = (ciphertexts: number, digests: Uint8Array) =>
      Effect.map(cutRun(ciphertexts, bytesEach, pieceBytes), (run) =>
        run.map(({ first, count }, i) => {
          const randomness = digests.subarray(i * randomnessDigestBytes, (i + 1) * randomnessDigestBytes)
          return [first, { bytes: count * bytesEach, randomness }] as const
        })
      )
    for (const user of users) {
      const stored = yield* stable.get(announcedEntry(user))
      if (Option.isNone(stored)) continue
      const { ciphertexts, digests } = yield* Announced.decode(stored.value)
      pieces.set(user, new Map(yield* cut(ciphertexts, digests)))
    }
    for (const name of yield* stable.list) {
      if (!name.startsWith(openedPrefix)) continue
      const request = yield* stable.get(name)
      if (Option.isSome(request)) opened.set(name, request.value)
    }

    /** Takes a user's digests; the same ones again change nothing. */
    const announce = (user: string, digests: Uint8Array) =>
      Effect.gen(function* () {
        const ciphertexts = intake.ciphertextsAtCloud1(user)
        if (ciphertexts === 0)
          return yield* new NotExpected({ what: "digests of what it has not announced", party: user })
        const run = yield* cut(ciphertexts, digests)
        if (digests.length !== run.length * randomnessDigestBytes)
          return yield* new UploadsDisagree({
            reason: `${displayName(agreement, user)} sent ${digests.length} bytes of digests for ${run.length} pieces`
          })
        const known = pieces.get(user)
        if (known !== undefined) {
          if (run.every(([first, { randomness }]) => sameBytes(known.get(first)!.randomness, randomness)))
            return
          return yield* new UploadsDisagree({
            reason: `${displayName(agreement, user)} sent other digests than before`
          })
        }
        yield* stable.put(announcedEntry(user), yield* Announced.encode({ ciphertexts, digests }))
        pieces.set(user, new Map(run))
      })

    /** Fails if a user has given no digests of what it sent to C1. */
    const complete = (uploads: ReadonlyArray<Uploaded>) =>
      Effect.forEach(
        uploads.filter(({ user }) => intake.ciphertextsAtCloud1(user) > 0 && !pieces.has(user)),
        ({ user }) =>
          new UploadsDisagree({
            reason: `${displayName(agreement, user)} has sent no digests of what it sent to cloud1`
          }),
        { discard: true }
      )

    /** The piece that C1 asks for; or what is wrong with its request. */
    const asked = (user: string, first: number, blinded: Uint8Array): Either.Either<Piece, string> => {
      const piece = pieces.get(user)?.get(first)
      if (piece === undefined) return Either.left("no piece that it may have opened now begins there")
      if (piece.bytes !== blinded.length)
        return Either.left(`the piece there has ${piece.bytes} bytes, not ${blinded.length}`)
      const before = opened.get(openedEntry(user, first))
      return before === undefined || sameBytes(before, digestOf(blinded))
        ? Either.right(piece)
        : Either.left("it had the piece there opened before, blinded otherwise")
    }

    const onReencrypt = onFrom("cloud1", Reencrypt, ({ user, first, blinded }, from) =>
      Effect.gen(function* () {
        const refused = (reason: string) =>
          new ReencryptionRefused({ party: from, user: displayName(agreement, user), first, reason })
        const pool = yield* BcpPool
        const queue = yield* Effect.serviceOption(BcpQueue)
        const { membership, keys } = yield* credentials("re-encrypt")
        const { randomness } = yield* Either.mapLeft(asked(user, first, blinded), refused)
        const publicKey = yield* publicKeyOf(membership, user)
        const reencrypted = yield* reencrypt(pool, keys, publicKey, blinded, randomness).pipe(
          Effect.mapError((failure) =>
            failure instanceof JobFailed && failure.error._tag === "OtherRandomness"
              ? refused("they do not match the digest that the user gave of them")
              : failure
          )
        )
        // Another request for the piece may have been answered meanwhile.
        yield* Either.mapLeft(asked(user, first, blinded), refused)
        const entry = openedEntry(user, first)
        const request = digestOf(blinded)
        opened.set(entry, request)
        yield* stable.put(entry, request)
        const takers = Option.match(queue, { onNone: () => 1, onSome: (jobs) => jobs.takers() })
        return { ...reencrypted, takers }
      })
    )

    return {
      handlers: [
        onFrom(users, UploadRandomness, ({ digests }, from) => Effect.as(announce(from, digests), {})),
        onReencrypt
      ],
      complete,
      /** From now on nothing is opened, in this process and in later ones. */
      close: Effect.suspend(() => {
        const entries = [...Array.from(pieces.keys(), announcedEntry), ...opened.keys()]
        pieces.clear()
        opened.clear()
        return Effect.forEach(entries, stable.remove, { discard: true })
      })
    }
  })

const openedEntry = (user: string, first: number) => `${openedPrefix}${user}-${first}`

const digestOf = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(createHash("sha256").update(bytes).digest())
