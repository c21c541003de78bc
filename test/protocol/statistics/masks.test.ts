/** Masks among users: that they cancel in the sum of all, that what fewer have is uniform, and that each serves once. */
import { createCipheriv, hkdfSync } from "node:crypto"
import { describe, expect, it } from "vitest"
import {
  digestOf,
  fromVector,
  type Layout,
  type Mask,
  type MaskUse,
  masked,
  maskKey,
  sumOf,
  toVector,
  vectorBytes
} from "../../../protocol/statistics/masks.ts"

const layout: Layout = [8, 72, 8]

/** A user's part of its key with another. */
const secretOf = (user: number, other: number) => new Uint8Array(16).fill(16 * user + other)
const use: Omit<MaskUse, "pair"> = { run: "r", pass: 1, about: new Uint8Array(32) }
const name = (user: number) => `user${user + 1}`

const masksOf = (user: number, users: number, of = use): ReadonlyArray<Mask> =>
  Array.from({ length: users }, (_, other) => other)
    .filter((other) => other !== user)
    .map((other) => {
      const [one, two] = [Math.min(user, other), Math.max(user, other)]
      const secrets = [secretOf(one, two), secretOf(two, one)] as const
      return { key: maskKey(secrets, { ...of, pair: [name(one), name(two)] }), sign: user < other ? 1n : -1n }
    })

const numbersOf = (user: number) => [BigInt(user), BigInt(user) - (1n << 500n), 100n]

describe("masks", () => {
  for (const users of [2, 3, 5, 16])
    it(`of ${users} users cancel in the sum of all, and in no other`, () => {
      const vectors = Array.from({ length: users }, (_, user) =>
        masked(layout, numbersOf(user), masksOf(user, users))
      )
      const sum = BigInt((users * (users - 1)) / 2)
      const expected = [sum, sum - BigInt(users) * (1n << 500n), BigInt(100 * users)]
      expect(sumOf(layout, vectors)).toEqual(expected)
      for (const [user] of vectors.entries())
        expect(sumOf(layout, vectors.toSpliced(user, 1))[0]).not.toBe(expected[0]! - BigInt(user))
    })

  it("are AES-128-CTR under HKDF of both secrets, as wide as the numbers", () => {
    const [key] = masksOf(0, 2).map((mask) => mask.key)
    const secrets = new Uint8Array(32).fill(1, 0, 16).fill(16, 16)
    const expected = hkdfSync("sha256", secrets, use.about, "bicameral masks 1 user1 user2 r", 16)
    expect(key).toEqual(new Uint8Array(expected))
    const stream = createCipheriv("aes-128-ctr", key!, new Uint8Array(16)).update(
      new Uint8Array(vectorBytes(layout))
    )
    expect(masked(layout, [0n, 0n, 0n], masksOf(0, 2))).toEqual(new Uint8Array(stream))
  })

  it("leave to a third user what its joint sums give, and uniform numbers", () => {
    // The third user knows its own masks with both. It can make the view itself: any numbers for the first user, and
    // for the second what is left of the sum. There is one mask between the two for each data that they may have.
    const sees = (data: readonly [ReadonlyArray<bigint>, ReadonlyArray<bigint>]) => {
      const vectors = data.map((numbers, user) => masked(layout, numbers, masksOf(user, 3)))
      const known = [0, 1].map((user) => masksOf(user, 3).filter((_, i) => i === 1))
      const bare = vectors.map((vector, i) => {
        const mask = fromVector(layout, masked(layout, [0n, 0n, 0n], known[i]!))
        return fromVector(layout, vector).map((each, at) => BigInt.asUintN(8 * layout[at]!, each - mask[at]!))
      })
      return bare
    }
    const between = fromVector(layout, masked(layout, [0n, 0n, 0n], masksOf(0, 2)))
    const [one, other] = [numbersOf(1), numbersOf(7)]
    const moved = [5n, -(1n << 300n), 1n]
    for (const data of [
      [one, other],
      [other, one],
      [one.map((each, i) => each + moved[i]!), other.map((each, i) => each - moved[i]!)]
    ] as const) {
      const seen = sees(data)
      seen[0]!.forEach((each, i) => {
        const modulus = 1n << BigInt(8 * layout[i]!)
        // The mask of the first two, which the third has nothing of, is all that covers their numbers.
        expect((each - data[0][i]! - between[i]!) % modulus).toBe(0n)
        expect((seen[1]![i]! - data[1][i]! + between[i]!) % modulus).toBe(0n)
        expect((each + seen[1]![i]! - one[i]! - other[i]!) % modulus).toBe(0n)
      })
    }
  })

  it("are others for every pair, pass, run and content, and for other secrets", () => {
    const secrets = [secretOf(0, 1), secretOf(1, 0)] as const
    const base: MaskUse = { ...use, pair: ["user1", "user2"] }
    const keys = [
      maskKey(secrets, base),
      maskKey([secrets[1], secrets[0]], base),
      maskKey([secrets[0], secretOf(2, 0)], base),
      maskKey([secretOf(2, 0), secrets[1]], base),
      maskKey(secrets, { ...base, pass: 2 }),
      maskKey(secrets, { ...base, run: "s" }),
      maskKey(secrets, { ...base, pair: ["user1", "user3"] }),
      maskKey(secrets, { ...base, about: digestOf("", []) })
    ].map((key) => Buffer.from(key).toString("hex"))
    expect(new Set(keys).size).toBe(keys.length)
  })

  it("cancel for none whose view of the first pass is another", () => {
    const about = [digestOf("x", [new Uint8Array(1)]), digestOf("x", [new Uint8Array(2)])]
    const vectors = [0, 1, 2].map((user) =>
      masked([72], [1n], masksOf(user, 3, { ...use, pass: 2, about: about[user === 0 ? 1 : 0]! }))
    )
    const [sum] = sumOf([72], vectors)
    expect(sum! > 1n << 500n || sum! < -(1n << 500n)).toBe(true)
  })

  it("leave vectors as they are beside them", () => {
    expect(fromVector(layout, toVector(layout, [1n, -1n, 2n ** 64n + 3n]))).toEqual([1n, 2n ** 576n - 1n, 3n])
    expect(sumOf(layout, [toVector(layout, [1n, -1n, 3n])])).toEqual([1n, -1n, 3n])
  })
})
