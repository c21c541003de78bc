/**
 * A slow twin of both sides at once, bit by bit over BigInt, from what either side draws: every message to the byte. Blocks
 * are numbers, their first byte the lowest.
 */
import { createCipheriv, createECDH, createHash, ECDH, hkdfSync } from "node:crypto"
import type { ByteSource } from "../../../protocol/bytes.ts"

export const numberOf = (bytes: Uint8Array): bigint =>
  BigInt(`0x00${Buffer.from(bytes).reverse().toString("hex")}`)

export const bytesOfNumber = (number: bigint, bytes: number): Uint8Array =>
  new Uint8Array(
    Buffer.from(
      number
        .toString(16)
        .padStart(2 * bytes, "0")
        .slice(-2 * bytes),
      "hex"
    ).reverse()
  )

const bit = (number: bigint, i: number): bigint => (number >> BigInt(i)) & 1n

const aes = (key: Uint8Array, block: Uint8Array): Uint8Array =>
  createCipheriv("aes-128-ecb", key, null).update(block)

const sum = (all: ReadonlyArray<bigint>): bigint => all.reduce((x, y) => x ^ y, 0n)

const key = (secret: Uint8Array, salt: Uint8Array, info: string, bytes = 16): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", secret, salt, `bicameral oblivious transfer ${info}`, bytes))

const keyPair = (scalar: Uint8Array) => {
  const pair = createECDH("prime256v1")
  pair.setPrivateKey(scalar)
  return pair
}

/** The first point of the curve among the strings that a source gives. */
const randomPoint = (source: ByteSource): Uint8Array => {
  for (;;) {
    const [sign, ...x] = source(33)
    const point = Uint8Array.of(2 + (sign! % 2), ...x)
    try {
      ECDH.convertKey(point, "prime256v1")
      return point
    } catch {}
  }
}

/** Base transfers: their two keys each, and what each side sends. */
const baseOf = (direction: number, delta: bigint, sender: ByteSource, receiver: ByteSource) => {
  const chosen = Array.from({ length: 128 }, () => keyPair(sender(32)))
  const points = chosen.map((pair, i) => {
    const own = pair.getPublicKey(null, "compressed")
    const other = randomPoint(sender)
    // The choice is the complement of the bit of Δ.
    return bit(delta, i) === 1n ? [own, other] : [other, own]
  })
  const answering = keyPair(receiver(32))
  const point = answering.getPublicKey(null, "compressed")
  const sent = Buffer.concat(points.flat())
  const digest = createHash("sha256")
    .update(Buffer.concat([Buffer.from(`bicameral oblivious transfer ${direction} `), sent, point]))
    .digest()
  const keys = points.map((both, i) =>
    both.map((each, side) => key(answering.computeSecret(each), digest, `base ${2 * i + side}`))
  )
  return { keys, digest, points: new Uint8Array(sent), point: new Uint8Array(point) }
}

/** The leaves of trees, as lists of levels, and the corrections of all levels. */
const treesFrom = (fieldBits: number, root: Uint8Array, base: ReturnType<typeof baseOf>) => {
  const count = Math.ceil(128 / fieldBits)
  const roots = key(root, base.digest, "trees", 16 * count)
  const corrections = new Uint8Array(128 * 32)
  const trees = Array.from({ length: count }, (_, j) => {
    const bits = Math.min(fieldBits, 128 - j * fieldBits)
    let seeds = [roots.subarray(16 * j, 16 * j + 16)]
    for (let level = bits - 1; level >= 0; level--) {
      seeds = seeds.flatMap((seed) =>
        [0, 1].map((side) => aes(seed, Uint8Array.of(side, ...new Uint8Array(15))))
      )
      for (const side of [0, 1]) {
        const transfer = j * fieldBits + level
        const all = sum(seeds.filter((_, x) => x % 2 === side).map(numberOf))
        const masked = all ^ numberOf(base.keys[transfer]![side]!)
        corrections.set(bytesOfNumber(masked, 16), 32 * transfer + 16 * side)
      }
    }
    return { first: j * fieldBits, bits, leaves: seeds }
  })
  return { trees, corrections }
}

export class Twin {
  readonly #direction: number
  readonly #transfers: number
  readonly #receiver: ByteSource
  readonly #trees: ReturnType<typeof treesFrom>["trees"]
  readonly delta: bigint
  /** What is sent to begin with. */
  readonly opening: {
    readonly points: Uint8Array
    readonly point: Uint8Array
    readonly corrections: Uint8Array
  }
  /** The random choice of each transfer, its row at the receiver, and the key of the public cipher. */
  readonly #rows: Array<{ readonly random: bigint; readonly row: bigint; readonly cipher: Uint8Array }> = []
  /** The keys of each transfer. */
  readonly keys: Array<readonly [bigint, bigint]> = []

  constructor(
    direction: number,
    fieldBits: number,
    transfers: number,
    sender: ByteSource,
    receiver: ByteSource
  ) {
    this.#direction = direction
    this.#transfers = transfers
    this.#receiver = receiver
    this.delta = numberOf(sender(16))
    const base = baseOf(direction, this.delta, sender, receiver)
    const { trees, corrections } = treesFrom(fieldBits, receiver(16), base)
    this.#trees = trees
    this.opening = { points: base.points, point: base.point, corrections }
  }

  /** Makes an extension: what is sent of it. */
  #extend(): Uint8Array {
    const first = this.#rows.length
    const blocks = this.#transfers / 128
    const streams = this.#trees.map(({ leaves }) =>
      leaves.map((seed) => {
        const parts = Array.from({ length: blocks }, (_, m) => {
          const counter = Buffer.alloc(16)
          counter.writeUInt32BE(first / 128 + m, 12)
          return aes(seed, counter)
        })
        return numberOf(Buffer.concat(parts))
      })
    )
    const sums = streams.map(sum)
    const columns = this.#trees.flatMap(({ bits }, j) =>
      Array.from({ length: bits }, (_, b) => sum(streams[j]!.filter((_, x) => (x >> b) % 2 === 1)))
    )
    const cipher = Uint8Array.from(this.#receiver(16))
    for (let i = 0; i < this.#transfers; i++) {
      const row = columns.reduce((all, column, c) => all | (bit(column, i) << BigInt(c)), 0n)
      this.#rows.push({ random: bit(sums[0]!, i), row, cipher })
    }
    const sent = sums.slice(1).map((each) => bytesOfNumber(each ^ sums[0]!, this.#transfers / 8))
    return new Uint8Array(Buffer.concat([...sent, cipher]))
  }

  #hash(cipher: Uint8Array, x: bigint, number: number, use: number, block: number): bigint {
    const place = BigInt(use) + (BigInt(block) << 32n) + (BigInt(this.#direction) << 40n)
    const tweaked = x ^ BigInt(number) ^ (place << 64n)
    return numberOf(aes(cipher, bytesOfNumber(tweaked, 16))) ^ tweaked
  }

  /** Takes so many transfers with these choices: what the receiver sends. */
  choose(n: number, choices: bigint): Uint8Array {
    const before = this.keys.length
    const extensions: Array<Uint8Array> = []
    let corrections = 0n
    for (let i = 0; i < Math.ceil(n / 8) * 8; i++) {
      if (before + i === this.#rows.length) extensions.push(this.#extend())
      const { random, row, cipher } = this.#rows[before + i]!
      const choice = bit(choices, i)
      corrections |= (choice ^ random) << BigInt(i)
      const chosen = this.#hash(cipher, row, before + i, 0xffff_ffff, 0)
      const other = this.#hash(cipher, row ^ this.delta, before + i, 0xffff_ffff, 0)
      this.keys.push(choice === 0n ? [chosen, other] : [other, chosen])
    }
    return new Uint8Array(Buffer.concat([...extensions, bytesOfNumber(corrections, Math.ceil(n / 8))]))
  }

  /** The pad of message v of a transfer with these choice bits, by their numbers; `last` is the newest transfer of all batches. */
  pad(bits: ReadonlyArray<number>, v: number, use: number, last: number): bigint {
    const x = sum(bits.map((number, j) => this.keys[number]![(v >> j) & 1]!))
    const { cipher } = this.#rows[last]!
    return [0, 1, 2, 3]
      .map((block) => this.#hash(cipher, x, bits[0]!, use, block) << BigInt(128 * block))
      .reduce((all, block) => all | block)
  }
}
