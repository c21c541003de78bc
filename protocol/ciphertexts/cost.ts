/**
 * The cost of a training on ciphertexts: the step on shapes alone, with what each cloud sends, what C0 opens and encrypts,
 * and the products of powers that C1 is asked for. Exact; the envelopes of the messages come on top. Public.
 */
import { plaintextsFor } from "../bcp/packing.ts"
import { ciphertextBytes } from "../bcp/wire.ts"
import { outputs } from "../learning/network.ts"
import type { Operation, Operations, Round, Shape } from "../learning/operations.ts"
import type { TrainingPlan } from "../learning/plan.ts"
import type { Layer } from "../learning/step.ts"
import {
  defaultExtension,
  type ExtensionShape,
  extensionBytes,
  extensionsFor,
  openingBytes,
  taken,
  transferBytes
} from "../oblivious-transfer/sizes.ts"
import { groupsOf, type Layout, plaintextsOf } from "./packing.ts"
import { notOnCiphertexts } from "./party.ts"
import type { CiphertextSizes } from "./plan.ts"
import { gainOf, layoutsOf, restsSealed, resultLayouts, sizesOfProduct } from "./rescaling.ts"
import { blocksBelow } from "./signs.ts"
import { layerShapesOf } from "./state.ts"
import { ciphertextStep } from "./step.ts"

/** A request for products of powers, without its numbers. */
export interface PowersShape {
  readonly terms: number
  readonly groups: number
  readonly results: number
  /** Of the blinds, at most; of a public multiple 64. */
  readonly exponentBits: number
  readonly factor: number
  /** Of fresh encryptions; 0 where there are none. */
  readonly randomizerBits: number
}

export interface CiphertextCost {
  readonly rounds: number
  /** Bytes that C0 and C1 send. */
  readonly bytes: readonly [number, number]
  /** Ciphertexts that C0 opens, and that it encrypts. */
  readonly openings: number
  readonly encryptions: number
  /** Ciphertexts that C1 checks and adds to. */
  readonly additions: number
  readonly powers: ReadonlyArray<PowersShape>
  /** Transfers with C0 as the sender, and with C1. */
  readonly transfers: readonly [number, number]
}

interface CostedShape extends Shape {
  readonly isProduct?: { readonly terms: number; readonly bias: boolean }
}

const shapeOf = ({ rows, cols }: Shape): Shape => ({ rows, cols })

/** Adds up what a computation on shapes takes. */
class Counting {
  readonly #sizes: CiphertextSizes
  rounds = 0
  readonly bytes: [number, number] = [0, 0]
  openings = 0
  encryptions = 0
  additions = 0
  readonly powers: PowersShape[] = []
  readonly transfers: [number, number] = [0, 0]

  constructor(sizes: CiphertextSizes) {
    this.#sizes = sizes
  }

  plaintexts(shape: Shape, layouts: ReadonlyArray<Layout>): number {
    return layouts.reduce((sum, layout) => sum + plaintextsOf(this.#sizes, shape, layout), 0)
  }

  /** A round in which a cloud sends ciphertexts. */
  *sent(cloud: 0 | 1, ciphertexts: number): Round<void> {
    this.bytes[cloud] += ciphertexts * ciphertextBytes({ bits: this.#sizes.modulusBits })
    if (cloud === 0) {
      this.encryptions += ciphertexts
      this.additions += ciphertexts
    } else this.openings += ciphertexts
    yield []
  }

  *round(): Round<void> {
    yield []
  }

  /** A cloud's choices, without the extensions. */
  chosen(receiver: 0 | 1, n: number): void {
    this.bytes[receiver] += taken(n) / 8
    this.transfers[receiver === 1 ? 0 : 1] += taken(n)
  }

  /** Transfers in one direction. */
  *transferred(sender: 0 | 1, choiceBits: number, n: number, messageBits: number): Round<void> {
    this.bytes[sender] += transferBytes(choiceBits, n, { messageBits })
    yield []
  }

  *signs(n: number, signBit: number): Round<void> {
    const blocks = blocksBelow(signBit)
    for (const [j, { width }] of blocks.entries()) {
      yield* this.transferred(0, width + (j === 0 ? 0 : 1), n, 1)
      if (j === blocks.length - 1) break
      this.chosen(1, n)
      yield []
    }
  }

  *gated(n: number): Round<void> {
    this.chosen(1, n)
    this.chosen(0, n)
    yield []
    yield* this.transferred(0, 1, n, this.#sizes.blindBits)
    yield* this.transferred(1, 1, n, this.#sizes.blindBits)
  }

  /** C1's part of a rescale. */
  *rescaled(x: CostedShape, factor: number, added: number): Round<void> {
    const { blindBits, randomizerBits } = this.#sizes
    const groups = { rows: groupsOf(this.#sizes, x.rows), cols: groupsOf(this.#sizes, x.cols) }
    const multiples = (of: number, terms: number) => {
      if (terms > 0)
        this.powers.push({
          ...{ terms, groups: of * groups.cols, results: 1, exponentBits: 64, factor: 1, randomizerBits: 0 }
        })
    }
    const { isProduct } = x
    if (isProduct === undefined) {
      multiples(x.rows, added)
      this.powers.push({
        ...{ terms: 0, groups: groups.cols, results: x.rows, exponentBits: 0, factor: 1, randomizerBits }
      })
      yield* this.sent(1, this.plaintexts(x, ["rows"]))
      return
    }
    multiples(isProduct.bias ? 1 : x.rows, isProduct.bias ? 1 : added)
    const of = {
      ...{ terms: isProduct.terms, exponentBits: blindBits, randomizerBits },
      factor: (2 * factor) / gainOf(true, factor, added)
    }
    this.powers.push({ ...of, groups: groups.rows, results: x.cols })
    this.powers.push({ ...of, groups: groups.cols, results: x.rows })
    yield* this.sent(1, this.plaintexts(x, resultLayouts))
  }

  *openSealed(op: Operation, x: Shape): Round<Shape> {
    const ciphertexts = this.plaintexts(x, ["rows"])
    this.additions += ciphertexts
    yield* this.sent(1, ciphertexts)
    if (layoutsOf(op).includes("columns")) yield* this.sent(0, this.plaintexts(x, ["columns"]))
    return shapeOf(x)
  }

  *openBlinded(op: Operation, x: Shape): Round<Shape> {
    yield* this.sent(0, this.plaintexts(x, layoutsOf(op)))
    return shapeOf(x)
  }

  *rescale(op: Operation, x: CostedShape, factor: number, added: number): Round<CostedShape> {
    yield* this.rescaled(x, factor, added)
    if (restsSealed(op)) yield* this.sent(0, this.plaintexts(x, ["rows"]))
    return shapeOf(x)
  }

  *relu(z: CostedShape, shift: number): Round<{ value: CostedShape; gate: Shape }> {
    const n = z.rows * z.cols
    yield* this.rescaled(z, 1, 0)
    this.chosen(1, 64 * n)
    yield []
    yield* this.signs(n, 63 - shift)
    yield* this.gated(n)
    return { value: shapeOf(z), gate: shapeOf(z) }
  }

  *rescaleGated(x: CostedShape): Round<CostedShape> {
    yield* this.rescaled(x, 1, 0)
    yield []
    yield* this.gated(x.rows * x.cols)
    return shapeOf(x)
  }
}

const operationsOf = (
  counting: Counting,
  sealed: (x: Shape) => boolean
): Operations<CostedShape, Shape, Shape, never> => ({
  ...notOnCiphertexts,
  open: (op, x) => (sealed(x) ? counting.openSealed(op, x) : counting.openBlinded(op, x)),
  product: (_op, x, y, form) => {
    const { shape, terms } = sizesOfProduct(x, y, form)
    return { ...shape, isProduct: { terms, bias: false } }
  },
  addBias: (z) => ({ ...z, ...(z.isProduct && { isProduct: { ...z.isProduct, bias: true } }) }),
  subtract: (x) => x,
  columnSums: ({ cols }) => ({ rows: 1, cols }),
  rescale: (op, x, _shift, factor, added = []) => counting.rescale(op, x, factor, added.length),
  rescaleRelu: (_op, z, shift) => counting.relu(z, shift),
  rescaleGated: (_op, x) => counting.rescaleGated(x)
})

/** Runs a computation on shapes. */
const counted = (
  sizes: CiphertextSizes,
  computation: (counting: Counting) => Round<unknown>
): CiphertextCost => {
  const counting = new Counting(sizes)
  const running = computation(counting)
  while (!running.next([]).done) counting.rounds++
  const { rounds, bytes, openings, encryptions, additions, powers, transfers } = counting
  return { rounds, bytes, openings, encryptions, additions, powers, transfers }
}

/** One training step, without the extensions of its transfers. */
export const stepCost = (plan: TrainingPlan, sizes: CiphertextSizes): CiphertextCost => {
  const layers = layerShapesOf(plan)
  const weights = new Set<Shape>(layers.map((layer) => layer.weights))
  const { network, batch } = plan
  const rows = {
    features: { rows: batch, cols: network.inputs },
    labels: { rows: batch, cols: outputs(network) }
  }
  return counted(sizes, (counting) =>
    ciphertextStep(
      operationsOf(counting, (x) => weights.has(x)),
      plan,
      layers as ReadonlyArray<Layer<CostedShape>>,
      rows
    )
  )
}

/** Making the transfers of a session: both directions at once. */
export const transfersCost: Pick<CiphertextCost, "rounds" | "bytes"> = (() => {
  const each = openingBytes.sender.reduce((sum, bytes) => sum + bytes, 0)
  const other = openingBytes.receiver.reduce((sum, bytes) => sum + bytes, 0)
  return { rounds: openingBytes.sender.length, bytes: [each + other, each + other] }
})()

/** Sealing the first layers. */
export const sealingCost = (plan: TrainingPlan, sizes: CiphertextSizes): CiphertextCost =>
  counted(sizes, (counting) =>
    counting.sent(
      0,
      layerShapesOf(plan)
        .flatMap(({ weights, bias, velocity }) => [
          ...[weights, bias],
          ...(velocity ? [velocity.weights, velocity.bias] : [])
        ])
        .reduce((sum, shape) => sum + counting.plaintexts(shape, ["rows"]), 0)
    )
  )

/** Opening so many cells of a user. */
export const cellsCost = (sizes: CiphertextSizes, cells: number): CiphertextCost =>
  counted(sizes, (counting) =>
    openedBlinded(counting, plaintextsFor(cells, sizes.modulusBits, sizes.dataSlotBits))
  )

function* openedBlinded(counting: Counting, ciphertexts: number): Round<void> {
  counting.additions += ciphertexts
  yield* counting.sent(1, ciphertexts)
  yield []
}

/** Opening the model as shares. */
export const outputCost = (plan: TrainingPlan, sizes: CiphertextSizes): CiphertextCost =>
  counted(sizes, (counting) =>
    openedBlinded(
      counting,
      layerShapesOf(plan)
        .flatMap(({ weights, bias }) => [weights, bias])
        .reduce((sum, shape) => sum + counting.plaintexts(shape, ["rows"]), 0)
    )
  )

/** What the extensions of all steps' transfers take: those of C0 are sent by C1, and the other way round. */
export const extensionsCost = (
  plan: TrainingPlan,
  sizes: CiphertextSizes,
  shape: ExtensionShape = defaultExtension
): readonly [number, number] => {
  const { transfers } = stepCost(plan, sizes)
  const [forward, reversed] = transfers.map(
    (each) => extensionsFor(shape, 0, plan.steps * each) * extensionBytes(shape)
  )
  return plan.steps * transfers[0]! === 0 ? [0, 0] : [reversed!, forward!]
}
