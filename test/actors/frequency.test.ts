/**
 * Whether what the clouds receive depends on the data: two runs whose every cell is as different as can be, without a seed,
 * and statistics that would see it. The same statistics do see data that are masked badly or not at all.
 */
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Either, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { ciphertextBytes, elementBytes, plaintextBytes } from "../../protocol/bcp/wire.ts"
import { Reencrypt, UnifiedShare0 } from "../../protocol/messages/transformation.ts"
import { againstUniform, betweenSamples, hardlyAbove, histogram } from "../protocol/sharing/frequency.ts"
import { company, type Wired } from "../support/company.ts"
import { type Leaf, type Split, smallScenario, writeScenario } from "../support/small-scenario.ts"

const held = ["length", "width", "veins", "weight", "kind"]
const rows = 160

/** A table of equal rows, split among three users. */
const allAlike = (cells: Leaf["cells"]): Split => {
  const leaves = Array.from({ length: rows }, (_, row) => ({ id: `leaf-${row}`, cells }))
  return [[[leaves.slice(0, 50), held]], [[leaves.slice(50, 90), held]], [[leaves.slice(90), held]]]
}
const { data } = smallScenario([])
const extreme = (end: 0 | 1): Leaf["cells"] => ({
  ...Object.fromEntries(
    Object.entries(data.features).map(([column, range]) => [column, String(range[end]!)])
  ),
  kind: data.label.values[end]!
})

/** What a run sends the clouds in the transformation and in training. */
const runOn = (end: 0 | 1) =>
  Effect.gen(function* () {
    const changes = {
      training: { epochs: 3, batch: 16, rate: 0.25 },
      network: { hidden: [16] },
      reveal: []
    }
    const { file } = yield* writeScenario(allAlike(extreme(end)), changes)
    const messages: Array<Wired> = []
    const { directed, startAll } = yield* company(file, {
      tap: (message) => {
        if (["Reencrypt", "UnifiedShare0", "round:train", "train"].includes(message.tag))
          messages.push(message)
        return undefined
      }
    })
    yield* startAll()
    yield* directed
    return seen(messages)
  })

const numbers = { bits: 512 }

/**
 * The bytes that come to each cloud. Of big integers the lower half of the bytes: the higher ones are below those of the
 * run's modulus, which is another in each run whatever the data.
 */
const seen = (messages: ReadonlyArray<Wired>) => {
  // By number, since a round that is late is sent again.
  const rounds = (to: string) => {
    const received = messages.filter(({ kind, to: receiver }) => kind === "round" && receiver === to)
    const byNumber = new Map(received.map(({ number, body }) => [number, body]))
    return [...byNumber].toSorted(([a], [b]) => a - b).map(([, body]) => body)
  }
  const lower = (bytes: Uint8Array, each: number) =>
    Buffer.concat(
      Array.from({ length: bytes.length / each }, (_, i) => bytes.slice(i * each + each / 2, (i + 1) * each))
    )
  /** Each message once: on a busy machine some are sent again. */
  const carried = (tag: string, kind: Wired["kind"], read: (body: Uint8Array) => Uint8Array) => {
    const those = messages.filter((each) => each.tag === tag && each.kind === kind)
    return Buffer.concat([...new Map(those.map(({ body, id }) => [id, read(body)])).values()])
  }
  const element = elementBytes(numbers)
  const [to0, to1] = [Buffer.concat(rounds("cloud0")), Buffer.concat(rounds("cloud1"))]
  expect(to0.length).toBe(to1.length)
  expect(element * 2).toBe(ciphertextBytes(numbers))
  return {
    "rounds to C0": to0,
    "rounds to C1": to1,
    "what both open": sumOfWords(to0, to1),
    "what both open, bits": to0.map((byte, i) => byte ^ to1[i]!),
    "blinded ciphertexts to C0": carried(Reencrypt.tag, "ask", (body) =>
      lower(Either.getOrThrow(Reencrypt.payload.decode(body)).blinded, element)
    ),
    "what C0 opens and tells C1": carried(Reencrypt.tag, "reply", (body) =>
      lower(
        Either.getOrThrow(Reencrypt.reply.decode(body)).plaintexts ?? new Uint8Array(0),
        plaintextBytes(numbers)
      )
    ),
    "unified ciphertexts to C1": Buffer.concat([
      carried(Reencrypt.tag, "reply", (body) =>
        lower(Either.getOrThrow(Reencrypt.reply.decode(body)).ciphertexts, element)
      ),
      carried(UnifiedShare0.tag, "ask", (body) =>
        lower(Either.getOrThrow(UnifiedShare0.payload.decode(body)).ciphertexts, element)
      )
    ])
  }
}

/** Word by word modulo 2^64, little-endian. */
const sumOfWords = (one: Uint8Array, other: Uint8Array): Uint8Array => {
  const words = (bytes: Uint8Array) => new BigUint64Array(bytes.slice().buffer)
  const others = words(other)
  return new Uint8Array(words(one).map((word, i) => word + others[i]!).buffer)
}

/** Where in its word each byte is, with the byte: what is masked only in part shows in some place. */
const placed = (bytes: Uint8Array): ReadonlyArray<number> =>
  histogram(
    Array.from(bytes, (byte, i) => (i % 8) * 256 + byte),
    8 * 256
  )

const chunk = 64

/**
 * The share of 64-byte chunks that a classifier puts into the right run, having learned each run's bytes by their place on the
 * one half of what it saw, tested on the other half (naive Bayes).
 */
const classified = (one: Uint8Array, other: Uint8Array) => {
  const size = Math.floor(Math.min(one.length, other.length) / chunk / 2) * chunk
  const weights = [one, other].map((bytes) =>
    placed(bytes.subarray(0, size)).map((count) => Math.log(count + 1))
  )
  let right = 0
  let total = 0
  for (const [run, bytes] of [one, other].entries()) {
    for (let at = size; at < 2 * size; at += chunk) {
      let score = 0
      for (let i = at; i < at + chunk; i++) {
        const bucket = (i % 8) * 256 + bytes[i]!
        score += weights[0]![bucket]! - weights[1]![bucket]!
      }
      if ((score > 0 ? 0 : 1) === run) right++
      total++
    }
  }
  return { right, total }
}

/** Six standard deviations of tossing a coin. */
const chance = (total: number) => total / 2 + 3 * Math.sqrt(total)

const differs = (one: Uint8Array, other: Uint8Array): boolean => {
  const size = Math.min(one.length, other.length) & ~7
  const [a, b] = [placed(one.subarray(0, size)), placed(other.subarray(0, size))]
  const { right, total } = classified(one, other)
  return betweenSamples(a, b) > hardlyAbove(8 * 255) || right > chance(total)
}

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "frequency",
  (it) => {
    describe("what the clouds receive in two runs, one on all-minimum and one on all-maximum cells", () => {
      it.scoped("tells the runs apart no better than chance", () =>
        Effect.gen(function* () {
          const [least, greatest] = [yield* runOn(0), yield* runOn(1)]
          for (const kind of Object.keys(least) as ReadonlyArray<keyof typeof least>) {
            const [one, other] = [least[kind], greatest[kind]]
            expect(one.length, kind).toBeGreaterThan(3 * 1024)
            expect(differs(one, other), kind).toBe(false)
          }
        })
      )
    })

    describe("the same statistics", () => {
      const f = 20
      const words = 4096
      /** What the rounds would carry of the two tables without masks: −1 and 1 in fixed point, and labels. */
      const plain = (end: 0 | 1) =>
        new Uint8Array(
          BigUint64Array.from({ length: words }, (_, i) =>
            i % 6 < 4
              ? BigInt.asUintN(64, (end === 0 ? -1n : 1n) << BigInt(f))
              : BigInt((i + end) % 2) << BigInt(f)
          ).buffer
        )
      const random = () => crypto.getRandomValues(new Uint8Array(8 * words))

      it.scoped("see data that are not masked", () =>
        Effect.sync(() => {
          expect(differs(plain(0), plain(1))).toBe(true)
          const { right, total } = classified(plain(0), plain(1))
          expect(right).toBe(total)
        })
      )

      it.scoped("see a mask of 16 bits, too narrow to hide a sign", () =>
        Effect.sync(() => {
          const masked = (end: 0 | 1) => {
            const mask = random()
            for (let i = 0; i < mask.length; i++) if (i % 8 >= 2) mask[i] = 0
            return sumOfWords(plain(end), mask)
          }
          expect(differs(masked(0), masked(1))).toBe(true)
        })
      )

      it.scoped("see a mask that serves every word alike", () =>
        Effect.sync(() => {
          const masked = (end: 0 | 1) => {
            const mask = random().slice(0, 8)
            return sumOfWords(
              plain(end),
              Uint8Array.from({ length: 8 * words }, (_, i) => mask[i % 8]!)
            )
          }
          expect(differs(masked(0), masked(1))).toBe(true)
        })
      )

      it.scoped("see nothing in what is masked as it should be, which is uniform", () =>
        Effect.sync(() => {
          const masked = [0, 1].map((end) => sumOfWords(plain(end as 0 | 1), random()))
          expect(differs(masked[0]!, masked[1]!)).toBe(false)
          expect(againstUniform(histogram(masked[0]!, 256))).toBeLessThan(hardlyAbove(255))
        })
      )
    })
  }
)
