/**
 * HMAC-SHA256 (RFC 2104) of many short texts under one key. The one-shot hash, with its result as a string, takes
 * a quarter of the time of an object of `createHmac` for each text.
 */
import { hash } from "node:crypto"
import { plainBytes } from "../bytes.ts"

const [blockBytes, hashBytes] = [64, 32]
const [innerPad, outerPad] = [0x36, 0x5c]

/** The key's first block, and room behind it. */
const padded = (key: Uint8Array, pad: number, room: number): Buffer => {
  const block = Buffer.alloc(blockBytes + room)
  for (let at = 0; at < blockBytes; at++) block[at] = (key[at] ?? 0) ^ pad
  return block
}

/** The first `length` bytes of each text's digest, one after the other. The key has at most 64 bytes. */
export const keyedDigests = (key: Uint8Array, texts: ReadonlyArray<string>, length: number): Uint8Array => {
  if (key.length > blockBytes) throw new RangeError(`a key of ${key.length} bytes, more than ${blockBytes}`)
  const outer = padded(key, outerPad, hashBytes)
  let inner = padded(key, innerPad, 256)
  const digests = Buffer.alloc(texts.length * length)
  texts.forEach((text, index) => {
    // A unit of UTF-16 takes at most three bytes of UTF-8.
    if (blockBytes + 3 * text.length > inner.length) inner = padded(key, innerPad, 6 * text.length)
    const bytes = inner.write(text, blockBytes, "utf8")
    outer.write(hash("sha256", inner.subarray(0, blockBytes + bytes), "binary"), blockBytes, "latin1")
    digests.write(hash("sha256", outer, "binary"), index * length, length, "latin1")
  })
  return plainBytes(digests)
}
