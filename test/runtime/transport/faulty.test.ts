/** The transport that does what bad networks do: at the rates asked for, and the same for the same seed. */
import { Context, Effect, Layer } from "effect"
import { describe, expect, it } from "vitest"
import { subjectOf } from "../../../protocol/messages/subjects.ts"
import {
  type FaultyOptions,
  faulty,
  type LinkFaults,
  type MessageFault
} from "../../../runtime/transport/faulty.ts"
import { makeHub } from "../../../runtime/transport/memory.ts"
import { Transport } from "../../../runtime/transport/transport.ts"
import { makeVirtualTime } from "../../../runtime/virtual/time.ts"

const none: LinkFaults = { loss: 0, duplication: 0, reordering: 0, corruption: 0, truncation: 0 }
const subject = subjectOf({ run: "r", to: "kgc", from: "cloud1", channel: "ask" })
const sent = 2_000

interface Arrived {
  readonly atMs: number
  readonly data: Uint8Array
}

/** Sends numbered messages of 16 bytes, one a millisecond, and gives what arrives. */
const through = async (options: Partial<FaultyOptions>) => {
  const time = makeVirtualTime()
  const hub = makeHub({ carry: (_, arrive) => void time.after(0.01, arrive) })
  const counts = new Map<MessageFault, number>()
  const arrived: Array<Arrived> = []
  const work = Effect.gen(function* () {
    const receiver = yield* Effect.map(Layer.build(hub.layer("kgc")), Context.get(Transport))
    const link = faulty(
      {
        seed: 7,
        faultsOf: () => none,
        count: (kind) => counts.set(kind, (counts.get(kind) ?? 0) + 1),
        ...options
      },
      hub.layer("cloud1")
    )
    const sender = yield* Effect.map(Layer.build(link), Context.get(Transport))
    yield* Effect.orDie(
      receiver.subscribe("bicameral.r.kgc.>", ({ data }) => arrived.push({ atMs: time.nowMs(), data }))
    )
    const bytes = new Uint8Array(16)
    for (let n = 0; n < sent; n++) {
      // The caller reuses its bytes.
      new DataView(bytes.buffer).setUint32(0, n)
      sender.send(subject, bytes)
      yield* Effect.sleep(1)
    }
    yield* Effect.sleep(10_000)
  }).pipe(Effect.scoped)
  await time.run(work, 1e6)
  const numbers = arrived
    .filter(({ data }) => data.length >= 4)
    .map(({ data }) => Buffer.from(data).readUInt32BE())
  return { arrived, numbers, counts }
}

const all = Array.from({ length: sent }, (_, n) => n)
const inOrder = (numbers: ReadonlyArray<number>) => numbers.every((n, i) => i === 0 || numbers[i - 1]! <= n)
/** Within four standard deviations of a share of all. */
const about = (count: number | undefined, share: number) =>
  expect(Math.abs((count ?? 0) - share * sent)).toBeLessThan(4 * Math.sqrt(sent * share * (1 - share)))

describe("faulty transport", () => {
  it("without faults passes everything on, in order", async () => {
    const { numbers, counts } = await through({})
    expect(numbers).toEqual(all)
    expect(counts.size).toBe(0)
  })

  it("loses, doubles, reorders, corrupts and truncates at the rates asked for", async () => {
    const lost = await through({ faultsOf: () => ({ ...none, loss: 0.1 }) })
    about(lost.counts.get("loss"), 0.1)
    expect(lost.numbers.length).toBe(sent - lost.counts.get("loss")!)
    const doubled = await through({ faultsOf: () => ({ ...none, duplication: 0.1 }) })
    about(doubled.counts.get("duplication"), 0.1)
    expect(doubled.numbers.length).toBe(sent + doubled.counts.get("duplication")!)
    const strayed = await through({ faultsOf: () => ({ ...none, reordering: 0.1 }) })
    about(strayed.counts.get("reordering"), 0.1)
    expect(inOrder(strayed.numbers)).toBe(false)
    expect(strayed.numbers.toSorted((a, b) => a - b)).toEqual(all)
    const corrupted = await through({ faultsOf: () => ({ ...none, corruption: 0.1 }) })
    about(corrupted.counts.get("corruption"), 0.1)
    const wrong = corrupted.arrived.filter(({ data }, n) => {
      const right = new Uint8Array(16)
      new DataView(right.buffer).setUint32(0, n)
      return Buffer.compare(data, right) !== 0
    })
    // Bits flipped twice are right again.
    expect(wrong.length).toBeGreaterThan(0.9 * corrupted.counts.get("corruption")!)
    const cut = await through({ faultsOf: () => ({ ...none, truncation: 0.1 }) })
    expect(cut.arrived.filter(({ data }) => data.length < 16).length).toBe(cut.counts.get("truncation"))
    about(cut.counts.get("truncation"), 0.1)
  })

  it("keeps the order of what is only delayed, also while the link heals", async () => {
    const delay = { kind: "exponential", meanMs: 20 } as const
    let messages = 0
    const { arrived, numbers } = await through({
      faultsOf: () => (++messages <= sent / 2 ? { ...none, delay } : undefined)
    })
    expect(numbers).toEqual(all)
    const late = arrived.map(({ atMs }, n) => atMs - n)
    const mean = late.slice(0, sent / 2).reduce((sum, ms) => sum + ms, 0) / (sent / 2)
    expect(mean).toBeGreaterThan(20)
    expect(late.at(-1)).toBeLessThan(1)
  })

  it("does the same for the same seed, and something else for another", async () => {
    const faultsOf = () => ({ ...none, loss: 0.2, duplication: 0.2, reordering: 0.2, corruption: 0.2 })
    const [one, again, other] = [
      await through({ faultsOf }),
      await through({ faultsOf }),
      await through({ faultsOf, seed: 8 })
    ]
    expect(again).toEqual(one)
    expect(other.numbers).not.toEqual(one.numbers)
  })

  it("lets nothing through between those who are cut off", async () => {
    const { numbers, counts } = await through({ cut: (from, to) => from === "cloud1" && to === "kgc" })
    expect(numbers).toEqual([])
    expect(counts.get("partition")).toBe(sent)
  })
})
