/**
 * A3: C0 holds the master key and decrypts for C1. A C1 that does not keep to the protocol had it open whatever it liked: the
 * encrypted model in one request for each user's key, the archive, c_i0, and blinded or not, as often as it liked.
 */
import { expect, layer } from "@effect/vitest"
import { Effect, Either, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { layer as bcpPool, pieceBytes } from "../../actors/party/bcp-pool.ts"
import { fromBytes, toBytes } from "../../protocol/bcp/integers.ts"
import { jobs } from "../../protocol/bcp/jobs.ts"
import { uploadSlotBits } from "../../protocol/bcp/packing.ts"
import { ciphertextBytes, decodeParameters, elementBytes } from "../../protocol/bcp/wire.ts"
import { Enrol, SealModel, Train, Transform, Upload } from "../../protocol/messages/control.ts"
import { Enrolment } from "../../protocol/messages/enrolment.ts"
import type { Ask } from "../../protocol/messages/message.ts"
import { ModelShare } from "../../protocol/messages/output.ts"
import { Reencrypt, UnifiedShare0 } from "../../protocol/messages/transformation.ts"
import {
  OpenUpload,
  UploadRandomness,
  UploadShare0,
  UploadShare1,
  UploadWords1
} from "../../protocol/messages/upload.ts"
import { on, type Party } from "../../runtime/messaging/contract.ts"
import { company, type Tap } from "../support/company.ts"
import { patienceMs } from "../support/patience.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"

const options = { deadlineMs: patienceMs }
const short = { training: { epochs: 1, batch: 8, rate: 0.25 } }
const users = ["user1", "user2", "user3"]
const mark = new Uint8Array(16).fill(1)

type Asker = Party["Type"]
interface Request {
  readonly user: string
  readonly first: number
  readonly blinded: Uint8Array
}

/** How C0 refuses C1's request. */
const refusal = (cloud1: Asker, request: Request) =>
  Effect.map(Effect.either(cloud1.ask("cloud0", Reencrypt, request, options)), (answer) =>
    Either.isRight(answer)
      ? "C0 opened it"
      : answer.left._tag === "RemoteFailure"
        ? `${answer.left.error._tag}: ${answer.left.error.message}`
        : answer.left.message
  )

const refused = (user: string, first: number, why: string) =>
  expect.stringMatching(
    new RegExp(
      `^ReencryptionRefused: cloud1 asked cloud0 to open ciphertexts of ${user} from number ${first}, and ${why}`
    )
  )

/** Directs some parties, all at once. */
const direct = <R>(director: Asker, message: Ask<object, R>, actors: ReadonlyArray<string>) =>
  Effect.forEach(actors, (actor) => director.ask(actor, message, {}, options), {
    concurrency: "unbounded",
    discard: true
  })

/** What is sent, by the tag of the message and its sender, as far as it was sent. */
const recorder = () => {
  const seen = new Map<string, Uint8Array>()
  const tap: Tap = ({ kind, tag, from, body }) => {
    if (kind === "ask") seen.set(`${tag} ${from}`, body)
    return undefined
  }
  return { tap, body: (tag: string, from: string) => seen.get(`${tag} ${from}`)! }
}

/**
 * The transformation with a C1 that the test plays: what it was sent by the users and by C0, and its part in asking. Small enough
 * for each upload to be one piece.
 */
const atTransformation = (changes: object) =>
  Effect.gen(function* () {
    const { file } = yield* writeScenario(splits.rows, { ...short, ...changes })
    const { tap, body } = recorder()
    const { played, startAll } = yield* company(file, { tap })
    yield* startAll("cloud1")
    const [director, cloud1] = [yield* played("director"), yield* played("cloud1")]
    const uploaded = new Map<string, Uint8Array>()
    const unified = new Map<string, Uint8Array>()
    yield* cloud1.serve([
      on(OpenUpload, () => Effect.succeed({})),
      on(UploadShare1, ({ ciphertexts }, from) =>
        Effect.sync(() => {
          uploaded.set(from, ciphertexts)
          return {}
        })
      ),
      on(UploadWords1, () => Effect.succeed({})),
      on(UnifiedShare0, ({ user, ciphertexts }) =>
        Effect.sync(() => {
          unified.set(user, ciphertexts)
          return {}
        })
      )
    ])
    const enrolling = yield* Effect.fork(cloud1.ask("kgc", Enrolment, { mark }, options))
    yield* direct(director, Enrol, ["cloud0", ...users])
    const { published } = yield* Fiber.join(enrolling)
    yield* direct(director, Upload, users)
    yield* direct(director, Transform, ["cloud0"])
    return { director, cloud1, uploaded, unified, published, body }
  })

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "A3",
  (it) => {
    it.scoped("C0 opens C1's own share, once, and nothing else that C1 asks for", () =>
      Effect.gen(function* () {
        const { cloud1, uploaded, unified, published, body } = yield* atTransformation({})
        const parameters = decodeParameters(published.wire)
        const publicKey = published.publicKeys.get("user1")!
        const own = uploaded.get("user1")!
        const [each, half] = [ciphertextBytes(parameters), elementBytes(parameters)]
        expect(own.length).toBeLessThan(pieceBytes)
        const of = (blinded: Uint8Array, user = "user1", first = 0): Request => ({ user, first, blinded })
        const wrong = "they do not match the digest that the user gave of them"

        // C0's shares at rest under pk, under every key that it opens for; and a share that was sent to it.
        for (const user of users)
          expect(yield* refusal(cloud1, of(unified.get(user)!, user))).toEqual(
            refused({ user1: "north", user2: "south", user3: "west" }[user]!, 0, wrong)
          )
        const { ciphertexts: first } = yield* UploadShare0.payload.decode(body(UploadShare0.tag, "user1"))
        expect(first).toHaveLength(own.length)
        expect(yield* refusal(cloud1, of(first))).toEqual(refused("north", 0, wrong))
        // Its own share under other randomness; with the other's B; with a public key, whose logarithm that would be.
        const { blinded: rerandomised } = jobs.blind({
          parameters,
          publicKey,
          mode: "short",
          ciphertexts: own
        })
        const changed = (at: number, bytes: Uint8Array) => {
          const copy = own.slice()
          copy.set(bytes, at)
          return copy
        }
        for (const blinded of [
          rerandomised,
          changed(half, first.subarray(half, each)),
          changed(half, published.publicKeys.get("user2")!),
          changed(each, own.subarray(0, each))
        ])
          expect(yield* refusal(cloud1, of(blinded))).toEqual(refused("north", 0, wrong))
        // More or less than a piece, none where none begins, and one user's as another's.
        expect(yield* refusal(cloud1, of(own.subarray(each)))).toEqual(
          refused("north", 0, "the piece there has")
        )
        const none = "no piece that it may have opened now begins there"
        expect(yield* refusal(cloud1, of(own.subarray(each), "user1", 1))).toEqual(refused("north", 1, none))
        expect(yield* refusal(cloud1, of(own, "kgc"))).toEqual(refused("kgc", 0, none))
        const others = users.filter((user) => uploaded.get(user)!.length === own.length && user !== "user1")
        for (const user of others)
          expect(yield* refusal(cloud1, of(own, user))).toEqual(refused("south|west", 0, wrong))

        // Its own share, as often as the same request comes; then under no other blind.
        const key = new Uint8Array(16).fill(9)
        const { blinded, blinds } = jobs.addBlinds({ parameters, ciphertexts: own, key })
        for (let time = 0; time < 2; time++) {
          const { ciphertexts, plaintexts } = yield* cloud1.ask("cloud0", Reencrypt, of(blinded), options)
          // Throws unless the plaintexts are packed words.
          const answer = { ciphertexts, plaintexts: plaintexts! }
          jobs.stripBlind({ parameters, ...answer, blinds, slotBits: uploadSlotBits })
        }
        const again = jobs.addBlinds({ parameters, ciphertexts: own, key: mark }).blinded
        const before = "it had the piece there opened before, blinded otherwise"
        expect(yield* refusal(cloud1, of(again))).toEqual(refused("north", 0, before))
      })
    )

    it.scoped("once both clouds train, C0 opens nothing, neither the model nor what it opened before", () =>
      Effect.gen(function* () {
        const { file } = yield* writeScenario(splits.rows, short)
        const { tap, body } = recorder()
        const { played, start, startAll } = yield* company(file, { tap })
        yield* startAll("cloud1")
        const until = yield* Scope.make()
        yield* Scope.extend(start("cloud1"), until)
        const director = yield* played("director")
        yield* direct(director, Enrol, ["cloud0", "cloud1", ...users])
        yield* direct(director, Upload, users)
        const clouds = ["cloud0", "cloud1"]
        yield* direct(director, Transform, clouds)
        yield* direct(director, Train, clouds)
        yield* direct(director, SealModel, clouds)
        yield* Scope.close(until, Exit.void)

        const cloud1 = yield* played("cloud1")
        const none = "no piece that it may have opened now begins there"
        const { ciphertexts: model } = yield* ModelShare.payload.decode(body(ModelShare.tag, "cloud0"))
        for (const user of users)
          expect(yield* refusal(cloud1, { user, first: 0, blinded: model })).toEqual(
            refused("north|south|west", 0, none)
          )
        const asked = yield* Reencrypt.payload.decode(body(Reencrypt.tag, "cloud1"))
        expect(yield* refusal(cloud1, asked)).toEqual(refused("north|south|west", asked.first, none))
      })
    )

    it.scoped("of a hybrid upload C0 opens nothing for C1", () =>
      Effect.gen(function* () {
        const security = { modulusBits: 512, insecure: true, upload: "hybrid" }
        const { cloud1, unified } = yield* atTransformation({ security })
        for (const user of users)
          expect(yield* refusal(cloud1, { user, first: 0, blinded: unified.get(user)! })).toEqual(
            refused("north|south|west", 0, "no piece that it may have opened now begins there")
          )
      })
    )

    it.scoped("a user that gives C0 no digests, too few, or other ones than before is named", () =>
      Effect.gen(function* () {
        const { file } = yield* writeScenario(splits.rows, short)
        const { played, startAll } = yield* company(file)
        yield* startAll("user1")
        const user1 = yield* played("user1")
        const sent = (digests: Uint8Array) =>
          Effect.map(Effect.either(user1.ask("cloud0", UploadRandomness, { digests }, options)), (answer) =>
            Either.isLeft(answer) && answer.left._tag === "RemoteFailure"
              ? answer.left.error.message
              : "taken"
          )
        expect(yield* sent(new Uint8Array(32))).toMatch(/^user1 sent digests of what it has not announced/)
        const rows = new Uint8Array(Uint32Array.from({ length: 8 }, (_, i) => i).buffer)
        const announced = { rows: 48, ciphertexts: 2, blocks: [{ rows, columns: [0] }] }
        yield* user1.ask("cloud0", OpenUpload, announced, options)
        expect(yield* sent(new Uint8Array(64))).toMatch(/^north sent 64 bytes of digests for 1 pieces/)
        expect(yield* sent(new Uint8Array(32))).toBe("taken")
        expect(yield* sent(new Uint8Array(32))).toBe("taken")
        expect(yield* sent(toBytes(fromBytes(mark), 32))).toMatch(/^north sent other digests than before/)
      })
    )
  }
)
