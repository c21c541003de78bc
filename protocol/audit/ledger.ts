/**
 * The ledger of the training: one more interpreter of the step (`protocol/learning/operations.ts`), which names for
 * each byte of each round, and of each dealing to cloud 1, the pad that covers it. It runs on shapes:
 *
 * | operation       | opened in rounds                                | dealt to cloud 1                                 |
 * |-----------------|-------------------------------------------------|--------------------------------------------------|
 * | open            | the words, under `mask`                         |                                                  |
 * | openLabels      | the words, under `mask`                         |                                                  |
 * | rescale         | the words, or their upper bytes, under `rounding` | top, shifted, under `dealt`                    |
 * | rescaleRelu     | the same; then nodes, root and gate, under `bit masks` | top, gatedTop, shifted, gatedShifted, beta, oneHot, products, under `dealt` |
 * | rescaleGated    | the same as rescale                             | top, gatedTop, shifted, gatedShifted, under `dealt` |
 * | gatedDifference |                                                 | gatedMask, under `dealt`                         |
 * | exponentials, sigmoids | the logits as in rescale; then the nodes, roots and gates of two bounds, under `bit masks`, and the function's words, under `rounding` | of the logits top, oneHot, table; of each bound beta, products; of the function top, lowerTop, upperTop, shifted, lowerShifted, upperShifted; under `dealt` |
 * | normalise       | the words, under `mask`; then nodes, root and gate, under `bit masks` | top, oneHot; beta, products; gatedMask; under `dealt` |
 * | reciprocals     | the words, under `mask`                         | table, under `dealt`                             |
 * | reveal          | the words' shares, which are told               |                                                  |
 *
 * What cloud b sends in a round is under the pads of k_b, what is dealt under those of k_0. `sizes.ts` says how many
 * bytes an operation takes and in which order its parts lie; the order of operations and rounds is that of `step.ts`.
 * Neither chooses a pad, so an audit may take their word: two parts that lay over one another would be found as one
 * pad for two contents. Kinds of streams and the places of a lane are the ledger's own: with the program's, a stream
 * or place that two values share would be the right one for both.
 */

import { wordBytes } from "../bytes.ts"
import { clampedOperations } from "../computation/clamped.ts"
import { exponentialFunction, type MaskedFunction, sigmoidFunction } from "../computation/functions.ts"
import { localShapes } from "../computation/local-shapes.ts"
import { normaliseOperations, normaliseShapes } from "../computation/normalise.ts"
import { productShape } from "../computation/product.ts"
import {
  blindedBytes,
  dealtLayout,
  GROUP,
  groupsOf,
  nodesOf,
  openingPieces,
  planesOf,
  type Rescaled
} from "../computation/sizes.ts"
import {
  type Added,
  type Operation,
  type Operations,
  type Round,
  type Shape,
  together
} from "../learning/operations.ts"
import type { PadKind, PadStream } from "./pads.ts"

/** Rows of a batch, or in step 0 of the data set, that a lane works on. */
export interface Portion {
  readonly first: number
  readonly rows: number
  /** Rows of the whole. */
  readonly of: number
}

/** Bytes as they travel, unit by unit, and the pads that cover them: one byte of a stream for each. */
export interface Line {
  /** The stream that covers them. Without one they are zeros, in the place of another lane's values. */
  readonly stream?: PadStream
  /** What they are of the operation. */
  readonly part: string
  /** How a unit and its pad are combined: as a little-endian number, or bit by bit. */
  readonly combine: "add" | "xor"
  readonly units: number
  readonly unitBytes: number
  /** The byte of the stream that covers the first one, and how far it is from there to that of the next unit. */
  readonly padAt: number
  readonly padStride: number
  /** Only these bits of each word of the units, counted over all units, 64 to a unit: the others are zeros. */
  readonly bits?: { readonly from: number; readonly end: number }
}

/** A section of a dealing. */
export interface Section {
  readonly operation: Operation
  readonly bytes: number
  readonly lines: ReadonlyArray<Line>
}

/** What a computation sends and is dealt, in order. */
export interface Ledger {
  readonly rounds: ReadonlyArray<ReadonlyArray<Line>>
  readonly sections: ReadonlyArray<Section>
}

/** A value in the ledger, or a product that is not rescaled yet. */
export interface EnteredShape extends Shape, Rescaled {}

export type LedgerOperations = Operations<EnteredShape, Shape, Shape, Shape>

export const bytesOf = (lines: ReadonlyArray<Line>): number =>
  lines.reduce((sum, { units, unitBytes }) => sum + units * unitBytes, 0)

/** A line, and where its bytes begin among those of its message. */
export interface Placed {
  readonly line: Line
  readonly at: number
}

export const placed = (lines: ReadonlyArray<Line>): ReadonlyArray<Placed> => {
  let end = 0
  return lines.map((line) => {
    const at = end
    end += line.units * line.unitBytes
    return { line, at }
  })
}

export const bytesAt = (bytes: Uint8Array, { line, at }: Placed): Uint8Array =>
  bytes.subarray(at, at + line.units * line.unitBytes)

/** A lane's values of a matrix, and the groups of 64 of them that hold them. */
interface Place {
  readonly first: number
  readonly count: number
  readonly of: number
  /** Values in the groups, and how many of them precede the lane's. */
  readonly padded: number
  readonly lead: number
}

const placeOf = ({ rows, cols }: Shape, portion: Portion | undefined): Place => {
  const count = rows * cols
  if (portion === undefined) return { first: 0, count, of: count, padded: count, lead: 0 }
  const [first, of] = [portion.first * cols, portion.of * cols]
  const from = Math.floor(first / GROUP) * GROUP
  const end = Math.min(of, groupsOf(first + count) * GROUP)
  return { first, count, of, padded: end - from, lead: first - from }
}

type DealtPart =
  | keyof ReturnType<typeof dealtLayout.rescaleRelu>["at"]
  | keyof ReturnType<typeof dealtLayout.gatedDifference>["at"]
  | keyof ReturnType<typeof dealtLayout.logits>["at"]
  | keyof ReturnType<typeof dealtLayout.clamped>["at"]

/** What is dealt in bits and not in numbers. */
const inBits: ReadonlyArray<DealtPart> = ["oneHot", "products"]
/** What is dealt for a group of 64 values, the same whosever they are. */
const forGroups: ReadonlyArray<DealtPart> = ["products"]

/** The parts of an operation's dealing, where they lie, and how long they are. */
interface Layout {
  readonly at: Readonly<Partial<Record<DealtPart, number>>>
  readonly parts: Readonly<Partial<Record<DealtPart, number>>>
  readonly bytes: number
}

class Entries {
  readonly step: number
  readonly #portion: Portion | undefined
  readonly sections: Array<Section> = []
  /** Of the round under way. */
  lines: Array<Line> = []

  constructor(step: number, portion: Portion | undefined) {
    this.step = step
    this.#portion = portion
  }

  place(shape: Shape): Place {
    return placeOf(shape, this.#portion)
  }

  stream(operation: Operation, kind: PadKind): PadStream {
    return { step: this.step, operation, kind }
  }

  /** Rounds of these lines, with a result. */
  *rounds<A>(rounds: ReadonlyArray<Line>, result: A): Round<A> {
    for (const line of rounds) {
      this.lines.push(line)
      yield []
    }
    return result
  }

  /** Words under `mask`, one for each value. */
  masked(op: Operation, shape: Shape): ReadonlyArray<Line> {
    const { first, count } = this.place(shape)
    const line = { stream: this.stream(op, "mask"), part: "words", combine: "add" } as const
    const unit = { unitBytes: wordBytes, padStride: wordBytes }
    let before = first
    return openingPieces(count).map((units) => {
      const padAt = before * wordBytes
      before += units
      return { ...line, ...unit, units, padAt }
    })
  }

  /** Words that both clouds are told: each sends its share of them. */
  told(op: Operation, { rows, cols }: Shape): Line {
    const line = { stream: this.stream(op, "told"), part: "what is told", combine: "add" } as const
    return { ...line, units: rows * cols, unitBytes: wordBytes, padAt: 0, padStride: wordBytes }
  }

  /** The upper bytes of words under `rounding`, one for each value. */
  blinded(op: Operation, x: EnteredShape, shift: number, added?: Added<unknown>): Line {
    const { first, count } = this.place(x)
    const unitBytes = blindedBytes(x, shift, added)
    return {
      stream: this.stream(op, "rounding"),
      part: "blinded words",
      combine: "add",
      units: count,
      unitBytes,
      padAt: (first + 1) * wordBytes - unitBytes,
      padStride: wordBytes
    }
  }

  /** The factors of the comparison's nodes, of its root, and the gate: planes of bits, a word each for 64 values. */
  compared(op: Operation, shape: Shape, shift: number): ReadonlyArray<Line> {
    const { first, count, padded, lead } = this.place(shape)
    const nodes = nodesOf(shift)
    const planes = planesOf(nodes)
    const stride = planes.masks * wordBytes
    const group = Math.floor(first / GROUP) * stride
    const units = groupsOf(padded)
    const plane = (part: string, words: number, mask: number): Line => ({
      stream: this.stream(op, "bit masks"),
      part,
      combine: "xor",
      units,
      unitBytes: words * wordBytes,
      padAt: group + mask * wordBytes,
      padStride: stride,
      // Bits behind the last value of the matrix are those of its last lane.
      bits: { from: lead, end: lead + count < padded ? lead + count : units * GROUP }
    })
    return [
      plane("comparison's nodes", planes.nodes, 1),
      plane("comparison's root", planes.root, 7 * nodes),
      plane("gates", planes.gate, 0)
    ]
  }

  deal(op: Operation, shape: Shape, layout: (values: number) => Layout): void {
    const place = this.place(shape)
    const own = layout(place.padded)
    const names = Object.keys(own.parts) as Array<DealtPart>
    const lines = names.flatMap((part) => this.#dealtPart(op, part, place, layout))
    this.sections.push({ operation: op, bytes: own.bytes, lines: lines.filter(({ units }) => units > 0) })
  }

  /** A part of a dealing: the lane's values, zeros around them, and zeros that fill up to 16 bytes. */
  #dealtPart(
    op: Operation,
    part: DealtPart,
    { first, count, of, padded, lead }: Place,
    layout: (values: number) => Layout
  ): ReadonlyArray<Line> {
    const bytes = layout(padded).parts[part]!
    const inGroups = forGroups.includes(part)
    const each = bytes / padded
    // What is several words of a value are numbers of their own.
    const unitBytes = inGroups || part === "table" ? wordBytes : each
    const units = inGroups ? 1 : each / unitBytes
    const padAt = layout(of).at[part]! + layout(first - lead).parts[part]!
    const combine = inBits.includes(part) ? "xor" : "add"
    const common = { part, combine, unitBytes, padStride: unitBytes } as const
    const stream = this.stream(op, "dealt")
    const covered = (units: number, from: number): Line => ({
      ...common,
      stream,
      units,
      padAt: padAt + from * unitBytes
    })
    const zeros = (units: number): Line => ({ ...common, units, padAt: 0 })
    const fill = Math.ceil(bytes / 16) * 16 - bytes
    const filling: Line = {
      ...{ ...common, part: `what fills up ${part}`, units: fill },
      ...{ unitBytes: 1, padStride: 1, padAt: 0 }
    }
    return inGroups
      ? [covered(bytes / unitBytes, 0), filling]
      : [
          zeros(lead * units),
          covered(count * units, lead * units),
          zeros((padded - lead - count) * units),
          filling
        ]
  }
}

/** The table: what each operation opens and is dealt. */
const table = (entries: Entries): LedgerOperations => {
  const shapeOf = ({ rows, cols }: Shape): Shape => ({ rows, cols })
  return {
    open: (op, x) => entries.rounds(entries.masked(op, x), shapeOf(x)),
    openLabels: (op, y) => entries.rounds(entries.masked(op, y), shapeOf(y)),
    product: (_op, x, y, form) => ({ ...productShape(x, y, form), product: true }),
    ...localShapes,
    rescale: (op, x, shift, _factor, added) => {
      entries.deal(op, x, (values) => dealtLayout.rescale(values, shift))
      return entries.rounds([entries.blinded(op, x, shift, added)], shapeOf(x))
    },
    rescaleRelu: (op, z, shift) => {
      entries.deal(op, z, (values) => dealtLayout.rescaleRelu(values, shift))
      const opened = [entries.blinded(op, z, shift), ...entries.compared(op, z, shift)]
      return entries.rounds(opened, { value: shapeOf(z), gate: shapeOf(z) })
    },
    rescaleGated: (op, x, shift) => {
      entries.deal(op, x, (values) => dealtLayout.rescaleGated(values, shift))
      return entries.rounds([entries.blinded(op, x, shift)], shapeOf(x))
    },
    gatedDifference: (op, activation) => {
      entries.deal(op, activation, dealtLayout.gatedDifference)
      return activation
    },
    exponentials: (layer, z, scale) => clamped(entries, layer, z, exponentialFunction(scale)),
    sigmoids: (layer, z, scale) => clamped(entries, layer, z, sigmoidFunction(scale)),
    *normalise(layer, e, scale) {
      const ops = normaliseOperations(layer)
      const { sums, thresholds, masked } = normaliseShapes(e, scale)
      const { thresholdShift: shift } = scale
      entries.deal(ops.opened, sums, (values) => dealtLayout.sums(values, shift))
      entries.deal(ops.threshold, thresholds, (values) => dealtLayout.bound(values, shift))
      entries.deal(ops.scaled, masked, dealtLayout.normalise)
      const opened = entries.masked(ops.opened, e)
      return yield* entries.rounds([...opened, ...entries.compared(ops.threshold, thresholds, shift)], e)
    },
    reciprocals: (layer, sums, scale) => {
      const { reciprocal } = normaliseOperations(layer)
      entries.deal(reciprocal, normaliseShapes(sums, scale).lines, dealtLayout.lines)
      return entries.rounds(entries.masked(reciprocal, sums), sums)
    },
    reveal: (op, x) => entries.rounds([entries.told(op, x)], [])
  }
}

/** A function of logits between two bounds. */
function* clamped(
  entries: Entries,
  layer: number,
  z: EnteredShape,
  { shift, valueShift, words, columns }: MaskedFunction
): Round<EnteredShape> {
  const ops = clampedOperations(layer)
  const shape = { rows: z.rows, cols: columns(z.cols) }
  entries.deal(ops.logits, shape, (values) => dealtLayout.logits(values, shift, words))
  entries.deal(ops.lower, shape, (values) => dealtLayout.bound(values, shift))
  entries.deal(ops.upper, shape, (values) => dealtLayout.bound(values, shift))
  entries.deal(ops.value, shape, (values) => dealtLayout.clamped(values, valueShift))
  yield* entries.rounds([entries.blinded(ops.logits, z, shift)], undefined)
  yield* together(
    entries.rounds(entries.compared(ops.lower, shape, shift), undefined),
    entries.rounds(entries.compared(ops.upper, shape, shift), undefined),
    entries.rounds([entries.blinded(ops.value, shape, valueShift)], undefined)
  )
  return { rows: z.rows, cols: z.cols }
}

/** The ledger of a computation of a step, on the matrices of a lane's rows or on whole ones. */
export const ledgerOf = (
  step: number,
  computation: (ops: LedgerOperations) => Round<unknown>,
  portion?: Portion
): Ledger => {
  const entries = new Entries(step, portion)
  const rounds: Array<ReadonlyArray<Line>> = []
  for (const run = computation(table(entries)); ; ) {
    if (run.next([]).done) return { rounds, sections: entries.sections }
    rounds.push(entries.lines)
    entries.lines = []
  }
}
