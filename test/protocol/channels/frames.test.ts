import { createCipheriv, randomBytes } from "node:crypto"
import { Option } from "effect"
import { describe, expect, it } from "vitest"
import { derive } from "../../../protocol/aead.ts"
import {
  contentOf,
  FrameOpener,
  FrameSealer,
  headBytes,
  nameOf,
  overheadBytes,
  sessionOf
} from "../../../protocol/channels/frames.ts"

const drawn = (length: number): Uint8Array => new Uint8Array(randomBytes(length))

const session = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])

/** A frame with this content, sealed. */
const sealed = (sealer: FrameSealer, content: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(content.length + overheadBytes)
  sealer.seal(content, frame)
  return frame
}

const pair = () => {
  const key = drawn(32)
  return { key, sealer: new FrameSealer(session, key), opener: new FrameOpener(key) }
}

describe("a sealed frame", () => {
  it("gives back its content, of no bytes, of some and of several pieces, and says its session", () => {
    const { sealer, opener } = pair()
    for (const length of [0, 1, 100, 64 * 1024, 64 * 1024 + 1, 300_001]) {
      const content = drawn(length)
      const frame = sealed(sealer, content)
      expect(sessionOf(frame)).toBe(nameOf(session))
      expect(Buffer.compare(Option.getOrThrow(opener.open(frame)), content)).toBe(0)
    }
  })

  it("is AES-128-GCM under its number, with the head authenticated", () => {
    const { key, sealer } = pair()
    sealed(sealer, drawn(5))
    const content = drawn(200_000)
    const frame = sealed(sealer, content)
    const nonce = Buffer.from("000000000000000000000001", "hex")
    const cipher = createCipheriv(
      "aes-128-gcm",
      derive(key, "", "bicameral frames", 48).subarray(0, 16),
      nonce
    ).setAAD(frame.subarray(0, headBytes))
    const expected = Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()])
    expect(Buffer.compare(frame.subarray(headBytes), expected)).toBe(0)
  })

  it("does not open where any of its bits is another, under another key, or as a shorter one", () => {
    const { sealer, opener } = pair()
    const content = drawn(40)
    const frame = sealed(sealer, content)
    for (let at = 0; at < frame.length; at++) {
      const changed = frame.slice()
      changed[at]! ^= 1 << (at % 8)
      // The name of the session is authenticated too: the opener was found by it.
      expect(Option.isNone(opener.open(changed)), String(at)).toBe(true)
    }
    expect(Option.isNone(new FrameOpener(drawn(32)).open(frame.slice()))).toBe(true)
    for (let length = 0; length < frame.length; length++)
      expect(Option.isNone(opener.open(frame.slice(0, length)))).toBe(true)
    expect(Option.getOrThrow(opener.open(frame))).toEqual(content)
  })

  it("opens out of order, and once", () => {
    const { sealer, opener } = pair()
    const contents = Array.from({ length: 5 }, () => drawn(9))
    const frames = contents.map((content) => sealed(sealer, content))
    const opened = (at: number) => Option.getOrUndefined(opener.open(frames[at]!.slice()))
    for (const at of [4, 0, 2, 1, 3]) {
      expect(opened(at)).toEqual(contents[at])
      expect(opened(at)).toBe(undefined)
    }
    for (const at of [0, 1, 2, 3, 4]) expect(opened(at)).toBe(undefined)
  })

  it("opens as long as it is not too far behind the last, and never what a forged number has brought forward", () => {
    const [key, windowFrames] = [drawn(32), 96]
    const [sealer, opener] = [new FrameSealer(session, key), new FrameOpener(key, 2 ** 22, windowFrames)]
    const frames = Array.from({ length: windowFrames + 40 }, (_, at) =>
      sealed(sealer, Uint8Array.of(at & 255))
    )
    const opened = (at: number) => Option.isSome(opener.open(frames[at]!.slice()))
    // A frame with the number of the last does not open, and moves nothing.
    const forged = frames[0]!.slice()
    forged.set(frames.at(-1)!.subarray(0, headBytes))
    expect(Option.isNone(opener.open(forged))).toBe(true)
    expect([0, 31, 32, 5].map(opened)).toEqual([true, true, true, true])
    expect(opened(windowFrames + 32)).toBe(true)
    expect([33, 34, 64].map(opened)).toEqual([true, true, true])
    expect([33, 34, 64, 0, 32, 1].map(opened)).toEqual([false, false, false, false, false, false])
    expect(opened(windowFrames + 39)).toBe(true)
    // What is as far behind as the window reaches, and one further.
    expect([40, 39].map(opened)).toEqual([true, false])
  })

  it("may be sealed where its content lies", () => {
    const { sealer, opener } = pair()
    const content = drawn(70_000)
    const frame = new Uint8Array(content.length + overheadBytes)
    contentOf(frame).set(content)
    sealer.seal(contentOf(frame), frame)
    expect(Buffer.compare(Option.getOrThrow(opener.open(frame)), content)).toBe(0)
  })

  it("never has the number of another, so that equal contents are sealed to different bytes", () => {
    const { sealer } = pair()
    const content = drawn(64)
    const frames = Array.from({ length: 100 }, () => Buffer.from(sealed(sealer, content)).toString("hex"))
    expect(new Set(frames).size).toBe(100)
  })

  it("opens under the key of its epoch and of the one before, and under none of those before that", () => {
    const key = drawn(32)
    const [sealer, opener] = [new FrameSealer(session, key, 3), new FrameOpener(key, 3)]
    const contents = Array.from({ length: 12 }, () => drawn(9))
    const frames = contents.map((content) => sealed(sealer, content))
    const opened = (at: number) => Option.getOrUndefined(opener.open(frames[at]!.slice()))
    expect(opened(0)).toEqual(contents[0])
    // No frame of the second epoch was lost but all its first ones.
    expect(opened(5)).toEqual(contents[5])
    expect(opened(2)).toEqual(contents[2])
    expect(opened(7)).toEqual(contents[7])
    expect(opened(1)).toBe(undefined)
    expect(opened(4)).toEqual(contents[4])
    expect(opened(11)).toEqual(contents[11])
    // The keys of the epochs differ: the frame of one epoch does not open as that of another.
    const first = frames[0]!.slice()
    first.set(frames[11]!.subarray(0, headBytes))
    expect(Option.isNone(opener.open(first))).toBe(true)
  })

  it("is left as it was where its content is opened into other memory", () => {
    const { sealer, opener } = pair()
    const content = drawn(70_000)
    const frame = sealed(sealer, content)
    const before = frame.slice()
    const into = new Uint8Array(content.length)
    expect(Option.isSome(opener.open(frame, into))).toBe(true)
    expect(Buffer.compare(frame, before)).toBe(0)
    expect(Buffer.compare(into, content)).toBe(0)
  })
})
