/**
 * The program's generator with words that can be chosen anew. A pad is known by the word that the program drew: where
 * it draws a word twice, wherever it asks for it, it gets the chosen one twice.
 */
import { wordBytes } from "../bytes.ts"
import { Prg, type Stream } from "../ring/prg.ts"
import type { Ring } from "../ring/ring.ts"
import type { Line } from "./ledger.ts"
import { type PadStream, padKinds } from "./pads.ts"
import { coveredBits } from "./single-use.ts"

interface Chosen {
  readonly word: bigint
  /** What it was chosen for. */
  readonly where: string
}

export class ChosenPads extends Prg {
  readonly #chosen = new Map<bigint, Chosen>()
  /** The stream in which a word was drawn with one half zero, which one in 2^31 is by chance. */
  narrow: Stream | undefined

  override fill(ring: Ring, at: number, words: number, stream: Stream, place = 0): void {
    super.fill(ring, at, words, stream, place)
    if (new Uint32Array(ring.memory.buffer, at, 2 * words).includes(0)) this.narrow ??= stream
    if (this.#chosen.size === 0) return
    const drawn = wordsAt(ring, at, words)
    for (let i = 0; i < words; i++) {
      const chosen = this.#chosen.get(drawn[i]!)
      if (chosen !== undefined) drawn[i] = chosen.word
    }
  }

  override combine(
    ring: Ring,
    at: number,
    words: number,
    stream: Stream,
    how: "add" | "subtract" | "xor",
    place = 0
  ): void {
    const mark = ring.mark()
    const pads = ring.allocate(words * wordBytes)
    this.fill(ring, pads, words, stream, place)
    ring.kernels[how](at, at, pads, words)
    ring.release(mark)
  }

  /** Chooses the pads of a line's bytes so that `sent` becomes `wanted`, for what `where` describes. */
  choose(ring: Ring, line: Line, sent: Uint8Array, wanted: Uint8Array, where: string): void {
    const { stream, units, unitBytes, padAt, padStride, combine } = line
    if (stream === undefined) return
    // A rounding is added to what it covers, every other pad is taken off it.
    const sign = stream.kind === "rounding" ? -1n : 1n
    for (let unit = 0; unit < units; unit++) {
      const at = padAt + unit * padStride
      const from = unit * unitBytes
      const [is, goal] = [sent, wanted].map((bytes) => numberOf(bytes.subarray(from, from + unitBytes)))
      if (is === goal) continue
      const first = Math.floor(at / wordBytes)
      const pads = this.#pads(ring, stream, first, Math.ceil((at + unitBytes) / wordBytes) - first)
      const inWords = at - first * wordBytes
      const pad = numberOf(pads.bytes.subarray(inWords, inWords + unitBytes))
      const chosen = combine === "xor" ? pad ^ is! ^ goal! : pad + sign * (is! - goal!)
      write(pads.bytes, inWords, unitBytes, chosen, (byte) => coveredBits(line, unit, byte))
      const words = new BigUint64Array(pads.bytes.buffer)
      pads.drawn.forEach((drawn, i) => {
        this.#chosen.set(drawn, { word: words[i]!, where })
      })
    }
  }

  /** What the pads of a line's unit were last chosen for. */
  chosenFor(ring: Ring, { stream, padAt, padStride, unitBytes }: Line, unit: number): ReadonlyArray<string> {
    if (stream === undefined) return []
    const at = padAt + unit * padStride
    const first = Math.floor(at / wordBytes)
    const { drawn } = this.#pads(ring, stream, first, Math.ceil((at + unitBytes) / wordBytes) - first)
    return [...drawn].flatMap((word) => this.#chosen.get(word)?.where ?? [])
  }

  /** Words as drawn, and as chosen by now. */
  #pads(ring: Ring, { step, operation, kind }: PadStream, first: number, words: number) {
    const mark = ring.mark()
    const at = ring.allocate(words * wordBytes)
    const stream = { step, operation, kind: padKinds[kind] }
    super.fill(ring, at, words, stream, first)
    const drawn = wordsAt(ring, at, words).slice()
    ring.release(mark)
    const chosen = drawn.map((word) => this.#chosen.get(word)?.word ?? word)
    return { drawn, bytes: new Uint8Array(chosen.buffer) }
  }
}

const wordsAt = (ring: Ring, at: number, words: number): BigUint64Array =>
  new BigUint64Array(ring.memory.buffer, at, words)

const numberOf = (bytes: Uint8Array): bigint => {
  let number = 0n
  for (let i = bytes.length - 1; i >= 0; i--) number = (number << 8n) | BigInt(bytes[i]!)
  return number
}

/** Writes the bits of a little-endian number that `bits` names for each byte. */
const write = (
  to: Uint8Array,
  at: number,
  length: number,
  number: bigint,
  bits: (byte: number) => number
): void => {
  for (let i = 0; i < length; i++) {
    const byte = Number(BigInt.asUintN(8, number >> BigInt(8 * i)))
    to[at + i] = (to[at + i]! & ~bits(i)) | (byte & bits(i))
  }
}
