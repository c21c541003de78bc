/**
 * Masks as they were used, once the content is taken off what was sent: that no two contents have the same, and that
 * they are as wide as they are meant to be. For masks that no plan addresses: pads of uploads, blinds, and what hides
 * the carries in the model.
 */
import type { Finding } from "./recording.ts"

/** Masks of one kind. */
export interface DrawnMasks {
  readonly coalition: string
  /** What they are, in the singular. */
  readonly what: string
  /** Bits of each. */
  readonly bits: number
  /** By what they cover: the same content again may have the same mask. */
  readonly masks: ReadonlyMap<string, bigint>
}

/** The chance that sound masks are found fault with is below 2^−chanceBits. */
const chanceBits = 40

/** Two contents under one mask; none are found where so many masks are expected to meet by chance. */
const repeated = ({ coalition, what, bits, masks }: DrawnMasks): ReadonlyArray<Finding> => {
  if (2 * Math.log2(masks.size) + chanceBits > bits + 1) return []
  const first = new Map<bigint, string>()
  for (const [where, mask] of masks) {
    const before = first.get(mask)
    if (before !== undefined)
      return [{ coalition, what: `one ${what} covers two contents`, where: `${where}; and ${before}` }]
    first.set(mask, where)
  }
  return []
}

/** Bits that are the same in all masks: by chance only where there are few. */
const narrow = ({ coalition, what, bits, masks }: DrawnMasks): ReadonlyArray<Finding> => {
  const all = [...masks.values()]
  const some = all.reduce((sum, mask) => sum | mask, 0n)
  const every = all.reduce((sum, mask) => sum & mask, (1n << BigInt(bits)) - 1n)
  const still = Array.from({ length: bits }, (_, bit) => bit).filter(
    (bit) => (((some ^ every) >> BigInt(bit)) & 1n) === 0n
  )
  // Each bit is the same in all with a chance of 2^(1−n): so many of them together.
  const chance = still.length * (all.length - 1) - bits
  if (still.length === 0 || chance < chanceBits) return []
  const range = `${still.length} of its ${bits} bits, from bit ${still[0]}, are the same in all ${all.length}`
  return [
    { coalition, what: `a ${what} is narrower than it must be: ${range}`, where: [...masks.keys()][0]! }
  ]
}

export const auditMasks = (masks: DrawnMasks): Array<Finding> =>
  masks.masks.size === 0 ? [] : [...repeated(masks), ...narrow(masks)]
