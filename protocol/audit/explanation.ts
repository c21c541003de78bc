/**
 * Which pads something was sent under in fact, where it is not under those that the ledger names: none, a part of
 * them, another stream's, those of another place, or those of the other key. A guess has to fit some units, of 48
 * bits at the least.
 */

import { wordBytes } from "../bytes.ts"
import type { Line } from "./ledger.ts"
import { describeStream, type Generators, type PadKind, type PadStream, padKinds } from "./pads.ts"
import { coveredBits } from "./single-use.ts"

/** A line that does not fit, with the bytes of both clouds together and those expected. */
export interface Misfit {
  readonly line: Line
  readonly actual: Uint8Array
  readonly expected: Uint8Array
  readonly dealt: boolean
}

export interface Explanation {
  /** Whose pads are not those of the ledger. */
  readonly clouds: ReadonlyArray<0 | 1>
  readonly what: string
}

/** Units that a guess has to fit, at the most, and bits, at the least. */
const tried = 4
const leastBits = 48

const setBits = (number: bigint): number => number.toString(2).replaceAll("0", "").length

/** The pads of a cloud in place of those of a line, by unit. */
interface Guess {
  readonly what: string
  readonly pad: (cloud: 0 | 1, unit: number) => bigint
}

const numberAt = (bytes: Uint8Array, at: number, length: number): bigint => {
  let number = 0n
  for (let i = length - 1; i >= 0; i--) number = (number << 8n) | BigInt(bytes[at + i] ?? 0)
  return number
}

class Misfitting {
  readonly #misfit: Misfit
  readonly #generators: Generators
  readonly #stream: PadStream

  constructor(misfit: Misfit, stream: PadStream, generators: Generators) {
    this.#misfit = misfit
    this.#generators = generators
    this.#stream = stream
  }

  /** The pad of a unit from a stream, at the line's place or counted from the stream's first word. */
  #pad(stream: PadStream, cloud: 0 | 1, unit: number, before = 0): bigint {
    const { padAt, padStride, unitBytes } = this.#misfit.line
    const at = padAt - before + unit * padStride
    const first = Math.floor(at / wordBytes)
    const words = Math.ceil((at + unitBytes) / wordBytes) - first
    return numberAt(this.#generators[cloud].words(stream, words, first), at - first * wordBytes, unitBytes)
  }

  #guesses(others: ReadonlyArray<PadStream>): ReadonlyArray<Guess> {
    const { line } = this.#misfit
    const own = (cloud: 0 | 1, unit: number) => this.#pad(this.#stream, cloud, unit)
    const place = Math.floor(line.padAt / line.padStride) * line.padStride
    const half = BigInt(4 * line.unitBytes)
    const name = describeStream(this.#stream)
    const guesses: Array<Guess> = [
      { what: "no pad", pad: () => 0n },
      { what: "the lower half of its pad", pad: (c, u) => BigInt.asUintN(Number(half), own(c, u)) },
      { what: "the upper half of its pad", pad: (c, u) => (own(c, u) >> half) << half },
      { what: "the upper half of its pad, moved down", pad: (c, u) => own(c, u) >> half },
      { what: `the ${name} of the other cloud`, pad: (c, u) => this.#pad(this.#stream, c === 0 ? 1 : 0, u) },
      { what: "the pad of its first value, again and again", pad: (c) => own(c, 0) },
      ...others.map((stream) => ({
        what: `the ${describeStream(stream)}, which is for another content`,
        pad: (c: 0 | 1, u: number) => this.#pad(stream, c, u)
      }))
    ]
    if (place > 0)
      guesses.push({
        what: `the ${name} from its first place, which is that of another lane`,
        pad: (c, u) => this.#pad(this.#stream, c, u, place)
      })
    return guesses
  }

  /** Combines numbers as the line's pads and contents. */
  #combined(a: bigint, b: bigint, sign: 1n | -1n): bigint {
    const { combine, unitBytes } = this.#misfit.line
    return combine === "xor" ? a ^ b : BigInt.asUintN(8 * unitBytes, a + sign * b)
  }

  /** Units that do not fit, and the pads of both clouds together that they were sent under. */
  #used(): ReadonlyArray<{ readonly unit: number; readonly used: bigint; readonly mask: bigint }> {
    const { line, actual, expected, dealt } = this.#misfit
    const { units, unitBytes, stream } = line
    const found = []
    for (let unit = 0; unit < units && found.length < tried; unit++) {
      const mask = numberAt(
        Uint8Array.from({ length: unitBytes }, (_, i) => coveredBits(line, unit, i)),
        0,
        unitBytes
      )
      const [is, was] = [actual, expected].map((bytes) => numberAt(bytes, unit * unitBytes, unitBytes))
      if (((is! ^ was!) & mask) === 0n) continue
      // A rounding is added to what it covers, every other pad is taken off it.
      const sign = stream?.kind === "rounding" ? 1n : -1n
      const difference = this.#combined(is!, was!, -1n)
      const own = dealt
        ? this.#pad(this.#stream, 0, unit)
        : this.#sum((cloud) => this.#pad(this.#stream, cloud, unit))
      found.push({ unit, used: this.#combined(own, difference, sign), mask })
    }
    return found
  }

  #sum(pad: (cloud: 0 | 1) => bigint): bigint {
    return this.#combined(pad(0), pad(1), 1n)
  }

  explained(others: ReadonlyArray<PadStream>): Explanation | undefined {
    const used = this.#used()
    const { dealt, line } = this.#misfit
    if (used.reduce((bits, { mask }) => bits + setBits(mask), 0) < leastBits) return undefined
    const sets: ReadonlyArray<ReadonlyArray<0 | 1>> = dealt ? [[0]] : [[0, 1], [0], [1]]
    // What is not opened of a word may carry into what is.
    const near = (a: bigint, b: bigint, mask: bigint): boolean =>
      ((a ^ b) & mask) === 0n ||
      (line.stream?.kind === "rounding" &&
        [1n, 2n].some((by) => this.#combined(a, by, 1n) === b || this.#combined(b, by, 1n) === a))
    for (const clouds of sets)
      for (const { what, pad } of this.#guesses(others)) {
        const guessed = (unit: number) => {
          const of = (cloud: 0 | 1) =>
            clouds.includes(cloud) ? pad(cloud, unit) : this.#pad(this.#stream, cloud, unit)
          return dealt ? of(0) : this.#sum(of)
        }
        if (used.every(({ unit, used, mask }) => near(used, guessed(unit), mask))) return { clouds, what }
      }
    return undefined
  }
}

/** The first guess that fits; of `streams`, all that the ledger names, those of the step or the operation are tried. */
export const explain = (
  misfit: Misfit,
  generators: Generators,
  streams: ReadonlyArray<PadStream>
): Explanation | undefined => {
  const { stream } = misfit.line
  if (stream === undefined) return undefined
  const variants = (Object.keys(padKinds) as ReadonlyArray<PadKind>).map((kind) => ({ ...stream, kind }))
  const near = streams.filter(
    ({ step, operation, kind }) =>
      step === stream.step || (operation === stream.operation && kind === stream.kind)
  )
  const others = [...variants, { ...stream, step: 0 }, ...near].filter(
    (each) => describeStream(each) !== describeStream(stream)
  )
  return new Misfitting(misfit, stream, generators).explained(others)
}
