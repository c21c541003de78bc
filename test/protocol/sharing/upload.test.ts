import { Either } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cutRun, pieceOf, RunAssembly } from "../../../protocol/sharing/upload.ts"

const bytesEach = 4
const run = (ciphertexts: number) => Uint8Array.from({ length: ciphertexts * bytesEach }, (_, i) => i)
const part = (whole: Uint8Array, first: number, count: number) => ({
  first,
  ciphertexts: pieceOf(whole, { first, count }, bytesEach)
})
const left = <A, E>(result: Either.Either<A, E>): E => Either.getOrThrow(Either.flip(result))

describe("cutting a run into messages", () => {
  it("covers the run once, in order, with no piece above the limit", () => {
    fc.assert(
      fc.property(fc.nat(500), fc.integer({ min: bytesEach, max: 300 }), (ciphertexts, limit) => {
        const pieces = Either.getOrThrow(cutRun(ciphertexts, bytesEach, limit))
        let end = 0
        for (const { first, count } of pieces) {
          expect(first).toBe(end)
          expect(count).toBeGreaterThan(0)
          expect(count * bytesEach).toBeLessThanOrEqual(limit)
          end += count
        }
        expect(end).toBe(ciphertexts)
      })
    )
  })

  it("refuses a limit below one ciphertext", () => {
    const error = left(cutRun(3, 1024, 1023))
    expect(error).toMatchObject({ _tag: "MessageTooSmall", limitBytes: 1023, ciphertextBytes: 1024 })
    expect(error.message).toContain("max_payload")
  })
})

describe("putting a run together", () => {
  it("gives the run back from its pieces in any order", () => {
    fc.assert(
      fc.property(
        fc.nat(200),
        fc.integer({ min: 1, max: 40 }),
        fc.infiniteStream(fc.nat()),
        (n, most, order) => {
          const whole = run(n)
          const pieces = [...Either.getOrThrow(cutRun(n, bytesEach, most * bytesEach))]
            .map((piece) => [order.next().value, piece] as const)
            .sort((a, b) => a[0] - b[0])
          const assembly = new RunAssembly("user1", n, bytesEach)
          for (const [, piece] of pieces) {
            expect(Either.getOrThrow(assembly.place(part(whole, piece.first, piece.count)))).toEqual(piece)
          }
          expect(assembly.received).toBe(n)
          expect(Either.getOrThrow(assembly.whole())).toEqual(whole)
        }
      )
    )
  })

  it("names the user and the first gap of a run that is not whole", () => {
    const whole = run(10)
    const assembly = new RunAssembly("user2", 10, bytesEach)
    expect(left(assembly.whole())).toMatchObject({ from: "user2", first: 0, count: 10 })
    Either.getOrThrow(assembly.place(part(whole, 7, 2)))
    Either.getOrThrow(assembly.place(part(whole, 0, 3)))
    expect(left(assembly.whole())).toMatchObject({ _tag: "PieceMissing", first: 3, count: 4, expected: 10 })
    Either.getOrThrow(assembly.place(part(whole, 3, 4)))
    expect(left(assembly.whole())).toMatchObject({ first: 9, count: 1, retryable: true })
    expect(left(assembly.whole()).message).toContain("user2")
  })

  it("rejects a piece that came before, overlaps another, or does not fit", () => {
    const whole = run(10)
    const assembly = new RunAssembly("user3", 10, bytesEach)
    Either.getOrThrow(assembly.place(part(whole, 2, 4)))
    expect(left(assembly.place(part(whole, 2, 4))).reason).toBe("it was received before")
    for (const [first, count] of [
      [0, 3],
      [5, 2],
      [3, 1],
      [0, 10],
      [2, 3]
    ] as const) {
      expect(left(assembly.place(part(whole, first, count))).reason).toMatch(/overlaps the 4 .* 2-th/)
    }
    expect(left(assembly.place({ first: 9, ciphertexts: new Uint8Array(8) })).reason).toMatch(/do not fit/)
    expect(left(assembly.place({ first: -1, ciphertexts: new Uint8Array(4) })).reason).toMatch(/do not fit/)
    expect(left(assembly.place({ first: 0.5, ciphertexts: new Uint8Array(4) })).reason).toMatch(/do not fit/)
    expect(left(assembly.place({ first: 0, ciphertexts: new Uint8Array(5) })).reason).toMatch(/whole number/)
    const empty = left(assembly.place({ first: 0, ciphertexts: new Uint8Array(0) }))
    expect(empty.message).toMatch(/user3.*whole number/)
    expect(assembly.received).toBe(4)
  })

  it("keeps its own copy of what it was given", () => {
    const assembly = new RunAssembly("user1", 1, bytesEach)
    const piece = Uint8Array.of(1, 2, 3, 4)
    Either.getOrThrow(assembly.place({ first: 0, ciphertexts: piece }))
    piece.fill(0)
    expect(Either.getOrThrow(assembly.whole())).toEqual(Uint8Array.of(1, 2, 3, 4))
  })
})
