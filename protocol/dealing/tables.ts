/**
 * What is dealt of the functions of a masked word (section 5 of docs/concepts/protocol.md): each is a function of the
 * two parts of a mask that the clouds know, and of what the kernels take of each part.
 */
import { wordBytes } from "../bytes.ts"
import { type Round, together } from "../learning/operations.ts"
import {
  exponentialEntries,
  reciprocalEntries,
  type SigmoidScale,
  type SoftmaxScale,
  sigmoidWaves
} from "../learning/scales.ts"
import { maskWords, multiply } from "./numbers.ts"
import type { DealingParty, dealingKinds, Place } from "./party.ts"
import { type Task, valuesAtOnce } from "./pieces.ts"
import { addNumbers, innerNodes, rootsTold, select, sumOfLeaves } from "./selections.ts"

/** Values of a function whose arguments' masks have the parts at `r`. */
export interface TableTask extends Task {
  readonly place: Place
  /** Values of the operation before these. */
  readonly from: number
  readonly r: number
  /** Cloud 0's shares, or where cloud 1's go. */
  readonly table: number
  readonly of:
    | { readonly function: "exponential"; readonly scale: SoftmaxScale }
    | { readonly function: "waves"; readonly scale: SigmoidScale }
    | { readonly function: "lines"; readonly scale: SoftmaxScale }
}

/** Words that are dealt of a value of each function, and what its memory counts beside that of a sum. */
const functions = {
  exponential: { words: exponentialEntries, weight: 8 },
  waves: { words: 2 * sigmoidWaves.length, weight: 32 },
  lines: { words: 2 * reciprocalEntries, weight: 64 }
} as const

/** Tasks in parts of bounded memory. */
export const tablePieces = (
  tasks: ReadonlyArray<TableTask>
): ReadonlyArray<TableTask & { readonly weight: number }> =>
  tasks.flatMap((task) => {
    const { words, weight } = functions[task.of.function]
    const most = valuesAtOnce / weight
    return Array.from({ length: Math.ceil(task.values / most) }, (_, i) => {
      const from = i * most
      const values = Math.min(most, task.values - from)
      const [r, table] = [task.r + from * wordBytes, task.table + from * words * wordBytes]
      return { ...task, from: task.from + from, values, r, table, weight: values * weight }
    })
  })

/** Bits of the number that a part of an exponential is, and of one of a wave, in whole digits, and as they are packed. */
export const factorBits = 16
export const waveNumber = { bits: 20, stride: 24 }

const bitsOf = (entries: number): number => Math.log2(entries)

/** Deals the tables of a task. */
export function* dealTables(party: DealingParty, task: TableTask): Round<void> {
  const { of } = task
  if (of.function === "waves") yield* waves(party, task, of.scale)
  else if (of.function === "lines") yield* lines(party, task, of.scale)
  else yield* exponentials(party, task, of.scale)
}

/** This cloud's random words for a task, `each` of them for a value. */
const drawn = (
  party: DealingParty,
  { place, from, values }: TableTask,
  kind: keyof typeof dealingKinds,
  each: number
): number => party.draw(place, kind, values * each, from * each)

/** A word for each value: random at cloud 0, where the other's share goes at cloud 1. */
const shareOf = (party: DealingParty, task: TableTask): number =>
  party.cloud === 0 ? drawn(party, task, "parts", 1) : party.zeros(task.values)

/** Cloud 1's masks for its part of so many trees. */
const crossedOf = (party: DealingParty, task: TableTask, bits: number, trees: number): number =>
  party.cloud === 0 ? 0 : drawn(party, task, "crossed", trees * innerNodes(bits))

function* exponentials(
  party: DealingParty,
  task: TableTask,
  { lowBits, unit, partBits }: SoftmaxScale
): Round<void> {
  const { r, table, values: n } = task
  const { ring } = party
  const { kernels } = ring
  const bits = bitsOf(exponentialEntries)
  const [high, factor, leaves] = [n, n, n * exponentialEntries].map((words) =>
    ring.allocate(words * wordBytes)
  ) as [number, number, number]
  kernels.exponentialPart(high, factor, r, lowBits, unit, 2 ** partBits, n)
  kernels.transposeWords(leaves, table, n, exponentialEntries)
  const packed = ring.allocate((n * factorBits) / 8 + wordBytes)
  kernels.bytesOfWords(packed, factor, factorBits / 8, n)
  const shared = shareOf(party, task)
  const root = sumOfLeaves(party, leaves, exponentialEntries, n)
  const number = { bits: factorBits }
  const batch = yield* party.choices("forward", factorBits * n, packed)
  const masks = drawn(party, task, "digits", maskWords([number]))
  yield* together(
    addNumbers(party, high, shared, bits, n),
    multiply(party, {
      ...{ direction: "forward", batch, stride: factorBits, n, share: root, masks, use: 0 },
      factors: [{ ...number, x: factor, first: 0 }]
    })
  )
  const crossed = crossedOf(party, task, bits, 1)
  yield* select(party, shared, bits, [{ root, leaves, crossed }], n)
  if (party.cloud === 1) kernels.transposeWords(table, leaves, exponentialEntries, n)
}

function* waves(party: DealingParty, task: TableTask, { turnBits, waveBits }: SigmoidScale): Round<void> {
  const { r, table, values } = task
  const { ring } = party
  const { kernels } = ring
  const terms = sigmoidWaves.length
  const n = values * terms
  const [cosines, sines, negated, shares] = [n, n, n, 2 * n].map((words) =>
    ring.allocate(words * wordBytes)
  ) as [number, number, number, number]
  kernels.wavePart(cosines, sines, r, terms, turnBits, 2 ** waveBits, values)
  kernels.negate(negated, sines, n)
  kernels.transposeWords(shares, table, n, 2)
  const { bits, stride } = waveNumber
  const packed = ring.allocate((2 * n * stride) / 8 + wordBytes)
  kernels.bytesOfWords(packed, cosines, stride / 8, n)
  kernels.bytesOfWords(packed + (n * stride) / 8, sines, stride / 8, n)
  const batch = yield* party.choices("forward", 2 * n * stride, packed)
  // By the cosines of cloud 1, then by its sines.
  const number = { bits, signed: true }
  const each = maskWords([number, number]) * n
  const masks = drawn(party, task, "digits", 2 * terms * maskWords([number, number]))
  yield* together(
    ...[
      [cosines, negated],
      [sines, cosines]
    ].map((own, use) =>
      multiply(party, {
        ...{ direction: "forward", batch, stride, n, use },
        factors: own.map((x, i) => ({ ...number, x, first: i * n * stride })),
        share: shares + use * n * wordBytes,
        masks: masks + use * each * wordBytes
      })
    )
  )
  if (party.cloud === 1) kernels.transposeWords(table, shares, 2, n)
}

function* lines(
  party: DealingParty,
  task: TableTask,
  { sumLowBits, sumFineBits }: SoftmaxScale
): Round<void> {
  const { r, table, values: n } = task
  const { ring } = party
  const { kernels } = ring
  const bits = bitsOf(reciprocalEntries)
  const [high, fine, leaves] = [n, n, 2 * reciprocalEntries * n].map((words) =>
    ring.allocate(words * wordBytes)
  ) as [number, number, number]
  kernels.linePart(high, fine, r, sumLowBits, sumFineBits, n)
  kernels.transposeWords(leaves, table, n, 2 * reciprocalEntries)
  const ones = party.zeros(n)
  if (party.cloud === 0) kernels.addConstant(ones, ones, 1n, n)
  const shared = shareOf(party, task)
  const half = reciprocalEntries * n * wordBytes
  const told = [ones, fine].map((own, t) =>
    rootsTold(party, own, sumOfLeaves(party, leaves + t * half, reciprocalEntries, n), n)
  )
  const [, ...roots] = yield* together(addNumbers(party, high, shared, bits, n), ...told)
  const crossed = crossedOf(party, task, bits, 2)
  const tables = (roots as ReadonlyArray<number>).map((root, t) => ({
    root,
    leaves: leaves + t * half,
    crossed: crossed + t * innerNodes(bits) * n * wordBytes
  }))
  yield* select(party, shared, bits, tables, n)
  if (party.cloud === 1) kernels.transposeWords(table, leaves, 2 * reciprocalEntries, n)
}
