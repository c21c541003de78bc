/**
 * Products of numbers of which each cloud knows one (Gilboa 1999): the receiver chooses by two bits of its own at a
 * time, the sender offers the multiples of its word, less masks.
 */
import { wordBytes } from "../bytes.ts"
import { type Round, together } from "../learning/operations.ts"
import type { Matrix } from "../ring/ring.ts"
import type { Batch, DealingParty, Direction, Place } from "./party.ts"

/** Words of the sender, times numbers of the receiver whose bits are choices, from a bit on and `stride` apart. */
export interface Factor {
  /** At the sender. */
  readonly x: number
  readonly first: number
  readonly bits: number
  readonly signed?: boolean
}

/** n sums of products. */
export interface Products {
  readonly direction: Direction
  readonly batch: Batch
  readonly stride: number
  readonly n: number
  readonly factors: ReadonlyArray<Factor>
  /** The sender's shares; where the receiver's go. */
  readonly share: number
  /** The sender's random words: `maskWords` of them. */
  readonly masks: number
  readonly use: number
}

export const digitBits = 2

const digitsOf = (factors: ReadonlyArray<Pick<Factor, "bits">>): number =>
  factors.reduce((sum, { bits }) => sum + bits / digitBits, 0)

/** Random words that the sender of a sum of products takes: for each transfer but one. */
export const maskWords = (factors: ReadonlyArray<Pick<Factor, "bits">>): number => digitsOf(factors) - 1

/** Shares of sums of products. One round. */
export function* multiply(party: DealingParty, products: Products): Round<void> {
  const { ring } = party
  const { kernels } = ring
  const { direction, batch, stride, n, factors, share, masks, use } = products
  const leads = party.sends(direction)
  const received = leads ? 0 : party.zeros(n)
  // The first transfer completes the sender's share; what it takes off is known from the masks of the others.
  const completing = ring.allocate(n * wordBytes)
  if (leads) ring.memory.copyWithin(completing, share, share + n * wordBytes)
  let next = masks
  const transfers = factors.flatMap(({ x, first, bits, signed = false }, f) =>
    Array.from({ length: bits / digitBits }, (_, digit) => {
      const shift = digitBits * digit
      const mask = f === 0 && digit === 0 ? completing : next
      if (mask !== completing) {
        if (leads) kernels.subtractShifted(completing, mask, shift, n)
        next += n * wordBytes
      }
      const isSigned = signed && shift + digitBits === bits
      const messageBits = 64 - shift
      const bytes = Math.ceil(messageBits / 8)
      return { x, bit: first + shift, shift, mask, isSigned, messageBits, bytes }
    })
  )
  yield* together(
    ...transfers.map(({ x, bit, shift, mask, isSigned, messageBits, bytes }) =>
      party.transfer(
        direction,
        [bit, bit + 1].map((each) => ({ batch, first: each, stride })),
        n,
        { messageBits, use },
        (messages) => kernels.offerMultiples(messages, x, mask, isSigned, bytes, n),
        (got) => {
          const words = ring.allocate(n * wordBytes)
          kernels.wordsOfBytes(words, got, bytes, n)
          kernels.addShifted(received, words, shift, n)
        }
      )
    )
  )
  if (!leads) ring.memory.copyWithin(share, received, received + n * wordBytes)
}

/** Bits of a word. */
export const wordBits = 64
const wordFactor = { bits: wordBits }

/**
 * This cloud's part of products of differences of masks, word by word, to `out`: of each word of x and the one of y in its
 * row (`rows`), or of words in the same places, added up by rows (`dots`). Two rounds.
 */
export function* elementwise(
  party: DealingParty,
  place: Place,
  { x, y, form, out }: Readonly<Record<"x" | "y" | "out", Matrix>> & { readonly form: "rows" | "dots" }
): Round<void> {
  const { ring } = party
  const { kernels } = ring
  const words = x.rows * x.cols
  const own = ring.matrix(x.rows, x.cols)
  if (form === "rows") kernels.scaleRows(own.at, x.at, y.at, x.rows, x.cols)
  else ring.multiply(own, x, y)
  // Column by column, so that those of a row share its choices.
  const n = form === "rows" ? x.rows : words
  const columns = words / n
  const negated = ring.allocate(words * wordBytes)
  kernels.transposeWords(negated, x.at, n, columns)
  kernels.negate(negated, negated, words)
  const [forward, reversed] = yield* together(
    party.choices("forward", wordBits * n, y.at),
    party.choices("reversed", wordBits * n, y.at)
  )
  const shares = party.draw(place, "parts", words)
  const masks = party.draw(place, "digits", words * maskWords([wordFactor]))
  const theirs = ring.allocate(words * wordBytes)
  const column = (direction: Direction, batch: Batch, i: number): Round<void> =>
    multiply(party, {
      ...{ direction, batch, stride: wordBits, n, use: i },
      factors: [{ ...wordFactor, x: negated + i * n * wordBytes, first: 0 }],
      share: (party.sends(direction) ? shares : theirs) + i * n * wordBytes,
      masks: masks + i * n * maskWords([wordFactor]) * wordBytes
    })
  yield* together(
    ...Array.from({ length: columns }, (_, i) => column("forward", forward, i)),
    ...Array.from({ length: columns }, (_, i) => column("reversed", reversed, i))
  )
  kernels.add(shares, shares, theirs, words)
  kernels.transposeWords(theirs, shares, columns, n)
  kernels.add(own.at, own.at, theirs, words)
  if (form === "rows") ring.copy(out, own)
  else kernels.rowSums(out.at, own.at, x.rows, x.cols)
}
