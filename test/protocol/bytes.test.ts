import { describe, expect, it } from "vitest"
import { free } from "../../protocol/bytes.ts"

describe("free", () => {
  it("detaches the whole buffer under a view", () => {
    const buffer = new ArrayBuffer(3 * Buffer.poolSize)
    const other = new Uint8Array(buffer)
    free(new Uint8Array(buffer, 16, 1024))
    expect(buffer.byteLength).toBe(0)
    expect(other.length).toBe(0)
  })

  it("leaves small buffers and Node's pool alone", () => {
    const small = new Uint8Array(4095)
    free(small)
    expect(small.length).toBe(4095)
    const pooled = Buffer.from("a few bytes")
    expect(pooled.buffer.byteLength).toBe(Buffer.poolSize)
    free(pooled)
    expect(pooled.toString()).toBe("a few bytes")
  })
})
