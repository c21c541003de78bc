/**
 * C0, the cloud that holds the master key (paper, section 3). It opens its own shares, re-encrypts what C1 has blinded,
 * trains on its shares with C1, and seals its share of the model. What it opens for C1 is uniform modulo N; a
 * user's second share never reaches it, because it could open that too.
 */
import { Deferred, Effect, Redacted } from "effect"
import { uploadSlotBits } from "../protocol/bcp/packing.ts"
import { ciphertextBytes } from "../protocol/bcp/wire.ts"
import { type CellBlock, countCells } from "../protocol/data/rows.ts"
import { Enrol, Progress, SealModel, Train, Transform } from "../protocol/messages/control.ts"
import { Cloud0Secrets } from "../protocol/messages/enrolment.ts"
import { ModelShare } from "../protocol/messages/output.ts"
import { Reencrypt, UnifiedShare0 } from "../protocol/messages/transformation.ts"
import { OpenUpload, UploadShare0 } from "../protocol/messages/upload.ts"
import { sealShare } from "../protocol/sharing/hybrid-output.ts"
import { sealModelShare } from "../protocol/sharing/model-output.ts"
import { rosterBcpKey } from "../protocol/sharing/roster.ts"
import { expandSeed, seedBytes, wordBytes } from "../protocol/sharing/split.ts"
import { type Cloud0Keys, reencrypt, unifyShare0 } from "../protocol/sharing/transformation.ts"
import { cutRun, pieceOf, wordsOfPiece } from "../protocol/sharing/upload.ts"
import { on, Party } from "../runtime/actor.ts"
import { BcpPool, pieceBytes, piecesAtOnce } from "./bcp-pool.ts"
import { NotExpected } from "./gathering.ts"
import { makeIntake, naming, type Uploaded } from "./intake.ts"
import { directorOnly, lifecycle } from "./lifecycle.ts"
import { enrol, type MemberOptions, type Membership } from "./membership.ts"
import { reached, singlePhase } from "./phase.ts"
import { emptyTable, partOf, placeAll, type SharedTable } from "./shared-table.ts"
import { type TrainedShare, train } from "./training.ts"

/** What C0 holds once it has enrolled. */
interface Standing {
  readonly membership: Membership
  readonly keys: Cloud0Keys
  readonly prgKey: Redacted.Redacted<Uint8Array>
}

/** Serves as C0 of one run, until it is told to finish. */
export const cloud0 = (options: MemberOptions) =>
  Effect.gen(function* () {
    const { agreement } = options
    const party = yield* Party
    const pool = yield* BcpPool
    const standing = yield* Deferred.make<Standing>()
    const table = yield* Deferred.make<SharedTable>()
    const trained = yield* Deferred.make<TrainedShare>()
    const transforming = yield* singlePhase("transform")
    const training = yield* singlePhase("train")
    const intake = makeIntake(agreement, 0)
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs }

    /** What of a user's upload is under its key: C0's share itself, or the seed of it. */
    const wordsUnderKey = (blocks: ReadonlyArray<CellBlock>) =>
      agreement.security.upload === "hybrid" ? seedBytes / wordBytes : countCells(blocks)

    /** Opens what a user has encrypted for C0, and sends it on under pk. */
    const unify = (
      { membership, keys }: Standing,
      upload: Uploaded,
      onPiece: (count: number) => Effect.Effect<void>
    ) =>
      Effect.gen(function* () {
        const { user, blocks, bytes: ciphertexts } = upload
        const publicKey = yield* rosterBcpKey(membership.roster, user)
        const bytesEach = ciphertextBytes(keys.parameters)
        const words = wordsUnderKey(blocks)
        const pieces = yield* cutRun(ciphertexts.length / bytesEach, bytesEach, pieceBytes)
        const opened = yield* Effect.forEach(
          pieces,
          (piece) =>
            Effect.gen(function* () {
              const { words: count } = wordsOfPiece(words, piece, keys.parameters.bits, uploadSlotBits)
              const packed = { ciphertexts: pieceOf(ciphertexts, piece, bytesEach).slice(), words: count }
              const unified = yield* unifyShare0(pool, keys, publicKey, packed).pipe(
                Effect.mapError(naming(agreement, user, piece.first))
              )
              const sent = { user, first: piece.first, ciphertexts: unified.ciphertexts }
              yield* party.ask("cloud1", UnifiedShare0, sent, { ...ask, phase: "transform" })
              yield* onPiece(piece.count)
              return unified.words
            }),
          { concurrency: piecesAtOnce }
        )
        return new Uint8Array(Buffer.concat(opened, words * wordBytes))
      })

    const life = yield* lifecycle(agreement)
    yield* party.serve([
      ...life.handlers,
      on(Enrol, (_, from) =>
        Effect.gen(function* () {
          yield* directorOnly(from)
          const { membership, secrets } = yield* enrol(options, Cloud0Secrets)
          const { p, q, prgKey } = Redacted.value(secrets)
          const keys: Cloud0Keys = {
            parameters: membership.parameters,
            masterKey: Redacted.make({ p, q }),
            unifiedPublicKey: membership.unifiedPublicKey,
            mode: agreement.security.exponents
          }
          yield* Deferred.succeed(standing, { membership, keys, prgKey: Redacted.make(prgKey) })
          return {}
        })
      ),
      on(OpenUpload, (opening, from) =>
        Effect.zipRight(transforming.before("take another upload"), Effect.as(intake.open(from, opening), {}))
      ),
      on(UploadShare0, (piece, from) => Effect.as(intake.place(from, piece), {})),
      on(Reencrypt, ({ user, blinded }, from) =>
        Effect.gen(function* () {
          if (from !== "cloud1")
            return yield* new NotExpected({ what: "ciphertexts to re-encrypt", party: from })
          const { membership, keys } = yield* reached(standing, "re-encrypt", "it had enrolled")
          return yield* reencrypt(pool, keys, yield* rosterBcpKey(membership.roster, user), blinded)
        })
      ),
      on(Transform, (_, from) =>
        Effect.gen(function* () {
          yield* directorOnly(from)
          const enrolled = yield* reached(standing, "transform", "it had enrolled")
          yield* transforming.begin
          const { rows, uploads } = yield* intake.whole
          const total = uploads.reduce((sum, { bytes }) => sum + bytes.length, 0)
          let done = 0
          const report = (count: number) => {
            done += count * ciphertextBytes(enrolled.keys.parameters)
            return Effect.ignore(party.tell("director", Progress, { phase: "transform", done, total }))
          }
          const joint = yield* emptyTable(agreement, rows)
          yield* Effect.forEach(uploads, (upload) =>
            Effect.gen(function* () {
              const words = yield* unify(enrolled, upload, report)
              const hybrid = agreement.security.upload === "hybrid"
              const expanded = (first: number, count: number) =>
                Effect.sync(() => expandSeed(words, count, first))
              yield* placeAll(joint, upload.blocks, hybrid ? expanded : partOf(words))
            })
          )
          yield* Deferred.succeed(table, joint)
          return { ciphertexts: total / ciphertextBytes(enrolled.keys.parameters) }
        })
      ),
      on(Train, (_, from) =>
        Effect.gen(function* () {
          yield* directorOnly(from)
          const { membership, prgKey } = yield* reached(standing, "train", "it had enrolled")
          const share = yield* reached(table, "train", "the data were transformed")
          yield* training.begin
          const { orderKey } = membership
          const result = yield* train({ agreement, cloud: 0, table: share, prgKey, orderKey })
          yield* Deferred.succeed(trained, result)
          return { steps: result.steps, rounds: result.rounds }
        })
      ),
      on(SealModel, (_, from) =>
        Effect.gen(function* () {
          yield* directorOnly(from)
          const { keys } = yield* reached(standing, "seal the model", "it had enrolled")
          const { words } = yield* reached(trained, "seal the model", "it was trained")
          const name = { run: party.run, cloud: 0 } as const
          const sealed =
            agreement.security.output === "hybrid"
              ? Effect.map(sealShare(pool, keys, name, words), ({ key, share }) => ({
                  ciphertexts: key,
                  share
                }))
              : Effect.map(sealModelShare(pool, keys, words), (ciphertexts) => ({ ciphertexts }))
          const sent = yield* sealed
          yield* party.ask("cloud1", ModelShare, sent, { ...ask, phase: "output" })
          return { ciphertexts: sent.ciphertexts.length / ciphertextBytes(keys.parameters) }
        })
      )
    ])
    yield* life.finished
  })
