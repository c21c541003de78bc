/**
 * C0, the cloud that holds the master key (paper, section 3). It opens its own shares, re-encrypts what C1 has blinded,
 * trains on its shares with C1, and seals its share of the model. What it opens for C1 is uniform modulo N; a
 * user's second share never reaches it, because it could open that too. What it has confirmed or come to is in stable
 * storage: it may die at any moment, and goes on from there.
 */
import { Deferred, Effect, Option, Redacted } from "effect"
import { uploadSlotBits } from "../../protocol/bcp/packing.ts"
import { ciphertextBytes } from "../../protocol/bcp/wire.ts"
import { type CellBlock, countCells } from "../../protocol/data/rows.ts"
import { Enrol, Progress, SealModel, Train, Transform } from "../../protocol/messages/control.ts"
import { Cloud0Secrets } from "../../protocol/messages/enrolment.ts"
import { Bytes, format } from "../../protocol/messages/message.ts"
import { ModelShare } from "../../protocol/messages/output.ts"
import { Reencrypt, UnifiedShare0 } from "../../protocol/messages/transformation.ts"
import { OpenUpload, UploadShare0 } from "../../protocol/messages/upload.ts"
import { Schema } from "../../protocol/schema.ts"
import { sealShare } from "../../protocol/sharing/hybrid-output.ts"
import { sealModelShare } from "../../protocol/sharing/model-output.ts"
import { rosterBcpKey } from "../../protocol/sharing/roster.ts"
import { expandSeed, seedBytes, wordBytes } from "../../protocol/sharing/split.ts"
import { type Cloud0Keys, reencrypt, unifyShare0 } from "../../protocol/sharing/transformation.ts"
import { cutRun, pieceOf, wordsOfPiece } from "../../protocol/sharing/upload.ts"
import { on, Party } from "../../runtime/messaging/contract.ts"
import { household } from "../group/members.ts"
import { BcpPool, BcpQueue, pieceBytes, piecesUnderWay } from "../party/bcp-pool.ts"
import { type Enrolled, enrolment, type MemberOptions } from "../party/enrolment.ts"
import { NotExpected } from "../party/gathering.ts"
import { directorOnly, lifecycle } from "../party/lifecycle.ts"
import { once, recalled, remembered } from "../party/once.ts"
import { reached } from "../party/phase.ts"
import { partyRoot } from "../party/root.ts"
import { sessions0 } from "./training/sessions.ts"
import { partOf } from "./transformation/shared-table.ts"
import {
  jointTables,
  keptTrained,
  keptTransformed,
  type ShareOf,
  type Transformed
} from "./transformation/transformed.ts"
import { makeIntake, naming, type Uploaded } from "./upload/intake.ts"

/** What C0 holds once it has enrolled. */
interface Standing {
  readonly membership: Enrolled<unknown>["membership"]
  readonly keys: Cloud0Keys
  readonly prgKey: Redacted.Redacted<Uint8Array>
}

/** What is kept of a user's opened share: its words, or the seed that they follow from. */
const Opened = format("opened share", Schema.Struct({ words: Bytes }))
const openedEntry = (user: string) => `opened-${user}`

/** Serves as C0 of one run, until it is told to finish. */
export const cloud0 = (options: MemberOptions) =>
  Effect.gen(function* () {
    const { agreement } = options
    const party = yield* Party
    const pool = yield* BcpPool
    const queue = yield* Effect.serviceOption(BcpQueue)
    const underWay = yield* piecesUnderWay
    const root = yield* partyRoot(agreement)
    const hybrid = agreement.security.upload === "hybrid"
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs }
    const enrolling = yield* enrolment(options, Cloud0Secrets)
    const intake = yield* makeIntake(agreement, 0)

    /** What it takes to do what was asked for. */
    const standing = (what: string) =>
      Effect.map(reached(enrolling.outcome, what, "it had enrolled"), ({ membership, secrets }): Standing => {
        const { p, q, prgKey } = Redacted.value(secrets)
        const { parameters, unifiedPublicKey } = membership
        const masterKey = Redacted.make({ p, q })
        const mode = agreement.security.exponents
        const keys = { parameters, masterKey, unifiedPublicKey, mode }
        return { membership, keys, prgKey: Redacted.make(prgKey) }
      })

    /** What of a user's upload is under its key: C0's share itself, or the seed of it. */
    const wordsUnderKey = (blocks: ReadonlyArray<CellBlock>) =>
      hybrid ? seedBytes / wordBytes : countCells(blocks)

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
        const opened = yield* underWay.forEach(pieces, (piece) =>
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
          })
        )
        return new Uint8Array(Buffer.concat(opened, words * wordBytes))
      })

    const transforming = yield* once(
      "transformed",
      keptTransformed,
      Effect.gen(function* () {
        const enrolled = yield* standing("transform")
        const { rows, uploads } = yield* intake.whole
        const total = uploads.reduce((sum, { bytes }) => sum + bytes.length, 0)
        let done = 0
        const report = (count: number) => {
          done += count * ciphertextBytes(enrolled.keys.parameters)
          return Effect.ignore(party.tell("director", Progress, { phase: "transform", done, total }))
        }
        yield* Effect.forEach(uploads, (upload) =>
          remembered(
            openedEntry(upload.user),
            Opened,
            Effect.map(unify(enrolled, upload, report), (words) => ({ words }))
          )
        )
        const transformed: Transformed = {
          rows,
          ciphertexts: total / ciphertextBytes(enrolled.keys.parameters),
          uploads: uploads.map(({ user, blocks }) => ({ user, blocks }))
        }
        return transformed
      })
    )
    const tables = jointTables(
      agreement,
      reached(transforming.outcome, "train", "the data were transformed"),
      (user) =>
        Effect.map(recalled(openedEntry(user), Opened), ({ words }): ShareOf<never, never> => {
          const expanded = (first: number, count: number) =>
            Effect.sync(() => expandSeed(words, count, first))
          return hybrid ? expanded : partOf(words)
        })
    )
    const sessions = yield* sessions0(
      agreement,
      Effect.gen(function* () {
        const { membership, prgKey } = yield* standing("train")
        yield* reached(transforming.outcome, "train", "the data were transformed")
        return { cloud: 0 as const, table: tables.take, prgKey, orderKey: membership.orderKey, root }
      })
    )
    const training = yield* once("trained", keptTrained, sessions.trained)
    const sealing = yield* once(
      "sealed",
      SealModel.reply,
      Effect.gen(function* () {
        const { keys } = yield* standing("seal the model")
        const { words } = yield* reached(training.outcome, "seal the model", "it was trained")
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
      on(UploadShare0, (piece, from) => Effect.as(intake.place(from, piece), {})),
      on(Reencrypt, ({ user, blinded }, from) =>
        Effect.gen(function* () {
          if (from !== "cloud1")
            return yield* new NotExpected({ what: "ciphertexts to re-encrypt", party: from })
          const { membership, keys } = yield* standing("re-encrypt")
          const publicKey = yield* rosterBcpKey(membership.roster, user)
          const reencrypted = yield* reencrypt(pool, keys, publicKey, blinded)
          return {
            ...reencrypted,
            takers: Option.match(queue, { onNone: () => 1, onSome: (q) => q.takers() })
          }
        })
      ),
      on(Transform, (_, from) =>
        Effect.gen(function* () {
          yield* directorOnly(from)
          const { ciphertexts } = yield* transforming.done
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
      on(SealModel, (_, from) => Effect.zipRight(directorOnly(from), sealing.done))
    ])
    yield* life.announced
    yield* life.finished
  })
