/**
 * C1, the cloud that keeps the ciphertexts (paper, section 3) and does the larger part of the work on them: it brings
 * everything under the one key with C0's help, keeps the joint data set as an archive, trains on its shares with C0, and
 * seals the model for the users. It never has the master key, and what it is sent is sealed or masked. What it has confirmed
 * or come to is in stable storage: it may die at any moment, and goes on from there.
 */
import { Deferred, Effect, Option, Redacted } from "effect"
import { uploadSlotBits } from "../../protocol/bcp/packing.ts"
import { ciphertextBytes } from "../../protocol/bcp/wire.ts"
import { countCells } from "../../protocol/data/rows.ts"
import { Enrol, Progress, SealModel, Train, Transform } from "../../protocol/messages/control.ts"
import { Cloud1Secrets } from "../../protocol/messages/enrolment.ts"
import { Bytes, format } from "../../protocol/messages/message.ts"
import { FetchModel, ModelShare } from "../../protocol/messages/output.ts"
import { Reencrypt, UnifiedShare0 } from "../../protocol/messages/transformation.ts"
import {
  OpenUpload,
  SealedCiphertextRun,
  SealedWordRun,
  UploadShare1,
  UploadWords1
} from "../../protocol/messages/upload.ts"
import { Schema } from "../../protocol/schema.ts"
import { type ArchivedUpload, encodeArchive } from "../../protocol/sharing/archive.ts"
import { openPiece, pieceEntry, sealPiece } from "../../protocol/sharing/archive-pieces.ts"
import { encodeHybridModel, type HybridModel, sealShare } from "../../protocol/sharing/hybrid-output.ts"
import { sealModel } from "../../protocol/sharing/model-output.ts"
import { rosterBcpKey } from "../../protocol/sharing/roster.ts"
import { wordBytes } from "../../protocol/sharing/split.ts"
import { type Cloud1Keys, unifyShare1 } from "../../protocol/sharing/transformation.ts"
import { cutRun, pieceOf, RunAssembly, wordsOfPiece } from "../../protocol/sharing/upload.ts"
import { concatenate, type Work } from "../../protocol/sharing/work.ts"
import { within } from "../../runtime/deadline.ts"
import { on, Party } from "../../runtime/messaging/contract.ts"
import { Store, StoreFailed } from "../../runtime/storage/store.ts"
import type { JobFailed } from "../../runtime/work/pool.ts"
import { household } from "../group/members.ts"
import { partTimeoutMs } from "../party/agreement.ts"
import { BcpPool, pieceBytes, piecesUnderWay } from "../party/bcp-pool.ts"
import { type Enrolled, enrolment, type MemberOptions, openFrom } from "../party/enrolment.ts"
import { gather, NotExpected, StillMissing } from "../party/gathering.ts"
import { directorOnly, lifecycle } from "../party/lifecycle.ts"
import { once, recalled, remembered } from "../party/once.ts"
import { awaited, reached } from "../party/phase.ts"
import { partyRoot } from "../party/root.ts"
import { sessions1 } from "./training/sessions.ts"
import { partOf, runWords } from "./transformation/shared-table.ts"
import {
  jointTables,
  keptTrained,
  keptTransformed,
  type ShareOf,
  type Transformed
} from "./transformation/transformed.ts"
import { makeIntake, naming, type Uploaded, type UploadRefused } from "./upload/intake.ts"
import { type KeptRun, keptRun } from "./upload/kept-run.ts"

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
  readonly membership: Enrolled<unknown>["membership"]
  readonly keys: Cloud1Keys
  readonly prgKey: Redacted.Redacted<Uint8Array>
}

/** What is kept of a user's share: under pk for the archive, and its words. */
const Opened = format("opened share", Schema.Struct({ ciphertexts: Bytes, words: Bytes }))
const openedEntry = (user: string) => `opened-${user}`

/** Serves as C1 of one run, until it is told to finish. */
export const cloud1 = (options: MemberOptions) =>
  Effect.gen(function* () {
    const { agreement } = options
    const party = yield* Party
    const pool = yield* BcpPool
    const store = yield* Store
    const underWay = yield* piecesUnderWay
    const root = yield* partyRoot(agreement)
    const hybrid = agreement.security.upload === "hybrid"
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs }
    const pieceKey = root("archive")
    const enrolling = yield* enrolment(options, Cloud1Secrets)
    const intake = yield* makeIntake(agreement, 1)
    /** C0's shares under pk, by user, as soon as it is known how many there will be. */
    const share0Of = yield* Deferred.make<ReadonlyMap<string, KeptRun>>()
    const share0Complete = yield* Deferred.make<void>()
    const modelShare = yield* gather("its share of the model", ["cloud0"], "model-share", ModelShare.payload)

    /** What it takes to do what was asked for. */
    const standing = (what: string) =>
      Effect.map(reached(enrolling.outcome, what, "it had enrolled"), ({ membership, secrets }): Standing => {
        const { parameters, unifiedPublicKey } = membership
        const keys: Cloud1Keys = { parameters, unifiedPublicKey, mode: agreement.security.exponents }
        return { membership, keys, prgKey: Redacted.make(Redacted.value(secrets).prgKey) }
      })

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
        const unified = yield* underWay.forEach(pieces, (piece) => {
          const { words: count } = wordsOfPiece(words, piece, keys.parameters.bits, uploadSlotBits)
          const packed = { ciphertexts: pieceOf(ciphertexts, piece, bytesEach).slice(), words: count }
          const askCloud0 = (blinded: Uint8Array) =>
            Effect.tap(
              party.ask("cloud0", Reencrypt, { user, blinded }, { ...ask, phase: "transform" }),
              ({ takers }) => underWay.others(takers)
            )
          // Only what is blinded came from the user.
          const work: Work<JobFailed | UploadRefused> = {
            run: (name, input) => {
              const done = pool.run(name, input)
              return name === "blind" ? Effect.mapError(done, naming(agreement, user, piece.first)) : done
            }
          }
          return Effect.zipLeft(unifyShare1(work, keys, publicKey, packed, askCloud0), onPiece(piece.count))
        })
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

    /** Puts a user's words to rest, encrypted under the key of this store. */
    const keepPieces = ({ user, bytes }: Uploaded, onPiece: (count: number) => Effect.Effect<void>) =>
      Effect.gen(function* () {
        const words = bytes.length / wordBytes
        for (let first = 0; first < words; first += runWords) {
          const count = Math.min(runWords, words - first)
          const name = { run: party.run, user, piece: first / runWords }
          const piece = yield* partOf(bytes)(first, count)
          yield* store.put(pieceEntry(name), sealPiece(pieceKey, name, piece))
          yield* onPiece(count)
        }
      })

    /** The words again. */
    const openedPiece = (user: string) => (first: number) =>
      Effect.gen(function* () {
        const name = { run: party.run, user, piece: first / runWords }
        const sealed = yield* store.get(pieceEntry(name))
        if (Option.isNone(sealed)) {
          const place = pieceEntry(name)
          return yield* new StoreFailed({ operation: "read", place, reason: "it is not there any more" })
        }
        return yield* openPiece(pieceKey, name, sealed.value)
      })

    /** Completes `share0Complete` when every user's share is here. */
    const ifComplete = (runs: ReadonlyMap<string, KeptRun>) =>
      Array.from(runs.values()).every((run) => run.complete())
        ? Effect.asVoid(Deferred.succeed(share0Complete, undefined))
        : Effect.void

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

    const transforming = yield* once(
      "transformed",
      keptTransformed,
      Effect.gen(function* () {
        const enrolled = yield* standing("transform")
        const { parameters, unifiedPublicKey } = enrolled.keys
        const { rows, uploads } = yield* intake.whole
        const bytesEach = ciphertextBytes(parameters)
        if (!(yield* Deferred.isDone(share0Of))) {
          const runs = new Map<string, KeptRun>()
          for (const { user, bytes } of uploads) {
            const count = hybrid ? 1 : bytes.length / bytesEach
            const assembly = new RunAssembly(`cloud0 (${user})`, count, bytesEach)
            runs.set(user, yield* keptRun(`unified-of-${user}`, assembly))
          }
          yield* Deferred.succeed(share0Of, runs)
        }
        const runs = yield* Deferred.await(share0Of)
        // All may be here: a user may hold nothing but held-out rows, and C0 sends nothing twice that was confirmed.
        yield* ifComplete(runs)
        const total = uploads.reduce(
          (sum, { bytes }) => sum + bytes.length / (hybrid ? wordBytes : bytesEach),
          0
        )
        let done = 0
        const report = (count: number) => {
          done += count
          return Effect.ignore(party.tell("director", Progress, { phase: "transform", done, total }))
        }
        if (hybrid) yield* store.put(pieceKeyEntry, pieceKey)
        const unified = yield* Effect.forEach(uploads, (upload) => {
          const { user, blocks } = upload
          const outline: Omit<ArchivedUpload, "share0" | "share1"> = { user, blocks }
          return hybrid
            ? Effect.as(keepPieces(upload, report), {
                ...outline,
                share1: new Uint8Array(0),
                pieceWords: runWords
              })
            : Effect.map(
                remembered(openedEntry(user), Opened, unify(enrolled, upload, report)),
                ({ ciphertexts }) => ({ ...outline, share1: ciphertexts })
              )
        })
        const waitedMs = partTimeoutMs(agreement)
        yield* Deferred.await(share0Complete).pipe(
          within(
            waitedMs,
            () => new StillMissing({ what: "the shares under the joint key", parties: ["cloud0"], waitedMs })
          )
        )
        const withShare0 = yield* Effect.forEach(unified, (upload) =>
          Effect.map(runs.get(upload.user)!.whole, (share0) => ({ ...upload, share0 }))
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
        const ofArchive = withShare0.reduce(
          (sum, { share0, share1 }) => sum + share0.length + share1.length,
          0
        )
        const transformed: Transformed = {
          rows,
          ciphertexts: ofArchive / bytesEach,
          uploads: uploads.map(({ user, blocks }) => ({ user, blocks }))
        }
        return transformed
      })
    )
    const tables = jointTables(
      agreement,
      reached(transforming.outcome, "train", "the data were transformed"),
      (user) =>
        hybrid
          ? Effect.succeed(openedPiece(user))
          : Effect.map(
              recalled(openedEntry(user), Opened),
              ({ words }): ShareOf<never, never> => partOf(words)
            )
    )
    const sessions = yield* sessions1(
      agreement,
      Effect.gen(function* () {
        const { membership, prgKey } = yield* standing("train")
        yield* reached(transforming.outcome, "train", "the data were transformed")
        return { cloud: 1 as const, table: tables.take, prgKey, orderKey: membership.orderKey, root }
      })
    )
    const training = yield* once("trained", keptTrained, sessions.trained)
    // Kept before any user is told: the users open one version together.
    const sealing = yield* once(
      "sealed",
      FetchModel.reply,
      Effect.gen(function* () {
        const { keys } = yield* standing("seal the model")
        const { words } = yield* reached(training.outcome, "seal the model", "it was trained")
        const [share0] = yield* modelShare.all(partTimeoutMs(agreement))
        const { sealed, atRest } = yield* joinModel(keys, share0!, words)
        yield* store.put(sealedModelEntry, atRest)
        return sealed
      })
    )

    /** An earlier process was done with the training, perhaps before C0 had its last rounds. */
    const wasTrained =
      (yield* Deferred.isDone(training.outcome)) && !(yield* Deferred.isDone(sealing.outcome))
    const members = yield* household({ agreement })
    const life = yield* lifecycle(agreement, members)
    yield* party.serve([
      ...life.handlers,
      ...members.handlers,
      ...sessions.handlers,
      on(Enrol, (_, from) => Effect.zipRight(directorOnly(from), Effect.as(enrolling.done, {}))),
      on(OpenUpload, (announced, from) =>
        Effect.gen(function* () {
          if (yield* Deferred.isDone(transforming.outcome))
            return yield* new NotExpected({ what: "another upload", party: from })
          yield* intake.open(from, announced)
          return {}
        })
      ),
      on(UploadShare1, ({ sealed }, from) =>
        Effect.gen(function* () {
          const { membership } = yield* standing("take an upload")
          const piece = yield* openFrom(membership, from, UploadShare1.tag, SealedCiphertextRun, sealed)
          yield* intake.place(from, piece)
          return {}
        })
      ),
      on(UploadWords1, ({ sealed }, from) =>
        Effect.gen(function* () {
          const { membership } = yield* standing("take an upload")
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
          // C0 died before it learned that all is here.
          if (yield* Deferred.isDone(transforming.outcome)) return {}
          const { keys } = yield* standing("take shares")
          const runs = yield* awaited(share0Of, "take shares", "it was to transform", ask.deadlineMs)
          const run = runs.get(user)
          if (run === undefined) return yield* new NotExpected({ what: `shares of ${user}`, party: from })
          yield* pool.run("checkReceived", { parameters: keys.parameters, ciphertexts })
          yield* run.place({ first, ciphertexts })
          yield* ifComplete(runs)
          return {}
        })
      ),
      on(Transform, (_, from) =>
        Effect.gen(function* () {
          yield* directorOnly(from)
          const { ciphertexts } = yield* transforming.done
          if (yield* Deferred.isDone(share0Of))
            for (const run of (yield* Deferred.await(share0Of)).values()) yield* run.forget
          yield* intake.forget
          yield* tables.prepare
          return { ciphertexts }
        })
      ),
      on(Train, (_, from) =>
        Effect.zipRight(
          directorOnly(from),
          Effect.map(training.done, ({ steps, rounds }) => ({ steps, rounds }))
        )
      ),
      on(ModelShare, (share, from) => Effect.as(modelShare.put(from, share), {})),
      on(SealModel, (_, from) =>
        Effect.gen(function* () {
          yield* directorOnly(from)
          const { ciphertexts } = yield* sealing.done
          const each = ciphertextBytes({ bits: agreement.security.modulusBits })
          return { ciphertexts: ciphertexts.length / each }
        })
      ),
      on(FetchModel, (_, from) =>
        Effect.gen(function* () {
          if (!agreement.users.some(({ actor }) => actor === from)) {
            return yield* new NotExpected({ what: "a request for the sealed model", party: from })
          }
          return yield* reached(sealing.outcome, "hand out the model", "it was sealed")
        })
      )
    ])
    yield* life.announced
    if (wasTrained) yield* Effect.forkScoped(Effect.ignore(sessions.rejoin))
    yield* life.finished
  })
