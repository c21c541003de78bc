/** The checkers that stand outside a run: each finds what it is there for. */
import { randomBytes } from "node:crypto"
import { Either, Option } from "effect"
import { describe, expect, it } from "vitest"
import { type Envelope, encodeEnvelope } from "../../../protocol/messages/envelope.ts"
import { HeldOutCells } from "../../../protocol/messages/output.ts"
import { Join } from "../../../protocol/messages/training.ts"
import { disagreements } from "../../../scenarios/simulation/checkers/agreement.ts"
import { watchFrames } from "../../../scenarios/simulation/checkers/frames.ts"
import { MaskWatch } from "../../../scenarios/simulation/checkers/masks.ts"
import { RoundWatch } from "../../../scenarios/simulation/checkers/order.ts"
import { Secrets } from "../../../scenarios/simulation/checkers/secrets.ts"

const envelope = (number: number, body: Uint8Array): Envelope => ({
  kind: "round",
  id: "",
  tag: "train",
  number,
  of: 0,
  body
})
const frame = (from: string, number: number, body: Uint8Array) => ({
  from,
  to: from === "cloud0" ? "cloud1" : "cloud0",
  data: encodeEnvelope(envelope(number, body))
})

describe("secrets on the wire", () => {
  it("are found wherever they stand, and nothing else is", () => {
    const secrets = new Secrets()
    const key = new Uint8Array(randomBytes(16))
    const word = Uint8Array.of(9, 8, 7, 0, 0, 0, 0, 0)
    secrets.add("a key", key)
    secrets.add("a cell", word)
    const around = new Uint8Array(1_000)
    for (const at of [0, 1, 500, 984]) {
      const data = around.slice()
      data.set(key, at)
      expect(secrets.find(data)).toBe("a key")
      data[at + 15]! ^= 1
      expect(secrets.find(data)).toBe(undefined)
    }
    const cell = around.slice()
    cell.set(word, 992)
    expect(secrets.find(cell)).toBe("a cell")
    for (let n = 0; n < 100; n++) expect(secrets.find(new Uint8Array(randomBytes(4_096)))).toBe(undefined)
  })

  it("must be long enough not to turn up by chance", () => {
    expect(() => new Secrets().add("a bit", Uint8Array.of(1))).toThrow(/turn up by chance/)
  })

  it("are named with the link they were on", () => {
    const secrets = new Secrets()
    const key = new Uint8Array(randomBytes(16))
    secrets.add("k_0", key)
    const watch = watchFrames(secrets, new MaskWatch(3))
    watch.see(frame("cloud0", 1, new Uint8Array(64)))
    expect(watch.violations).toEqual([])
    watch.see(frame("cloud1", 1, key))
    expect(watch.violations).toEqual(["k_0 was on the link from cloud1 to cloud0"])
  })

  it("may be in the messages that hand them over, such as held-out cells to the tester", () => {
    const secrets = new Secrets()
    const cell = Uint8Array.of(9, 8, 7, 0, 0, 0, 0, 0)
    secrets.add("a cell of user1", cell)
    const watch = watchFrames(secrets, new MaskWatch(3))
    const asking = (tag: string): Envelope => ({ kind: "ask", id: "1", tag, number: 0, of: 0, body: cell })
    const send = (tag: string) => watch.see({ from: "user1", to: "user2", data: encodeEnvelope(asking(tag)) })
    send(HeldOutCells.tag)
    expect(watch.violations).toEqual([])
    send("Declaration")
    expect(watch.violations).toEqual(["a cell of user1 was on the link from user1 to user2"])
  })
})

describe("rounds", () => {
  const see = (watch: RoundWatch, from: string, number: number, body = Uint8Array.of(number)) =>
    watch.see(frame(from, number, body), envelope(number, body))

  it("may be sent again, with the same bytes", () => {
    const watch = new RoundWatch()
    for (const number of [1, 2, 3, 3, 2])
      for (const from of ["cloud0", "cloud1"]) expect(see(watch, from, number)).toBe(undefined)
  })

  it("never open two things under one mask", () => {
    const watch = new RoundWatch()
    see(watch, "cloud0", 1)
    expect(see(watch, "cloud0", 1, Uint8Array.of(77))).toBe(
      "cloud0 sent two different things for round 1 of train"
    )
  })

  it("never begin before the other side's round before", () => {
    const watch = new RoundWatch()
    see(watch, "cloud0", 1)
    expect(see(watch, "cloud0", 2)).toBe("cloud0 was at round 2 of train while cloud1 was at 0")
  })
})

describe("masks", () => {
  const join = (watch: MaskWatch, epoch: number, step: number) => {
    const asked = { kind: "ask", id: `join-${epoch}`, tag: "Join", number: 0, of: 0 } as const
    const ask = Either.getOrThrow(Join.payload.encode({ epoch, steps: [0, step], lanes: [] }))
    const reply = Either.getOrThrow(Join.reply.encode({ step, lanes: [] }))
    watch.see(frame("cloud0", 0, ask), { ...asked, body: ask })
    watch.see(frame("cloud1", 0, reply), { ...asked, kind: "reply", body: reply })
  }
  const see = (watch: MaskWatch, tag: string, number: number, byte: number) => {
    const body = Uint8Array.of(byte)
    return watch.see(frame("cloud0", number, body), { ...envelope(number, body), tag })
  }

  it("serve the same values in each epoch that does a step again, wherever it goes on", () => {
    const watch = new MaskWatch(2)
    join(watch, 1, 0)
    // The data, then two rounds each of steps 1 to 3.
    for (const number of [1, 2, 3, 4, 5, 6, 7]) expect(see(watch, "train", number, number)).toBe(undefined)
    join(watch, 2, 2)
    expect(see(watch, "train.2", 1, 1)).toBe(undefined)
    expect([2, 3].map((number) => see(watch, "train.2", number, number + 4))).toEqual([undefined, undefined])
  })

  it("never serve two", () => {
    const watch = new MaskWatch(2)
    join(watch, 1, 0)
    for (const number of [1, 2, 3, 4, 5]) see(watch, "train", number, number)
    join(watch, 2, 1)
    expect(see(watch, "train.2", 1, 9)).toBe(
      "cloud0 opened two different things under the masks of the opening of the data, the latter in train.2"
    )
    expect(see(watch, "train.2", 3, 9)).toBe(
      "cloud0 opened two different things under the masks of step 2, part 1, the latter in train.2"
    )
  })
})

describe("the users' models", () => {
  it("agree with that of the first of them, or the user is named", () => {
    const model = (user: string, ...bytes: ReadonlyArray<number>) =>
      [user, Option.some(Uint8Array.from(bytes))] as const
    expect(disagreements([model("user2", 1, 2), model("user3", 1, 2)])).toEqual([])
    expect(disagreements([model("user1", 1, 2), model("user2", 1, 3), ["user3", Option.none()]])).toEqual([
      "user2 has another model than user1",
      "user3 has another model than user1"
    ])
  })
})
