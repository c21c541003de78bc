/**
 * The masks of a run as neither cloud knows them, from the keys of both: for the dealer, and for references that replay
 * a run.
 */
import { wordBytes } from "../bytes.ts"
import type { Operation, Shape } from "../learning/operations.ts"
import type { Prg } from "../ring/prg.ts"
import type { Matrix, ProductForm, Ring } from "../ring/ring.ts"
import type { Drawn } from "./fixed-point.ts"
import { openingPieces } from "./sizes.ts"
import { type StreamKind, streamKinds } from "./streams.ts"

/** The generators of both clouds for a run. Only the KGC has both. */
export interface DealerKeys {
  readonly cloud0: Prg
  readonly cloud1: Prg
}

/** The memory, the generators and the step that something is dealt for. */
export interface DealContext {
  readonly ring: Ring
  readonly keys: DealerKeys
  /** From 1; 0 is what is drawn once a run. */
  readonly step: number
}

/**
 * A gate at the dealer: the bits β of 64 values in a word at `beta`, those of the next 64 `betaStride` bytes
 * further.
 */
export interface GateMask {
  readonly beta: number
  readonly betaStride: number
}

/**
 * A value at the dealer: its shape and, for a product that is not yet rescaled, the surplus of the clouds'
 * shares.
 */
export interface DealtValue extends Shape {
  readonly surplus?: MaskProduct
}

/**
 * A matrix that is opened for products, at the dealer: the difference of the clouds' masks, ΔA = A_0 − A_1.
 */
export interface MaskDifference extends Matrix {
  readonly of: "factor"
}

/** Opened labels at the dealer: the sum of the clouds' masks. */
export interface LabelMask extends Matrix {
  readonly of: "labels"
}

/** 2·ΔA·ΔB for a product; computed where it is rescaled. */
export interface MaskProduct {
  readonly product: Operation
  readonly x: MaskDifference
  readonly y: MaskDifference
  readonly form: ProductForm | "rows" | "dots"
}

/** How the streams of both clouds combine. */
export type Combination = "add" | "subtract" | "xor"

/** From where on a stream is drawn. */
export interface Drawing {
  readonly operation: Operation
  readonly kind: number
  readonly place: number
}

/** Both clouds' streams combined, as neither cloud knows them. New memory. */
export const drawBoth = (
  { ring, keys, step }: DealContext,
  from: Drawing,
  words: number,
  combine: Combination
): number => {
  const at = ring.allocate(words * wordBytes)
  const stream = { step, operation: from.operation, kind: from.kind }
  keys.cloud0.fill(ring, at, words, stream, from.place)
  keys.cloud1.combine(ring, at, words, stream, combine, from.place)
  return at
}

/**
 * ΔA of the masks under which an operation opens a matrix, from the `place`-th word of the masks. New memory.
 */
export const maskDifference = (
  context: DealContext,
  operation: Operation,
  { rows, cols }: Shape,
  place = 0
): MaskDifference => {
  const at = drawBoth(context, { operation, kind: streamKinds.mask, place }, rows * cols, "subtract")
  return { rows, cols, at, of: "factor" }
}

/**
 * The sum of the masks under which an operation opens labels, from the `place`-th word of the masks. New
 * memory.
 */
export const labelMask = (
  context: DealContext,
  operation: Operation,
  { rows, cols }: Shape,
  place = 0
): LabelMask => {
  const at = drawBoth(context, { operation, kind: streamKinds.mask, place }, rows * cols, "add")
  return { rows, cols, at, of: "labels" }
}

/**
 * `maskDifference` of the data set in pieces, since a large one takes seconds: yields after each and returns
 * the whole.
 */
export function* maskDifferenceInPieces(
  { ring, keys }: Omit<DealContext, "step">,
  op: Operation,
  { rows, cols }: Shape
): Generator<void, MaskDifference> {
  const stream = { step: 0, operation: op, kind: streamKinds.mask }
  const at = ring.allocate(rows * cols * wordBytes)
  let place = 0
  for (const words of openingPieces(rows * cols)) {
    keys.cloud0.fill(ring, at + place * wordBytes, words, stream, place)
    keys.cloud1.combine(ring, at + place * wordBytes, words, stream, "subtract", place)
    place += words
    yield
  }
  return { rows, cols, at, of: "factor" }
}

/** What the clouds draw for the rounding of a rescale, ρ. New memory. */
export const drawnRounding = (
  context: DealContext,
  operation: Operation,
  { rows, cols }: Shape,
  place = 0
): Matrix => {
  const from = { operation, kind: streamKinds.rounding, place }
  return { rows, cols, at: drawBoth(context, from, rows * cols, "add") }
}

/** The masks and roundings of a step: with them the fixed-point reference replays a run bit for bit. */
export const drawnIn = (context: DealContext): Drawn => ({
  maskDifference: (op, shape) => maskDifference(context, op, shape),
  rounding: (op, shape) => drawnRounding(context, op, shape),
  leadingRounding: (operation, shape) => drawnOfCloud0(context, operation, "rounding", shape),
  leadingPart: (operation, shape) => drawnOfCloud0(context, operation, "part", shape),
  masks: (operation, shape) => labelMask(context, operation, shape),
  leadingMask: (operation, shape) => drawnOfCloud0(context, operation, "mask", shape)
})

const drawnOfCloud0 = (
  { ring, keys, step }: DealContext,
  operation: Operation,
  kind: StreamKind,
  { rows, cols }: Shape
): Matrix => {
  const out = ring.matrix(rows, cols)
  keys.cloud0.fill(ring, out.at, rows * cols, { step, operation, kind: streamKinds[kind] })
  return out
}
