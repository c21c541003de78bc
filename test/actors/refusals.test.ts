/** What each party refuses, and what the director learns of it: the party, the request, and an error with culprit and remedy. */
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Either, Layer, Logger } from "effect"
import { agreementDigest } from "../../actors/party/agreement.ts"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import {
  Begin,
  Enrol,
  Finish,
  OpenModel,
  Report,
  SealModel,
  Train,
  Transform,
  Upload
} from "../../protocol/messages/control.ts"
import { Enrolment } from "../../protocol/messages/enrolment.ts"
import type { Ask } from "../../protocol/messages/message.ts"
import {
  FetchModel,
  HeldOutCells,
  ModelDigest,
  ModelShare,
  PartialDecryptions
} from "../../protocol/messages/output.ts"
import { Deal } from "../../protocol/messages/training.ts"
import { Reencrypt, UnifiedShare0 } from "../../protocol/messages/transformation.ts"
import { OpenUpload, RowSalt, UploadShare0, UploadShare1 } from "../../protocol/messages/upload.ts"
import type { AskError, Party } from "../../runtime/messaging/contract.ts"
import { company } from "../support/company.ts"
import { patienceMs } from "../support/patience.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"

type Asker = Party["Type"]

/** A written scenario and its parties. */
const written = Effect.flatMap(writeScenario(splits.rows, { seed: 3 }), ({ file }) => company(file))

const options = { deadlineMs: patienceMs }

/** The refusal of a request, as the one who asked learns of it. */
const refusal = <A, R>(asker: Asker, to: string, message: Ask<A, R>, payload: A) =>
  Effect.map(Effect.either(asker.ask(to, message, payload, options)), (answer) => {
    if (Either.isRight(answer)) throw new Error(`${to} answered ${message.tag} of ${asker.name}`)
    const error: AskError = answer.left
    if (error._tag !== "RemoteFailure") throw error
    expect(error.party).toBe(to)
    expect(error.request).toBe(message.tag)
    return error.error
  })

const bytes = new Uint8Array([1, 2, 3])

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "actors",
  (it) => {
    describe("started otherwise than the rest", () => {
      it.scoped("with another scenario, each party says so at the first request", () =>
        Effect.gen(function* () {
          const { agreement, played, start } = yield* written
          const other = { ...agreement, training: { ...agreement.training, epochs: 99 } }
          const director = yield* played("director")
          for (const actor of ["kgc", "cloud0", "cloud1", "user2"]) {
            yield* start(actor, { agreement: other })
            const error = yield* refusal(director, actor, Begin, { agreement: agreementDigest(agreement) })
            expect(error._tag).toBe("OtherScenario")
            expect(error.message).toBe(
              `${actor} was started with another scenario or version of bicameral than the director; give all parties the same`
            )
          }
        })
      )

      it.scoped("a party that comes back without its state is refused its keys", () =>
        Effect.gen(function* () {
          const { played, start } = yield* written
          yield* start("kgc")
          const user = yield* played("user1")
          const [one, other] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)]
          yield* Effect.fork(user.ask("kgc", Enrolment, { mark: one }, options))
          yield* Effect.yieldNow()
          const error = yield* refusal(user, "kgc", Enrolment, { mark: other })
          expect(error._tag).toBe("AlreadyEnrolled")
          expect(error.message).toMatch(/user1 .* start a new run/)
        })
      )
    })

    describe("asked by somebody who may not", () => {
      it.scoped("nobody but the director directs", () =>
        Effect.gen(function* () {
          const { agreement, played, start } = yield* written
          const common = [
            [Begin, { agreement: agreementDigest(agreement) }],
            [Report, {}],
            [Finish, {}]
          ] as const
          const cloud = [Enrol, Transform, Train, SealModel].map((message) => [message, {}] as const)
          const user = [Enrol, Upload, OpenModel].map((message) => [message, {}] as const)
          const stranger = yield* played("user3")
          for (const [actor, own] of [
            ["kgc", []],
            ["cloud0", cloud],
            ["cloud1", cloud],
            ["user1", user]
          ] as const) {
            yield* start(actor)
            for (const [message, payload] of [...common, ...own]) {
              const error = yield* refusal(stranger, actor, message as Ask<unknown, unknown>, payload)
              expect(error, `${actor} ${message.tag}`).toMatchObject({
                _tag: "NotTheDirector",
                message: "user3 is not the director and cannot direct a run"
              })
            }
          }
        })
      )

      it.scoped("only C1 may have ciphertexts re-encrypted, or be dealt corrections", () =>
        Effect.gen(function* () {
          const { played, start } = yield* written
          yield* start("cloud0")
          yield* start("kgc")
          const [user, cloud1, director] = [
            yield* played("user1"),
            yield* played("cloud1"),
            yield* played("director")
          ]
          for (const asker of [user, director]) {
            const error = yield* refusal(asker, "cloud0", Reencrypt, {
              user: "user1",
              first: 0,
              blinded: bytes
            })
            expect(error._tag).toBe("NotExpected")
            expect(error.message).toContain(`${asker.name} sent Reencrypt`)
            const dealt = yield* refusal(asker, "kgc", Deal, { rows: 48, step: 1 })
            expect(dealt._tag).toBe("NotExpected")
            expect(dealt.message).toContain(asker.name)
          }
          const { corrections } = yield* cloud1.ask("kgc", Deal, { rows: 48, step: 1 }, options)
          expect(corrections.length).toBeGreaterThan(0)
          expect(yield* refusal(cloud1, "kgc", Deal, { rows: 48, step: 73 })).toMatchObject({
            _tag: "NoSuchStep",
            message: expect.stringContaining("steps 1 to 72")
          })
        })
      )

      it.scoped("C1 is dealt for one training matrix, its rows, and some steps at once", () =>
        Effect.gen(function* () {
          const { played, start } = yield* written
          yield* start("kgc")
          const cloud1 = yield* played("cloud1")
          const dealt = { rows: 48, step: 1, steps: 16, part: { from: 0, end: 48, update: true } }
          yield* cloud1.ask("kgc", Deal, dealt, options)
          // The plan for 49 rows has other batches, so that the same masks would hide other values.
          expect(yield* refusal(cloud1, "kgc", Deal, { ...dealt, rows: 49 })).toMatchObject({
            _tag: "OtherRows",
            message: expect.stringContaining("for 49 training rows in a run in which they are dealt for 48")
          })
          for (const [refused, named] of [
            [{ ...dealt, steps: 17 }, "17 steps at once"],
            [{ ...dealt, part: { ...dealt.part, end: 49 } }, "rows from 0 up to 49"],
            [{ ...dealt, part: { ...dealt.part, from: 9, end: 8 } }, "rows from 9 up to 8"]
          ] as const)
            expect(yield* refusal(cloud1, "kgc", Deal, refused)).toMatchObject({
              _tag: "DealRefused",
              message: expect.stringContaining(named)
            })
        })
      )

      it.scoped("C0, who holds the master key, is not dealt C1's corrections", () =>
        Effect.gen(function* () {
          const { played, start } = yield* written
          yield* start("kgc")
          const cloud0 = yield* played("cloud0")
          expect(yield* refusal(cloud0, "kgc", Deal, { rows: 48, step: 1 })).toMatchObject({
            _tag: "NotExpected"
          })
        })
      )

      it.scoped("each takes only from those whose part it is", () =>
        Effect.gen(function* () {
          const { played, start } = yield* written
          for (const actor of ["kgc", "cloud0", "cloud1", "user1"]) yield* start(actor)
          const [user2, director] = [yield* played("user2"), yield* played("director")]
          // One process has a party's identity at a time, so those that are played here are not started there.
          const [only0, only1] = [yield* written, yield* written]
          yield* only0.start("cloud0")
          yield* only1.start("cloud1")
          const [cloud1, cloud0] = [yield* only0.played("cloud1"), yield* only1.played("cloud0")]
          const opening = { rows: 48, ciphertexts: 1, blocks: [] }
          const share = { user: "user2", first: 0, ciphertexts: bytes }
          const refused = [
            refusal(director, "kgc", Enrolment, { mark: new Uint8Array(16) }),
            refusal(director, "cloud0", OpenUpload, opening),
            refusal(cloud1, "cloud0", OpenUpload, opening),
            refusal(user2, "cloud0", UploadShare0, { first: 0, ciphertexts: bytes }),
            refusal(user2, "cloud1", UnifiedShare0, share),
            refusal(user2, "cloud1", ModelShare, { ciphertexts: bytes }),
            refusal(director, "cloud1", FetchModel, {}),
            refusal(cloud0, "cloud1", FetchModel, {}),
            refusal(cloud1, "cloud0", ModelDigest, {}),
            refusal(director, "user1", RowSalt, {})
          ]
          for (const each of refused) {
            const error = yield* each
            expect(error._tag).toBe("NotExpected")
            expect(error.message).toMatch(/^(director|cloud0|cloud1|user2) sent /)
          }
        })
      )

      it.scoped("what a party does not serve is refused by name", () =>
        Effect.gen(function* () {
          const { played, start } = yield* written
          yield* start("cloud0")
          const user = yield* played("user1")
          const unserved = [
            [UploadShare1, { first: 0, ciphertexts: bytes }],
            [
              PartialDecryptions,
              { partials: bytes, about: new Uint8Array(32), proof: { challenge: bytes, response: bytes } }
            ],
            [HeldOutCells, { blocks: [] }]
          ] as const
          for (const [message, payload] of unserved)
            expect(yield* refusal(user, "cloud0", message as Ask<unknown, unknown>, payload)).toMatchObject({
              _tag: "UnknownMessage",
              message: `cloud0 does not answer ask ${message.tag}`
            })
        })
      )
    })

    describe("asked too early", () => {
      it.scoped("for what a phase before has to give", () =>
        Effect.gen(function* () {
          const { played, start } = yield* written
          for (const actor of ["cloud0", "cloud1", "user1"]) yield* start(actor)
          const director = yield* played("director")
          const early = [
            ["cloud0", Transform, "was asked to transform before it had enrolled"],
            ["cloud0", Train, "was asked to train before it had enrolled"],
            ["cloud0", SealModel, "was asked to encrypt the model before it had enrolled"],
            ["cloud1", Transform, "was asked to transform before it had enrolled"],
            ["cloud1", Train, "was asked to train before it had enrolled"],
            ["cloud1", SealModel, "was asked to encrypt the model before it had enrolled"],
            ["user1", Upload, "was asked to upload before it had enrolled"],
            ["user1", OpenModel, "was asked to open the model before it had uploaded"]
          ] as const
          for (const [actor, message, why] of early) {
            const error = yield* refusal(director, actor, message as Ask<unknown, unknown>, {})
            expect(error).toMatchObject({ _tag: "TooEarly", message: `${actor} ${why}` })
          }
          const user = yield* played("user2")
          expect(yield* refusal(user, "cloud1", FetchModel, {})).toMatchObject({ _tag: "TooEarly" })
          expect(yield* refusal(user, "cloud0", ModelDigest, {})).toMatchObject({ _tag: "TooEarly" })
          const piece = { first: 0, ciphertexts: bytes }
          expect(yield* refusal(user, "cloud1", UploadShare1, piece)).toMatchObject({ _tag: "NotExpected" })
          const only0 = yield* written
          yield* only0.start("cloud0")
          const cloud1 = yield* only0.played("cloud1")
          const blinded = { user: "user2", first: 0, blinded: bytes }
          expect(yield* refusal(cloud1, "cloud0", Reencrypt, blinded)).toMatchObject({ _tag: "TooEarly" })
        })
      )

      it.scoped("before anybody has uploaded, the clouds name who is missing", () =>
        Effect.gen(function* () {
          const { played, startAll } = yield* written
          yield* startAll()
          const director = yield* played("director")
          const members = ["cloud0", "cloud1", "user1", "user2", "user3"]
          yield* Effect.forEach(members, (actor) => director.ask(actor, Enrol, {}, options), {
            concurrency: "unbounded"
          })
          for (const cloud of ["cloud0", "cloud1"]) {
            expect(yield* refusal(director, cloud, Transform, {})).toMatchObject({
              _tag: "UploadsDisagree",
              message: expect.stringContaining("north has not uploaded anything")
            })
          }
          for (const cloud of ["cloud0", "cloud1"]) {
            expect(yield* refusal(director, cloud, Train, {})).toMatchObject({
              _tag: "TooEarly",
              message: `${cloud} was asked to train before the data were transformed`
            })
          }
        })
      )
    })
  }
)
