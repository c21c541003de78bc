/**
 * What C0 may open for C1: the pieces of each upload to C1, by the digests of their randomness that the users
 * gave, and which of them it has opened. All is in stable storage until nothing may be opened any more. Then it keeps
 * digests of the randomness that it gave C1's shares under the joint key: by them it recognises the archive when it is
 * opened again.
 */
import { createHash } from "node:crypto"
import { Effect, Either, Option } from "effect"
import { randomnessDigestBytes } from "../../../protocol/bcp/randomness.ts"
import { sameBytes } from "../../../protocol/canonical.ts"
import { Bytes, BytesOf, Count, format } from "../../../protocol/messages/message.ts"
import { Schema } from "../../../protocol/schema.ts"
import { cutRun } from "../../../protocol/sharing/upload.ts"
import { Stable } from "../../../runtime/storage/store.ts"
import { pieceBytes } from "../../party/bcp-pool.ts"
import { recalled } from "../../party/once.ts"
import { UploadsDisagree } from "../upload/intake.ts"

/** A piece that may be opened. */
interface Piece {
  readonly bytes: number
  /** The digest of its randomness. */
  readonly randomness: Uint8Array
}

/** What C1 asks to have opened. */
export interface Request {
  readonly user: string
  /** The place of its first ciphertext in the upload. */
  readonly first: number
  readonly blinded: Uint8Array
}

const Announced = format("randomness of an upload", Schema.Struct({ ciphertexts: Count, digests: Bytes }))
type Announced = Effect.Effect.Success<ReturnType<typeof Announced.decode>>

const announcedEntry = (user: string) => `randomness-of-${user}`
const openedPrefix = "reencrypted-"
const answeredEntry = "answered"
const openedEntry = ({ user, first }: Request) => `${openedPrefix}${user}-${first}`

/** A piece of C1's share of a user's cells in the archive, by the randomness that C0 gave it: once or, after a crash, again. */
export const ArchivedPieces = Schema.Array(
  Schema.Struct({
    user: Schema.String,
    first: Count,
    randomness: Schema.Array(BytesOf(randomnessDigestBytes))
  })
)
export type ArchivedPieces = typeof ArchivedPieces.Type
const archivedPiecesFormat = format("pieces of the archive", Schema.Struct({ pieces: ArchivedPieces }))

/** A request that was answered: its SHA-256, and the digests of the randomness of all answers to it. */
const Answered = format(
  "answered request",
  Schema.Struct({
    user: Schema.String,
    first: Count,
    request: BytesOf(randomnessDigestBytes),
    randomness: Schema.Array(BytesOf(randomnessDigestBytes))
  })
)
type Answered = Effect.Effect.Success<ReturnType<typeof Answered.decode>>

const digestOf = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(createHash("sha256").update(bytes).digest())

/** The pieces of a run, by the place of their first ciphertext. */
const cut = ({ ciphertexts, digests }: Announced, bytesEach: number) =>
  Effect.map(cutRun(ciphertexts, bytesEach, pieceBytes), (run): ReadonlyMap<number, Piece> => {
    const randomness = (i: number) =>
      digests.subarray(i * randomnessDigestBytes, (i + 1) * randomnessDigestBytes)
    return new Map(
      run.map(({ first, count }, i) => [first, { bytes: count * bytesEach, randomness: randomness(i) }])
    )
  })

/** The pieces, and what of them was opened, including by earlier processes. A ciphertext has `bytesEach` bytes. */
export const openablePieces = (users: ReadonlyArray<string>, bytesEach: number) =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const pieces = new Map<string, ReadonlyMap<number, Piece>>()
    /** Each request that was answered, by its entry in stable storage. */
    const opened = new Map<string, Answered>()

    for (const user of users) {
      const stored = yield* stable.get(announcedEntry(user))
      if (Option.isSome(stored))
        pieces.set(user, yield* cut(yield* Announced.decode(stored.value), bytesEach))
    }
    for (const name of yield* stable.list) {
      const request = name.startsWith(openedPrefix) ? yield* stable.get(name) : Option.none()
      if (Option.isSome(request)) opened.set(name, yield* Answered.decode(request.value))
    }

    return {
      has: (user: string): boolean => pieces.has(user),
      /** Takes a user's digests, stored when this returns; the same ones again change nothing. */
      announce: (user: string, name: string, announced: Announced) =>
        Effect.gen(function* () {
          const { digests } = announced
          const run = yield* cut(announced, bytesEach)
          if (digests.length !== run.size * randomnessDigestBytes)
            return yield* new UploadsDisagree({
              reason: `${name} sent ${digests.length} bytes of digests for ${run.size} pieces`
            })
          const known = pieces.get(user)
          const differs = ([first, { randomness }]: readonly [number, Piece]) =>
            known !== undefined && !sameBytes(known.get(first)?.randomness ?? digests, randomness)
          if (Array.from(run).some(differs))
            return yield* new UploadsDisagree({ reason: `${name} sent other digests than before` })
          yield* stable.put(announcedEntry(user), yield* Announced.encode(announced))
          pieces.set(user, run)
        }),
      /** The piece that a request is for, or what is wrong with the request. */
      pieceOf: (request: Request): Either.Either<Piece, string> => {
        const { blinded } = request
        const piece = pieces.get(request.user)?.get(request.first)
        if (piece === undefined) return Either.left("no piece that it may have opened now begins there")
        if (piece.bytes !== blinded.length)
          return Either.left(`the piece there has ${piece.bytes} bytes, not ${blinded.length}`)
        const before = opened.get(openedEntry(request))
        return before === undefined || sameBytes(before.request, digestOf(blinded))
          ? Either.right(piece)
          : Either.left("it had the piece there opened before, blinded otherwise")
      },
      /**
       * From now on the piece is opened for this request only; stored when this returns. The answer has ciphertexts of
       * this `randomness`.
       */
      markOpened: (request: Request, randomness: Uint8Array) =>
        Effect.gen(function* () {
          const { user, first, blinded } = request
          const entry = openedEntry(request)
          const before = opened.get(entry)?.randomness ?? []
          const answered = { user, first, request: digestOf(blinded), randomness: [...before, randomness] }
          opened.set(entry, answered)
          yield* stable.put(entry, yield* Answered.encode(answered))
        }),
      /** From now on nothing is opened, in this process and in later ones. */
      close: Effect.gen(function* () {
        // A process that died while it closed may have removed a part of them.
        if (Option.isNone(yield* stable.get(answeredEntry))) {
          const answered = [...opened.values()].map(({ request: _, ...piece }) => piece)
          yield* stable.put(answeredEntry, yield* archivedPiecesFormat.encode({ pieces: answered }))
        }
        const entries = [...Array.from(pieces.keys(), announcedEntry), ...opened.keys()]
        pieces.clear()
        opened.clear()
        yield* Effect.forEach(entries, stable.remove, { discard: true })
      })
    }
  })

/** What C0 recognises C1's shares in the archive by, once nothing of the uploads may be opened any more. */
export const archivedPieces = Effect.map(
  recalled(answeredEntry, archivedPiecesFormat),
  ({ pieces }): ArchivedPieces => pieces
)
