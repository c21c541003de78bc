/**
 * That no pad covers two contents. What was received is content and pad combined, so under one pad it differs
 * exactly where the contents do; the same bytes again tell nothing new. Pads are followed over steps, epochs, lanes,
 * sessions and processes.
 */
import type { Line } from "./ledger.ts"
import { describeStream } from "./pads.ts"
import type { Finding } from "./recording.ts"

/** Who has seen what under a stream: its bytes, and which bits of them were covered. */
interface Seen {
  bytes: Uint8Array
  bits: Uint8Array
  readonly where: Array<{ readonly from: number; readonly end: number; readonly where: string }>
}

/** The bits of a byte of a unit that are covered. `byte` counts from the unit's first. */
export const coveredBits = ({ bits, units }: Line, unit: number, byte: number): number => {
  if (bits === undefined) return 0xff
  if (unit > 0 && unit < units - 1) return 0xff
  const first = 64 * unit + 8 * (byte % 8)
  let covered = 0
  for (let bit = 0; bit < 8; bit++)
    if (first + bit >= bits.from && first + bit < bits.end) covered |= 1 << bit
  return covered
}

const grown = (bytes: Uint8Array, length: number): Uint8Array => {
  if (bytes.length >= length) return bytes
  const out = new Uint8Array(Math.max(length, 2 * bytes.length))
  out.set(bytes)
  return out
}

export class SingleUse {
  readonly #seen = new Map<string, Seen>()

  /** Enters the bytes of a line, which the other cloud received under pads of cloud `owner`. */
  enter(owner: 0 | 1, line: Line, bytes: Uint8Array, where: string): ReadonlyArray<Finding> {
    const { stream, units, unitBytes, padAt, padStride, part } = line
    if (stream === undefined || units === 0) return []
    const name = describeStream(stream)
    const key = `${owner} ${name}`
    const seen = this.#seen.get(key) ?? { bytes: new Uint8Array(0), bits: new Uint8Array(0), where: [] }
    this.#seen.set(key, seen)
    const end = padAt + (units - 1) * padStride + unitBytes
    seen.bytes = grown(seen.bytes, end)
    seen.bits = grown(seen.bits, end)
    const twice: Array<number> = []
    for (let unit = 0; unit < units; unit++)
      for (let byte = 0; byte < unitBytes; byte++) {
        const at = padAt + unit * padStride + byte
        const bits = coveredBits(line, unit, byte)
        const value = bytes[unit * unitBytes + byte]! & bits
        const both = seen.bits[at]! & bits
        if (((seen.bytes[at]! ^ value) & both) !== 0) twice.push(at)
        seen.bytes[at] = (seen.bytes[at]! & ~bits) | value
        seen.bits[at]! |= bits
      }
    const before = seen.where.find((each) => twice.some((at) => each.from <= at && at < each.end))
    seen.where.push({ from: padAt, end, where: `${part}, ${where}` })
    if (before === undefined) return []
    return [
      {
        coalition: `cloud${1 - owner}`,
        what: `one pad covers two contents: bytes ${twice[0]} to ${twice.at(-1)} of the ${name} of cloud${owner}`,
        where: `${part}, ${where}; and ${before.where}`,
        remedy: "give each of them a stream or a place of its own"
      }
    ]
  }
}
