/**
 * The dealer's message to cloud 1 for one step: a section for every operation with a dealt correction, in the
 * order of the step. A section is operation u32, length u32 (little-endian), bytes. To cloud 1 every byte is
 * uniformly random; to cloud 0, which must not get it, it would open every mask.
 */
import type { Operation } from "../learning/operations.ts"
import { CorrectionsRefused, MaskReused } from "./errors.ts"
import { SECTION_HEADER_BYTES } from "./sizes.ts"

export class Corrections {
  readonly step: number
  readonly #sections: ReadonlyMap<number, Uint8Array>

  private constructor(step: number, sections: ReadonlyMap<number, Uint8Array>) {
    this.step = step
    this.#sections = sections
  }

  /**
   * Reads a message; the sections stay views of `bytes`.
   * @throws CorrectionsRefused if the message does not end where its last section does
   */
  static parse(step: number, bytes: Uint8Array): Corrections {
    const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const sections = new Map<number, Uint8Array>()
    for (let at = 0; at < bytes.length; ) {
      if (at + SECTION_HEADER_BYTES > bytes.length) {
        throw new CorrectionsRefused({ step, operation: undefined, why: "truncated in a section's header" })
      }
      const operation = header.getUint32(at, true) as Operation
      const length = header.getUint32(at + 4, true)
      at += SECTION_HEADER_BYTES
      if (at + length > bytes.length) {
        const why = `truncated: ${length} bytes announced, ${bytes.length - at} there`
        throw new CorrectionsRefused({ step, operation, why })
      }
      if (sections.has(operation)) throw new CorrectionsRefused({ step, operation, why: "sent twice" })
      sections.set(operation, bytes.subarray(at, at + length))
      at += length
    }
    return new Corrections(step, sections)
  }

  /** @throws CorrectionsRefused if there is no section for the operation, or one of another length */
  section(operation: Operation, length: number): Uint8Array {
    const bytes = this.#sections.get(operation)
    if (bytes === undefined) throw new CorrectionsRefused({ step: this.step, operation, why: "missing" })
    if (bytes.length !== length) {
      const why = `${bytes.length} bytes where the plan has ${length}`
      throw new CorrectionsRefused({ step: this.step, operation, why })
    }
    return bytes
  }
}

/** One section: where its bytes are in the dealer's memory. */
export interface Section {
  readonly operation: Operation
  readonly at: number
  readonly length: number
}

/**
 * The message of a step from sections in `memory`, written to `message` if given, which it must fill.
 * @throws RangeError if `message` has another length than the sections take
 */
export const assembleCorrections = (
  step: number,
  sections: ReadonlyArray<Section>,
  memory: Uint8Array,
  message?: Uint8Array
): Uint8Array => {
  const seen = new Set<number>()
  const total = sections.reduce((sum, { length }) => sum + SECTION_HEADER_BYTES + length, 0)
  const out = message ?? new Uint8Array(total)
  if (out.length !== total)
    throw new RangeError(
      `the corrections of step ${step} take ${total} bytes, there is room for ${out.length}`
    )
  const header = new DataView(out.buffer, out.byteOffset, total)
  let to = 0
  for (const { operation, at, length } of sections) {
    if (seen.has(operation)) throw new MaskReused({ step, operation })
    seen.add(operation)
    header.setUint32(to, operation, true)
    header.setUint32(to + 4, length, true)
    to += SECTION_HEADER_BYTES
    out.set(memory.subarray(at, at + length), to)
    to += length
  }
  return out
}
