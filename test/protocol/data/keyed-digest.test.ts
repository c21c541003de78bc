import { createHmac } from "node:crypto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { keyedDigests } from "../../../protocol/data/keyed-digest.ts"

describe("keyed digests", () => {
  it("are those of HMAC-SHA256, of texts of any length and letters", () => {
    const key = fc.uint8Array({ maxLength: 64 })
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 20 }),
      fc.constantFrom("", "é".repeat(1000), "\ud800")
    )
    const property = fc.property(
      key,
      fc.array(text),
      fc.integer({ min: 1, max: 32 }),
      (key, texts, length) => {
        const expected = texts.map((each) => createHmac("sha256", key).update(each, "utf8").digest())
        const digests = keyedDigests(key, texts, length)
        expect(Buffer.from(digests)).toEqual(Buffer.concat(expected.map((each) => each.subarray(0, length))))
      }
    )
    fc.assert(property)
  })

  it("are refused for a key that HMAC would hash", () => {
    expect(() => keyedDigests(new Uint8Array(65), [], 16)).toThrow("a key of 65 bytes, more than 64")
  })
})
