import { Either } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  decodeEnvelope,
  type Envelope,
  encodedBytes,
  envelopeBytes
} from "../../../protocol/messages/envelope.ts"
import {
  BodyRoom,
  type Carrier,
  type Frames,
  framesOf,
  Reassembly,
  sentAt,
  takeAgain
} from "../../../runtime/messaging/framing.ts"
import { defaultLimits } from "../../../runtime/messaging/limits.ts"
import { leastPayloadBytes } from "../../../runtime/transport/assumptions.ts"

const envelope = (body: Uint8Array, id = "x-1"): Envelope => ({
  kind: "ask",
  id,
  tag: "Upload",
  number: 0,
  of: 0,
  body
})
const limit = 1024
const carrier: Carrier = { maxPayloadBytes: limit, frame: (bytes) => new Uint8Array(bytes) }

const framesIn = Either.getOrThrow<Frames, unknown>

const fragmentsOf = (body: Uint8Array, id?: string) =>
  framesIn(framesOf(envelope(body, id), carrier)).map((frame) => Either.getOrThrow(decodeEnvelope(frame)))

const add = (reassembly: Reassembly, fragment: Envelope, now = 0) =>
  Either.getOrThrow(reassembly.add("user1 ask", fragment, now))

describe("fragments", () => {
  it("no frame is larger than the limit, and any order with repetitions gives the message back", () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: limit, max: 6 * limit })
          .chain((length) =>
            fc.tuple(fc.uint8Array({ minLength: length, maxLength: length }), fc.infiniteStream(fc.nat()))
          ),
        ([body, order]) => {
          const fragments = fragmentsOf(body)
          for (const frame of framesIn(framesOf(envelope(body), carrier)))
            expect(frame.length).toBeLessThanOrEqual(limit)
          const reassembly = new Reassembly(defaultLimits)
          let whole: Uint8Array | undefined
          for (const draw of order) {
            whole = add(reassembly, fragments[draw % fragments.length]!)
            if (whole !== undefined) break
          }
          expect(Either.getOrThrow(decodeEnvelope(whole!))).toEqual(envelope(body))
          expect(reassembly.incomplete).toBe(0)
        }
      ),
      { numRuns: 50 }
    )
  })

  it("come of the least payload too, whatever id and tag there are, and of a message of more pieces than one may have none", () => {
    const long = { ...envelope(new Uint8Array(5_000).fill(7), "i".repeat(255)), tag: "t".repeat(255) }
    const least = { ...carrier, maxPayloadBytes: leastPayloadBytes }
    const reassembly = new Reassembly(defaultLimits)
    const whole = framesIn(framesOf(long, least)).map((frame) => {
      expect(frame.length).toBeLessThanOrEqual(leastPayloadBytes)
      return add(reassembly, Either.getOrThrow(decodeEnvelope(frame)))
    })
    expect(Either.getOrThrow(decodeEnvelope(whole.at(-1)!))).toEqual(long)

    const most = defaultLimits.fragmentsOfMessage * (limit - envelopeBytes)
    const over = encodedBytes(envelope(new Uint8Array(0)), 0)
    expect(framesIn(framesOf(envelope(new Uint8Array(most - over)), carrier))).toHaveLength(
      defaultLimits.fragmentsOfMessage
    )
    const error = Either.getOrThrow(Either.flip(framesOf(envelope(new Uint8Array(most - over + 1)), carrier)))
    expect(error).toMatchObject({ _tag: "MessageTooLarge", tag: "Upload", bytes: most + 1 })
    expect(error.message).toContain("raise max_payload")
  })

  it("a message within the limit is one frame", () => {
    expect(framesIn(framesOf(envelope(new Uint8Array(500)), carrier))).toHaveLength(1)
  })

  it("a body that was written to its room makes the same frames, and is copied only where it is cut", () => {
    const most = limit - encodedBytes(envelope(new Uint8Array(0)), 0)
    for (const length of [0, 500, most, most + 1, 3000]) {
      const room = new BodyRoom(envelope(new Uint8Array(0)), carrier)
      const body = room.take(length)
      body.set(Uint8Array.from({ length }, (_, i) => i % 251))
      const frames = framesIn(room.framesOf(envelope(body)))
      expect(frames).toEqual(framesIn(framesOf(envelope(body.slice()), carrier)))
      expect(room.holds(body)).toBe(length <= most)
      expect(frames.some(({ buffer }) => buffer === body.buffer)).toBe(length <= most)
    }
  })

  it("of a room only what was taken last is sent from where it lies", () => {
    const room = new BodyRoom(envelope(new Uint8Array(0)), carrier)
    const first = room.take(100).fill(1)
    const second = room.take(200).fill(2)
    for (const body of [first, second, second.subarray(0, 50), new Uint8Array(7).fill(3)]) {
      const frames = framesIn(room.framesOf(envelope(body)))
      expect(frames.map((frame) => Either.getOrThrow(decodeEnvelope(frame)).body)).toEqual([body])
      expect(room.holds(body)).toBe(body === second)
    }
  })

  it("messages of different ids or sources are not mixed", () => {
    const [a, b] = [
      fragmentsOf(new Uint8Array(2000).fill(1), "a"),
      fragmentsOf(new Uint8Array(2000).fill(2), "b")
    ]
    const reassembly = new Reassembly(defaultLimits)
    for (let i = 0; i + 1 < a.length; i++) {
      expect(add(reassembly, a[i]!)).toBeUndefined()
      expect(add(reassembly, b[i]!)).toBeUndefined()
    }
    expect(Either.getOrThrow(reassembly.add("user2 ask", a.at(-1)!, 0))).toBeUndefined()
    expect(Either.getOrThrow(decodeEnvelope(add(reassembly, b.at(-1)!)!)).id).toBe("b")
  })

  it("a place outside the message, or a message beyond the bound, is malformed", () => {
    const [first] = fragmentsOf(new Uint8Array(3000))
    const reassembly = new Reassembly(defaultLimits)
    for (const wrong of [
      { number: 9, of: 9 },
      { number: 0, of: 0 },
      { number: 0, of: 1 },
      { number: 0, of: 2 ** 31 }
    ])
      expect(Either.isLeft(reassembly.add("s", { ...first!, ...wrong }, 0))).toBe(true)
    expect(reassembly.incomplete).toBe(0)
  })

  it("what stays incomplete gives way: to newer messages, to bytes, to time", () => {
    const [first] = fragmentsOf(new Uint8Array(3000))
    const many = new Reassembly({ ...defaultLimits, fragmentedMessages: 4 })
    for (let i = 0; i < 50; i++) add(many, { ...first!, id: `${i}` })
    expect(many.incomplete).toBeLessThanOrEqual(5)
    const large = new Reassembly({ ...defaultLimits, fragmentedBytes: 4 * limit })
    for (let i = 0; i < 50; i++) add(large, { ...first!, id: `${i}` })
    expect(large.incomplete).toBeLessThanOrEqual(Math.ceil((4 * limit) / first!.body.length))
    const old = new Reassembly({ ...defaultLimits, fragmentedForMs: 10 })
    add(old, { ...first!, id: "old" }, 0)
    add(old, { ...first!, id: "new" }, 11)
    expect(old.incomplete).toBe(1)
  })
})

describe("sending again", () => {
  it("waits as long as the bytes may be on their way, and twice as long each time", () => {
    const sent = sentAt([new Uint8Array(20_000)], 100, { ...defaultLimits, assumedBytesPerMs: 1000 })
    expect([110, 119, 120, 130, 159, 160, 239, 240].map((now) => takeAgain(sent, now))).toEqual([
      false,
      false,
      true,
      false,
      false,
      true,
      false,
      true
    ])
  })

  it("does not wait for what is small", () => {
    const sent = sentAt([new Uint8Array(100)], 5, defaultLimits)
    expect([takeAgain(sent, 5), takeAgain(sent, 5)]).toEqual([true, true])
  })

  it("waits for a sending that is under way, however long that takes", () => {
    const sent = sentAt([new Uint8Array(1000)], 0, { ...defaultLimits, assumedBytesPerMs: 100 })
    sent.underWay = 1
    expect(takeAgain(sent, 60_000)).toBe(false)
    sent.underWay = 0
    expect(takeAgain(sent, 60_000)).toBe(true)
  })

  it("counts what very many small pieces take, and keeps no frame for a byte of it", () => {
    const limits = { ...defaultLimits, fragmentedMessages: 4096, fragmentedBytes: 1_000_000 }
    const reassembly = new Reassembly(limits)
    const frame = new Uint8Array(1 << 20)
    const small = (id: number, number: number): Envelope => ({
      ...{ kind: "fragment", id: `x-${id}`, tag: "Upload", number, of: 1000 },
      body: frame.subarray(0, 1)
    })
    for (let id = 0; id < 100; id++)
      for (let number = 0; number < 999; number++) add(reassembly, small(id, number))
    // 256 bytes a piece and one more: fewer than four messages fit.
    expect(reassembly.incomplete).toBeLessThanOrEqual(4)
    frame[0] = 9
    const whole = add(reassembly, small(99, 999))
    expect(whole?.slice(0, 999).every((byte) => byte === 0)).toBe(true)
  })
})
