/**
 * A5: keys that are not those of the KGC, or of a KGC whose values do not fit together. A broker that sealed a k_1 of its own
 * to C1 in the KGC's name had C1's share open: seals did not say who had sealed, and nobody checked what a value was.
 */
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Either, Layer, Logger, Option } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { fromBytes, toBytes } from "../../protocol/bcp/integers.ts"
import { drawIdentity } from "../../protocol/channels/noise.ts"
import { Enrol } from "../../protocol/messages/control.ts"
import { Cloud0Secrets, Cloud1Secrets, Enrolment, UserSecrets } from "../../protocol/messages/enrolment.ts"
import type { Format } from "../../protocol/messages/message.ts"
import { company } from "../support/company.ts"
import { patienceMs } from "../support/patience.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"

type Handed = Effect.Effect.Success<ReturnType<typeof Enrolment.reply.decode>>
type Change = (handed: Handed) => Handed

const deadlines = { replyTimeoutMs: patienceMs, roundTimeoutMs: patienceMs, phaseTimeoutMs: patienceMs }

/** What a party says of what a KGC has handed to it, changed before its own KGC seals it. */
const refusal = (actor: string, change: Change, changes: object = {}) =>
  Effect.gen(function* () {
    const { file } = yield* writeScenario(splits.rows, { deadlines, ...changes })
    const { agreement, played, start } = yield* company(file, {
      tap: ({ body, kind, tag, to }) =>
        tag === Enrolment.tag && kind === "reply" && to === actor
          ? Either.getOrThrow(Enrolment.reply.encode(change(Either.getOrThrow(Enrolment.reply.decode(body)))))
          : undefined
    })
    expect(agreement.security.exponents).toBe("short")
    for (const each of ["kgc", actor]) yield* start(each)
    const director = yield* played("director")
    const enrolled = yield* Effect.either(director.ask(actor, Enrol, {}, { deadlineMs: patienceMs }))
    const error = Option.getOrThrow(Either.getLeft(enrolled))
    if (error._tag !== "RemoteFailure") throw error
    expect(error.party).toBe(actor)
    expect(error.error._tag).toBe("HandedOutWrong")
    return error.error.message
  })

const published =
  (change: (of: Handed["published"]) => Partial<Handed["published"]>): Change =>
  (handed) => ({ ...handed, published: { ...handed.published, ...change(handed.published) } })

const wire = (change: (of: Handed["published"]["wire"]) => Partial<Handed["published"]["wire"]>): Change =>
  published((of) => ({ wire: { ...of.wire, ...change(of.wire) } }))

const secrets =
  <S>({ decode, encode }: Format<S>, change: (of: S) => Partial<S>): Change =>
  (handed) => {
    const own = Either.getOrThrow(decode(handed.secrets))
    return { ...handed, secrets: Either.getOrThrow(encode({ ...own, ...change(own) })) }
  }

const plus = (bytes: Uint8Array, by: bigint): Uint8Array => toBytes(fromBytes(bytes) + by, bytes.length)
const zeros = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.length)

/** What is wrong, at whom, and how it is named. */
const wrong: ReadonlyArray<readonly [what: string, actor: string, change: Change, named: RegExp]> = [
  [
    "a secret key that is not that of the public one",
    "user2",
    secrets(UserSecrets, ({ secretKey }) => ({ secretKey: plus(secretKey, 1n) })),
    /a secret key .* not that of the public key/
  ],
  [
    "a secret key of more bits than agreed",
    "user2",
    secrets(UserSecrets, ({ secretKey }) => ({ secretKey: plus(secretKey, 1n << 600n) })),
    /a secret key .* longer than 512 bits/
  ],
  [
    "a public key outside the group",
    "user1",
    published(({ publicKeys }) => ({
      publicKeys: new Map(
        [...publicKeys].map(([actor, key]) => [actor, actor === "user2" ? zeros(key) : key])
      )
    })),
    /a public key of south/
  ],
  [
    "a joint key that is not their product",
    "cloud1",
    published(({ unifiedPublicKey }) => ({ unifiedPublicKey: plus(unifiedPublicKey, 1n) })),
    /a joint key .* not the product/
  ],
  [
    "keys of fewer users",
    "cloud1",
    published(({ publicKeys }) => ({ publicKeys: new Map([...publicKeys].slice(1)) })),
    /a list of public keys .* user2, user3; the users are user1, user2, user3/
  ],
  [
    "a key of the batch order of zeros",
    "user3",
    published(({ orderKey }) => ({ orderKey: zeros(orderKey) })),
    /a key of the batch order .* zeros/
  ],
  ["an even modulus", "user1", wire(({ N }) => ({ N: plus(N, 1n) })), /parameters .* N is even/],
  [
    "a key k_0 of zeros",
    "cloud0",
    secrets(Cloud0Secrets, ({ prgKey }) => ({ prgKey: zeros(prgKey!) })),
    /a key k_0 .* zeros/
  ],
  [
    "a key k_1 of zeros",
    "cloud1",
    secrets(Cloud1Secrets, ({ prgKey }) => ({ prgKey: zeros(prgKey!) })),
    /a key k_1 .* zeros/
  ],
  [
    "factors of another number",
    "cloud0",
    secrets(Cloud0Secrets, ({ p }) => ({ p: plus(p, 2n) })),
    /a master key .* not the product of p and q/
  ],
  [
    "one factor that is N",
    "cloud0",
    (handed) => {
      const { N } = handed.published.wire
      return secrets(Cloud0Secrets, ({ p }) => ({ p: toBytes(1n, p.length), q: N }))(handed)
    },
    /a master key .* differ in length/
  ],
  [
    "a k that is not the logarithm of g",
    "cloud0",
    wire(({ k }) => ({ k: plus(k, k.at(-1) === 255 ? -1n : 1n) })),
    /parameters .*(k is not the logarithm of g|k is no unit)/
  ],
  [
    "a g that is no square",
    "cloud0",
    wire(({ N, g }) => ({ g: toBytes(fromBytes(N) ** 2n - fromBytes(g), g.length) })),
    /parameters .* g has not the order/
  ]
]

type Shared = NonNullable<Handed["published"]["shared"]>
const shared = (change: (of: Shared) => Partial<Shared>): Change =>
  published(({ shared: of }) => ({ shared: { ...of!, ...change(of!) } }))

const verificationKeys = (
  change: (key: Uint8Array, actor: string, all: Shared["verificationKeys"]) => Uint8Array
) =>
  shared(({ verificationKeys: all }) => ({
    verificationKeys: new Map([...all].map(([actor, key]) => [actor, change(key, actor, all)]))
  }))

/** The same where two of three users decrypt. */
const wrongShares: typeof wrong = [
  [
    "a key share that is not that of its verification key",
    "user2",
    secrets(UserSecrets, ({ keyShare }) => ({ keyShare: plus(keyShare!, 1n) })),
    /a key share .* not that of the verification key/
  ],
  [
    "a key share of more bits than the largest",
    "user2",
    secrets(UserSecrets, ({ keyShare }) => ({
      keyShare: toBytes(1n << 700n, 88).slice(0, keyShare!.length + 1)
    })),
    /a key share .* longer than 6\d\d bits, or not of its width/
  ],
  [
    "no key share",
    "user1",
    (handed) => {
      const { secretKey } = Either.getOrThrow(UserSecrets.decode(handed.secrets))
      return { ...handed, secrets: Either.getOrThrow(UserSecrets.encode({ secretKey })) }
    },
    /the secrets of a user/
  ],
  [
    "another user's verification key in place of one",
    "cloud1",
    verificationKeys((key, actor, all) => (actor === "user3" ? all.get("user1")! : key)),
    /verification keys .* not every 2 of the users could decrypt/
  ],
  [
    "a verification key outside the group",
    "user1",
    verificationKeys((key, actor) => (actor === "user2" ? zeros(key) : key)),
    /a verification key of south/
  ],
  [
    "a threshold that nobody has agreed on",
    "user1",
    shared(() => ({ threshold: 1 })),
    /a shared joint key .* 1 of the 3 users can decrypt with it; the scenario asks for 2/
  ],
  [
    "a joint key that is not shared",
    "user1",
    ({ published: { shared: _, ...rest }, secrets: own }) => ({ published: rest, secrets: own }),
    /a shared joint key .* all of the 3 users/
  ]
]

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "A5",
  (it) => {
    describe("a KGC that hands out", () => {
      for (const [what, actor, change, named] of wrong)
        it.scoped(`${what} is refused by ${actor}`, () =>
          Effect.gen(function* () {
            const message = yield* refusal(actor, change)
            expect(message).toMatch(/^The KGC handed out /)
            expect(message).toMatch(named)
          })
        )
    })

    describe("a KGC that shares the joint key, and hands out", () => {
      for (const [what, actor, change, named] of wrongShares)
        it.scoped(`${what} is refused by ${actor}`, () =>
          Effect.gen(function* () {
            const message = yield* refusal(actor, change, { decryption: { threshold: 2 } })
            expect(message).toMatch(/^The KGC handed out /)
            expect(message).toMatch(named)
          })
        )
    })

    describe("a broker", () => {
      it.scoped("that answers as the KGC, with an identity of its own, reaches nobody", () =>
        Effect.gen(function* () {
          const quick = { replyTimeoutMs: 1_000, roundTimeoutMs: 1_000, phaseTimeoutMs: 2_000 }
          const { file } = yield* writeScenario(splits.rows, { deadlines: quick })
          const replies: Array<string> = []
          const { played, start } = yield* company(file, {
            tap: ({ kind, tag, to }) => {
              if (tag === Enrolment.tag && kind === "reply") replies.push(to)
              return undefined
            }
          })
          yield* start("kgc", { identity: drawIdentity() })
          yield* start("cloud1")
          const director = yield* played("director")
          const enrolled = yield* Effect.either(director.ask("cloud1", Enrol, {}, { deadlineMs: patienceMs }))
          const error = Option.getOrThrow(Either.getLeft(enrolled))
          expect(error.message).toMatch(/kgc did not (reply|answer)/)
          expect(replies).toEqual([])
        })
      )

      it.scoped(
        "that changes the KGC's answer to C1 has it dropped, and C1 takes the one that comes whole",
        () =>
          Effect.gen(function* () {
            const { file } = yield* writeScenario(splits.rows, { deadlines })
            let changed = 0
            const { played, start } = yield* company(file, {
              wire: ({ channel, data, from, to }) => {
                // The answer is the first that is long enough to hold keys.
                if (
                  from !== "kgc" ||
                  to !== "cloud1" ||
                  channel !== "reply" ||
                  data.length < 500 ||
                  changed > 0
                )
                  return undefined
                changed++
                data[data.length - 20]! ^= 1
                return [data]
              }
            })
            for (const each of ["kgc", "cloud1"]) yield* start(each)
            const director = yield* played("director")
            expect(yield* director.ask("cloud1", Enrol, {}, { deadlineMs: patienceMs })).toEqual({})
            expect(changed).toBe(1)
          })
      )
    })
  }
)
