import { Either } from "effect"
import fc from "fast-check"
import { Packr } from "msgpackr"
import { describe, expect, it } from "vitest"
import { decode, encode } from "../../../protocol/messages/codec.ts"
import {
  closeEnvelope,
  decodeEnvelope,
  type Envelope,
  encodedBytes,
  encodeEnvelope,
  encodeParts,
  encodePieces,
  envelopeVersion,
  kinds,
  openEnvelope
} from "../../../protocol/messages/envelope.ts"
import { ask, Bytes, BytesOf, tell } from "../../../protocol/messages/message.ts"
import { Schema } from "../../../protocol/schema.ts"

const bytesOf = (value: unknown) => Either.getOrThrow(encode("test", value))

describe("codec", () => {
  it("gives back what JSON and bytes can hold", () => {
    const value = { a: [1, -2, 2.5, "ü", null, true], b: new Uint8Array([1, 2, 3]), c: 2 ** 40 }
    expect(Either.getOrThrow(decode("test", bytesOf(value)))).toEqual(value)
  })

  it("copies bytes out of the received buffer", () => {
    const wire = bytesOf({ body: new Uint8Array([1, 2, 3]) })
    const value = Either.getOrThrow(decode("test", wire)) as { body: Uint8Array }
    wire.fill(0)
    expect(Array.from(value.body)).toEqual([1, 2, 3])
  })

  it("refuses a typed array that the packer would cut", () => {
    for (const array of [
      new BigUint64Array(4),
      new Float64Array(2),
      new Uint32Array(3),
      new Uint16Array(3),
      new Int8Array(1),
      new Uint8ClampedArray(3)
    ])
      expect(Either.isLeft(encode("test", { array }))).toBe(true)
  })

  it("refuses every truncation and appended bytes", () => {
    const wire = bytesOf({ a: [1, "two", new Uint8Array(40)], b: { c: 1.5 } })
    for (let length = 0; length < wire.length; length++)
      expect(Either.isLeft(decode("test", wire.subarray(0, length))), `${length} bytes`).toBe(true)
    expect(Either.isLeft(decode("test", new Uint8Array([...wire, 0])))).toBe(true)
  })

  it("makes nothing of extension types, wherever they are", () => {
    const packr = new Packr({ moreTypes: true, structuredClone: true, useRecords: false })
    const itself: Record<string, unknown> = { twice: [1] }
    itself.itself = itself
    const extended: Readonly<Record<string, Uint8Array>> = {
      date: packr.pack(new Date(0)),
      "date before 1970": packr.pack(new Date(-1)),
      error: packr.pack(new RangeError("no")),
      set: packr.pack(new Set([1])),
      "regular expression": packr.pack(/a+/g),
      // A type and its bytes.
      "typed array": new Uint8Array([0xd8, 0x74, 8, ...new Uint8Array(15)]),
      "large integer": packr.pack(2n ** 80n),
      undefined: packr.pack(undefined),
      reference: packr.pack(itself),
      record: new Packr({ useRecords: true }).pack({ a: 1 }),
      "bundled strings": new Packr({ bundleStrings: true }).pack(["a".repeat(40), "b".repeat(40)]),
      "unknown type": new Uint8Array([0xc7, 1, 0x33, 0]),
      "never used": new Uint8Array([0xc1])
    }
    for (const [name, bytes] of Object.entries(extended)) {
      const held = new Uint8Array([0x81, 0xa1, 0x61, 0x91, ...bytes])
      for (const wire of [new Uint8Array(bytes), held]) {
        const refused = Either.getOrThrow(Either.flip(decode("test", wire)))
        expect(refused.message, name).toContain("extension type")
      }
    }
  })

  it("believes no length that there are no bytes for", () => {
    for (const wire of [
      [0xdd, 0xff, 0xff, 0xff, 0xff],
      [0xdf, 0x7f, 0xff, 0xff, 0xff, 0xa1, 0x61],
      [0xc6, 0xff, 0xff, 0xff, 0xff, 1],
      [0xdb, 0x00, 0x10, 0x00, 0x00]
    ])
      expect(Either.isLeft(decode("test", new Uint8Array(wire)))).toBe(true)
  })

  it("survives any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => Either.isEither(decode("test", bytes)))
    )
  })
})

describe("envelope", () => {
  const text = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
    maxLength: 255
  })
  const envelopes: fc.Arbitrary<Envelope> = fc.record({
    kind: fc.constantFrom(...kinds),
    id: text,
    tag: text,
    number: fc.nat({ max: 0xffffffff }),
    of: fc.nat({ max: 0xffffffff }),
    body: fc.uint8Array({ maxLength: 300 })
  })

  it("comes back as it was sent", () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        expect(Either.getOrThrow(decodeEnvelope(encodeEnvelope(envelope)))).toEqual(envelope)
      })
    )
  })

  it("is MessagePack", () => {
    const body = new Uint8Array([7, 8])
    const wire = encodeEnvelope({ kind: "round", id: "x", tag: "train", number: 70_000, of: 0, body })
    expect(Either.getOrThrow(decode("test", wire))).toEqual([
      envelopeVersion,
      kinds.indexOf("round"),
      "x",
      "train",
      70_000,
      0,
      body
    ])
  })

  it("refuses every truncation, another version, an unknown kind and bytes behind it", () => {
    const wire = encodeEnvelope({
      kind: "ask",
      id: "id",
      tag: "tag",
      number: 1,
      of: 2,
      body: new Uint8Array(9)
    })
    for (let length = 0; length < wire.length; length++)
      expect(Either.isLeft(decodeEnvelope(wire.subarray(0, length)))).toBe(true)
    expect(Either.isLeft(decodeEnvelope(new Uint8Array([...wire, 0])))).toBe(true)
    expect(Either.isLeft(decodeEnvelope(wire.with(1, 2)))).toBe(true)
    expect(Either.isLeft(decodeEnvelope(wire.with(2, 99)))).toBe(true)
  })

  it("is the same from a body in parts, in pieces, and written in place", () => {
    fc.assert(
      fc.property(envelopes, fc.array(fc.uint8Array({ maxLength: 50 })), (envelope, parts) => {
        const body = new Uint8Array(Buffer.concat(parts))
        const whole = encodeEnvelope({ ...envelope, body })
        expect(encodeParts(envelope, parts)).toEqual(whole)
        expect(new Uint8Array(Buffer.concat(encodePieces(envelope, parts)))).toEqual(whole)
        const open = openEnvelope(envelope, body.length, (bytes) => new Uint8Array(bytes).fill(7))
        open.body.set(body)
        expect(closeEnvelope(open, envelope)).toEqual(whole)
        expect(whole.length).toBe(encodedBytes(envelope, body.length))
      })
    )
  })

  it("survives any bytes, and changed ones", () => {
    fc.assert(
      fc.property(envelopes, fc.nat(), fc.integer({ min: 1, max: 255 }), (envelope, place, change) => {
        const wire = encodeEnvelope(envelope)
        const at = place % wire.length
        return Either.isEither(decodeEnvelope(wire.with(at, wire[at]! ^ change)))
      })
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => Either.isEither(decodeEnvelope(bytes)))
    )
  })
})

describe("messages", () => {
  const Upload = ask(
    "Upload",
    Schema.Struct({ user: Schema.String, rows: Schema.Int, cells: Bytes }),
    Schema.Struct({ digest: BytesOf(16) })
  )

  it("are checked on both sides", () => {
    const payload = { user: "user1", rows: 2, cells: new Uint8Array([1, 2]) }
    const wire = Either.getOrThrow(Upload.payload.encode(payload))
    expect(Either.getOrThrow(Upload.payload.decode(wire))).toEqual(payload)
    expect(Either.isLeft(Upload.payload.encode({ ...payload, rows: 0.5 }))).toBe(true)
    expect(Either.isLeft(Upload.payload.decode(bytesOf({ ...payload, rows: "2" })))).toBe(true)
  })

  it("refuse a field that the schema does not know", () => {
    expect(
      Either.isLeft(Upload.payload.decode(bytesOf({ user: "", rows: 1, cells: new Uint8Array(0), more: 1 })))
    ).toBe(true)
  })

  it("refuse bytes of another length and say which", () => {
    const refused = Either.flip(Upload.reply.encode({ digest: new Uint8Array(15) }))
    expect(Either.getOrThrow(refused).message).toContain("15 bytes, expected 16")
  })

  it("carry a Buffer as plain bytes", () => {
    const Blob = tell("Blob", Bytes)
    const back = Either.getOrThrow(
      Blob.payload.decode(Either.getOrThrow(Blob.payload.encode(Buffer.from("abc"))))
    )
    expect(back.constructor).toBe(Uint8Array)
    expect(Array.from(back)).toEqual([97, 98, 99])
  })
})
