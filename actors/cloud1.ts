/**
 * C1, the cloud that keeps the ciphertexts (paper, section 3) and does the larger part of the work on them: it brings
 * everything under the one key with C0's help, keeps the joint data set as an archive, trains on its shares with C0, and
 * seals the model for the users. It never has the master key, and what it is sent is sealed or masked.
 */
import { randomBytes } from "node:crypto"
import { Deferred, Effect, Redacted } from "effect"
import { uploadSlotBits } from "../protocol/bcp/packing.ts"
import { ciphertextBytes } from "../protocol/bcp/wire.ts"
import { countCells } from "../protocol/data/rows.ts"
import { Enrol, Progress, SealModel, Train, Transform } from "../protocol/messages/control.ts"
import { Cloud1Secrets } from "../protocol/messages/enrolment.ts"
import { FetchModel, ModelShare } from "../protocol/messages/output.ts"
import { Reencrypt, UnifiedShare0 } from "../protocol/messages/transformation.ts"
import {
  OpenUpload,
  SealedCiphertextRun,
  SealedWordRun,
  UploadShare1,
  UploadWords1
} from "../protocol/messages/upload.ts"
import { type ArchivedUpload, encodeArchive } from "../protocol/sharing/archive.ts"
import { pieceEntry, pieceKeyBytes, sealPiece } from "../protocol/sharing/archive-pieces.ts"
import { encodeHybridModel, type HybridModel, sealShare } from "../protocol/sharing/hybrid-output.ts"
import { sealModel } from "../protocol/sharing/model-output.ts"
import { rosterBcpKey } from "../protocol/sharing/roster.ts"
import { wordBytes } from "../protocol/sharing/split.ts"
import { type Cloud1Keys, unifyShare1 } from "../protocol/sharing/transformation.ts"
import { cutRun, pieceOf, RunAssembly, wordsOfPiece } from "../protocol/sharing/upload.ts"
import { concatenate, type Work } from "../protocol/sharing/work.ts"
import { on, Party } from "../runtime/actor.ts"
import type { JobFailed } from "../runtime/pool.ts"
import { Store } from "../runtime/store.ts"
import { partTimeoutMs } from "./agreement.ts"
import { BcpPool, pieceBytes, piecesAtOnce } from "./bcp-pool.ts"
import { gather, NotExpected } from "./gathering.ts"
import { makeIntake, naming, type Uploaded, type UploadRefused } from "./intake.ts"
import { directorOnly, lifecycle } from "./lifecycle.ts"
import { enrol, type MemberOptions, type Membership, openFrom } from "./membership.ts"
import { awaited, reached, singlePhase } from "./phase.ts"
import { emptyTable, partOf, placeAll, runWords, type SharedTable } from "./shared-table.ts"
import { type TrainedShare, train } from "./training.ts"

/** Under this name C1 keeps the joint data set at rest. */
export const archiveEntry = "archive"
/** Under this name C1 keeps the key of the archive's pieces; to be kept elsewhere where others reach its folder. */
export const pieceKeyEntry = "archive-key"
/** Under this name C1 keeps the sealed model. */
export const sealedModelEntry = "sealed-model"

/** C0's share of the model as it comes, and the sealed model as it is handed out. */
type SealedShare0 = Effect.Effect.Success<ReturnType<typeof ModelShare.payload.decode>>
type SealedModel = Effect.Effect.Success<ReturnType<typeof FetchModel.reply.decode>>

/** What C1 holds once it has enrolled. */
interface Standing {
  readonly membership: Membership
  readonly keys: Cloud1Keys
  readonly prgKey: Redacted.Redacted<Uint8Array>
}

/** Serves as C1 of one run, until it is told to finish. */
export const cloud1 = (options: MemberOptions) =>
  Effect.gen(function* () {
    const { agreement } = options
    const party = yield* Party
    const pool = yield* BcpPool
    const store = yield* Store
    const standing = yield* Deferred.make<Standing>()
    const table = yield* Deferred.make<SharedTable>()
    const trained = yield* Deferred.make<TrainedShare>()
    const sealedModel = yield* Deferred.make<SealedModel>()
    const transforming = yield* singlePhase("transform")
    const training = yield* singlePhase("train")
    const intake = makeIntake(agreement, 1)
    const hybrid = agreement.security.upload === "hybrid"
    const share0Of = yield* Deferred.make<ReadonlyMap<string, RunAssembly>>()
    const arrived = yield* gather<void>(
      "its shares under the joint key",
      agreement.users.map(({ actor }) => actor)
    )
    const modelShare = yield* gather<SealedShare0>("its share of the model", ["cloud0"])
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs }

    /** Brings C1's shares of one user's cells under pk: KeyProd, batched. */
    const unify = (
      { membership, keys }: Standing,
      upload: Uploaded,
      onPiece: (count: number) => Effect.Effect<void>
    ) =>
      Effect.gen(function* () {
        const { user, blocks, bytes: ciphertexts } = upload
        const publicKey = yield* rosterBcpKey(membership.roster, user)
        const bytesEach = ciphertextBytes(keys.parameters)
        const words = countCells(blocks)
        const pieces = yield* cutRun(ciphertexts.length / bytesEach, bytesEach, pieceBytes)
        const unified = yield* Effect.forEach(
          pieces,
          (piece) => {
            const { words: count } = wordsOfPiece(words, piece, keys.parameters.bits, uploadSlotBits)
            const packed = { ciphertexts: pieceOf(ciphertexts, piece, bytesEach).slice(), words: count }
            const askCloud0 = (blinded: Uint8Array) =>
              party.ask("cloud0", Reencrypt, { user, blinded }, { ...ask, phase: "transform" })
            // Only what is blinded came from the user.
            const work: Work<JobFailed | UploadRefused> = {
              run: (name, input) => {
                const done = pool.run(name, input)
                return name === "blind" ? Effect.mapError(done, naming(agreement, user, piece.first)) : done
              }
            }
            return Effect.zipLeft(unifyShare1(work, keys, publicKey, packed, askCloud0), onPiece(piece.count))
          },
          { concurrency: piecesAtOnce }
        )
        return {
          ciphertexts: new Uint8Array(Buffer.concat(unified.map((each) => each.ciphertexts))),
          words: new Uint8Array(
            Buffer.concat(
              unified.map((each) => each.words),
              words * wordBytes
            )
          )
        }
      })

    /** Puts a user's words in their place, and to rest, encrypted under the key of this store. */
    const keepPieces = (
      joint: SharedTable,
      { user, blocks, bytes }: Uploaded,
      key: Uint8Array,
      onPiece: (count: number) => Effect.Effect<void>
    ) =>
      placeAll(joint, blocks, (first, count) =>
        Effect.gen(function* () {
          const words = yield* partOf(bytes)(first, count)
          const name = { run: party.run, user, piece: first / runWords }
          yield* store.put(pieceEntry(name), sealPiece(key, name, words))
          yield* onPiece(count)
          return words
        })
      )

    /** The sealed model from C0's sealed share and C1's share: as it is handed out, and as it rests. */
    const joinModel = (keys: Cloud1Keys, { ciphertexts, share }: SealedShare0, words: Uint8Array) =>
      Effect.gen(function* () {
        if (share === undefined) {
          const packed = yield* sealModel(pool, keys, ciphertexts, words)
          const sealed: SealedModel = { ciphertexts: packed }
          return { sealed, atRest: packed }
        }
        const own = yield* sealShare(pool, keys, { run: party.run, cloud: 1 }, words)
        const model: HybridModel = { keys: concatenate([ciphertexts, own.key]), shares: [share, own.share] }
        const sealed: SealedModel = { ciphertexts: model.keys, shares: model.shares }
        return { sealed, atRest: encodeHybridModel(model) }
      })

    const life = yield* lifecycle(agreement)
    yield* party.serve([
      ...life.handlers,
      on(Enrol, (_, from) =>
        Effect.gen(function* () {
          yield* directorOnly(from)
          const { membership, secrets } = yield* enrol(options, Cloud1Secrets)
          const { parameters, unifiedPublicKey } = membership
          const keys: Cloud1Keys = { parameters, unifiedPublicKey, mode: agreement.security.exponents }
          const prgKey = Redacted.make(Redacted.value(secrets).prgKey)
          yield* Deferred.succeed(standing, { membership, keys, prgKey })
          return {}
        })
      ),
      on(OpenUpload, (opening, from) =>
        Effect.zipRight(transforming.before("take another upload"), Effect.as(intake.open(from, opening), {}))
      ),
      on(UploadShare1, ({ sealed }, from) =>
        Effect.gen(function* () {
          const { membership } = yield* reached(standing, "take an upload", "it had enrolled")
          const piece = yield* openFrom(membership, from, UploadShare1.tag, SealedCiphertextRun, sealed)
          yield* intake.place(from, piece)
          return {}
        })
      ),
      on(UploadWords1, ({ sealed }, from) =>
        Effect.gen(function* () {
          const { membership } = yield* reached(standing, "take an upload", "it had enrolled")
          yield* intake.place(
            from,
            yield* openFrom(membership, from, UploadWords1.tag, SealedWordRun, sealed)
          )
          return {}
        })
      ),
      on(UnifiedShare0, ({ user, first, ciphertexts }, from) =>
        Effect.gen(function* () {
          if (from !== "cloud0")
            return yield* new NotExpected({ what: "shares under the joint key", party: from })
          const { membership } = yield* reached(standing, "take shares", "it had enrolled")
          const runs = yield* awaited(share0Of, "take shares", "it was to transform", ask.deadlineMs)
          const run = runs.get(user)
          if (run === undefined) return yield* new NotExpected({ what: `shares of ${user}`, party: from })
          yield* pool.run("checkReceived", { parameters: membership.parameters, ciphertexts })
          yield* run.place({ first, ciphertexts })
          if (run.received === run.length) yield* arrived.put(user, undefined)
          return {}
        })
      ),
      on(Transform, (_, from) =>
        Effect.gen(function* () {
          yield* directorOnly(from)
          const enrolled = yield* reached(standing, "transform", "it had enrolled")
          yield* transforming.begin
          const { parameters, unifiedPublicKey } = enrolled.keys
          const { rows, uploads } = yield* intake.whole
          const bytesEach = ciphertextBytes(parameters)
          const ofShare0 = ({ bytes }: Uploaded) => (hybrid ? 1 : bytes.length / bytesEach)
          const runs = new Map(
            uploads.map((upload) => [
              upload.user,
              new RunAssembly(`cloud0 (${upload.user})`, ofShare0(upload), bytesEach)
            ])
          )
          yield* Deferred.succeed(share0Of, runs)
          // A user may hold nothing but held-out rows.
          for (const [user, run] of runs) if (run.length === 0) yield* arrived.put(user, undefined)
          const joint = yield* emptyTable(agreement, rows)
          const total = uploads.reduce(
            (sum, { bytes }) => sum + bytes.length / (hybrid ? wordBytes : bytesEach),
            0
          )
          let done = 0
          const report = (count: number) => {
            done += count
            return Effect.ignore(party.tell("director", Progress, { phase: "transform", done, total }))
          }
          const pieceKey = new Uint8Array(randomBytes(pieceKeyBytes))
          if (hybrid) yield* store.put(pieceKeyEntry, pieceKey)
          // Each upload is dropped when it is placed, so that the shares are never there twice as a whole.
          const unified: Array<Omit<ArchivedUpload, "share0">> = []
          for (let upload = uploads.shift(); upload !== undefined; upload = uploads.shift()) {
            const { user, blocks } = upload
            if (hybrid) {
              yield* keepPieces(joint, upload, pieceKey, report)
              unified.push({ user, blocks, share1: new Uint8Array(0), pieceWords: runWords })
            } else {
              const { ciphertexts, words } = yield* unify(enrolled, upload, report)
              yield* placeAll(joint, blocks, partOf(words))
              unified.push({ user, blocks, share1: ciphertexts })
            }
          }
          yield* arrived.all(partTimeoutMs(agreement))
          const withShare0 = yield* Effect.forEach(unified, (upload) =>
            Effect.map(runs.get(upload.user)!.whole(), (share0) => ({ ...upload, share0 }))
          )
          const archive = yield* encodeArchive({
            run: party.run,
            bits: parameters.bits,
            modulus: enrolled.membership.wire.N,
            unifiedPublicKey,
            slotBits: uploadSlotBits,
            uploads: withShare0
          })
          yield* store.put(archiveEntry, archive)
          yield* Deferred.succeed(table, joint)
          const ofArchive = withShare0.reduce(
            (sum, { share0, share1 }) => sum + share0.length + share1.length,
            0
          )
          return { ciphertexts: ofArchive / bytesEach }
        })
      ),
      on(Train, (_, from) =>
        Effect.gen(function* () {
          yield* directorOnly(from)
          const { membership, prgKey } = yield* reached(standing, "train", "it had enrolled")
          const share = yield* reached(table, "train", "the data were transformed")
          yield* training.begin
          const { orderKey } = membership
          const result = yield* train({ agreement, cloud: 1, table: share, prgKey, orderKey })
          yield* Deferred.succeed(trained, result)
          return { steps: result.steps, rounds: result.rounds }
        })
      ),
      on(ModelShare, (share, from) => Effect.as(modelShare.put(from, share), {})),
      on(SealModel, (_, from) =>
        Effect.gen(function* () {
          yield* directorOnly(from)
          const { keys } = yield* reached(standing, "seal the model", "it had enrolled")
          const { words } = yield* reached(trained, "seal the model", "it was trained")
          const [share0] = yield* modelShare.all(partTimeoutMs(agreement))
          const { sealed, atRest } = yield* joinModel(keys, share0!, words)
          yield* store.put(sealedModelEntry, atRest)
          yield* Deferred.succeed(sealedModel, sealed)
          return { ciphertexts: sealed.ciphertexts.length / ciphertextBytes(keys.parameters) }
        })
      ),
      on(FetchModel, (_, from) =>
        Effect.gen(function* () {
          if (!agreement.users.some(({ actor }) => actor === from)) {
            return yield* new NotExpected({ what: "a request for the sealed model", party: from })
          }
          return yield* reached(sealedModel, "hand out the model", "it was sealed")
        })
      )
    ])
    yield* life.finished
  })
