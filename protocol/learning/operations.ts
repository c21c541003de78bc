/**
 * The operations of a training step, whatever its matrices are: the seam between the mathematics of learning
 * (`step.ts`, written once) and its interpreters: the float64 reference, the fixed-point reference, a cloud
 * working on shares, the KGC dealing correlated randomness, the cost model, and the audit's ledger of pads.
 *
 * An operation that needs the other cloud is a `Round`: a generator that yields its messages of this round
 * and is resumed with the bytes that the peer sent in the same round. `together` runs independent operations
 * in lockstep, so that all their openings travel in one message each way.
 */
import type { ProductForm } from "../ring/ring.ts"
import type { SigmoidScale, SoftmaxScale } from "./scales.ts"

/** Rows × columns of a matrix. */
export interface Shape {
  readonly rows: number
  readonly cols: number
}

/**
 * The address of an operation in a step. Every random choice is a function of (run, step, operation), never
 * of the order in which the code runs, so a step that any process repeats gives the same bytes.
 */
export type Operation = number & { readonly Operation: unique symbol }

/** The kinds of operation, one number each. */
export const operationKinds = [
  "openInput",
  "openWeights",
  "openActivation",
  "openDelta",
  "forwardProduct",
  "backwardProduct",
  "gradientProduct",
  "forwardRescale",
  "backwardRescale",
  "weightUpdate",
  "biasUpdate",
  "openLabels",
  "lowerBound",
  "upperBound",
  "exponential",
  "openExponentials",
  "threshold",
  "normalise",
  "reciprocal",
  "openNumerators",
  "openReciprocals",
  "probability",
  "scores",
  "openScores",
  "openErrors",
  "squares",
  "labelScore",
  "greatest",
  "right",
  "revealError",
  "revealRight",
  "openRowWeights",
  "openOutput",
  "weighOutput"
] as const
export type OperationKind = (typeof operationKinds)[number]

/** Kinds that are told apart within a layer; those beyond are numbered as kinds of a layer far above. */
const kindsOfLayer = 16
const layersBeyond = 4096

/** The operation of a kind in a layer. Layers count from 0 (the input layer's data) upwards, at most 4095. */
export const operation = (kind: OperationKind, layer: number): Operation => {
  const number = operationKinds.indexOf(kind)
  const page = Math.floor(number / kindsOfLayer)
  return ((layer + page * layersBeyond) * kindsOfLayer + (number % kindsOfLayer)) as Operation
}

/** The kind and the layer of an operation. */
export const placeOfOperation = (op: Operation): { readonly kind: OperationKind; readonly layer: number } => {
  const above = Math.floor(op / kindsOfLayer)
  const page = Math.floor(above / layersBeyond)
  return { kind: operationKinds[(op % kindsOfLayer) + page * kindsOfLayer]!, layer: above % layersBeyond }
}

/** `forwardRescale of layer 2`: for errors and traces. */
export const describeOperation = (op: Operation): string => {
  const { kind, layer } = placeOfOperation(op)
  return `${kind} of layer ${layer}`
}

/**
 * A message of a round: its bytes, read when it is sent. They may be a view of memory that moves when it
 * grows, so they are read after all computations of the round have run, and copied before any is resumed.
 */
export interface Message {
  (): Uint8Array
  /** The bytes of the peer's message in its place, if they are not as many as its own. */
  readonly receives?: number
  /**
   * Work that takes long and must be done before the bytes are read, in worker threads for one. All of a round is begun at
   * once. It is called once.
   */
  readonly prepared?: () => Promise<void>
}

/** A message for which the peer sends one of another length. */
export const crossing = (message: () => Uint8Array, receives: number): Message =>
  Object.assign(() => message(), { receives })

/** A message whose bytes are there once its preparation is done. */
export const prepared = (
  prepare: () => Promise<void>,
  message: () => Uint8Array,
  receives: number
): Message => Object.assign(() => message(), { receives, prepared: prepare })

/** Begins the preparations of a round's messages; nothing is returned where there are none. */
export const prepareAll = (
  messages: ReadonlyArray<Pick<Message, "prepared">>
): Promise<unknown> | undefined => {
  const begun = messages.flatMap((message) => (message.prepared === undefined ? [] : [message.prepared()]))
  return begun.length === 0 ? undefined : Promise.all(begun)
}

/**
 * A computation that may exchange messages with the peer: yields this party's messages of a round, is resumed
 * with the peer's messages of that round, in the same order, and of the same lengths unless they say otherwise.
 */
export type Round<A> = Generator<ReadonlyArray<Message>, A, ReadonlyArray<Uint8Array>>

/** by·2^(8·zeroBytes): an integer of which as many low bytes are zeros, whatever `by` is. */
export interface Factor {
  readonly by: number
  readonly zeroBytes: number
}

/** A multiple of a value: an addend of a rescale. */
export interface Multiple<V> {
  readonly of: V
  readonly factor: Factor
}

/** What a rescale adds. */
export type Added<V> = ReadonlyArray<Multiple<V>>

/**
 * `V` is a matrix, `O` a matrix that has been opened under a mask and so can be a factor, `G` the bit matrix
 * "this ReLU was active", `L` opened labels. Scales: a value carries f fractional bits, a product
 * `productBits`.
 */
export interface Operations<V, O, G, L> {
  /**
   * Opens a value under the masks of `op`, as a factor of products. 8 bytes an element, one round up to half
   * a million elements. Serves any number of products. A value that is `consumed` is not used again, and its
   * memory may be.
   */
  readonly open: (op: Operation, x: V, consumed?: boolean) => Round<O>
  /** Opens the labels of a ReLU output, with messages of the same sizes. */
  readonly openLabels: (op: Operation, y: V) => Round<L>
  /**
   * Twice the product of two opened values. Local. It can be added a bias to and be rescaled, and nothing
   * else.
   */
  readonly product: (op: Operation, x: O, y: O, form: ProductForm) => V
  /** z + (bias ≪ shift), the row vector `bias` added to every row. Local. */
  readonly addBias: (z: V, bias: V, shift: number) => V
  /** x − y. Local. */
  readonly subtract: (x: V, y: V) => V
  /** Column sums as a 1 × cols row. Local. */
  readonly columnSums: (x: V) => V
  /**
   * ⌊(factor·x + what is added) / 2^shift⌉, up to one unit in the last place, of a product a 64th more. One round.
   * `factor` is a small positive integer. Of a product, as many low bytes of a word need not be opened as all that is
   * added has zeros (`leftOutBytes`).
   */
  readonly rescale: (op: Operation, x: V, shift: number, factor: number, added?: Added<V>) => Round<V>
  /** Rescale and ReLU fused: max(y, 0) for the y of `rescale`, and the gate y ≥ 0. Four rounds. */
  readonly rescaleRelu: (op: Operation, z: V, shift: number) => Round<{ readonly value: V; readonly gate: G }>
  /** Rescale, then zero where the gate of an earlier `rescaleRelu` is shut. One round. */
  readonly rescaleGated: (op: Operation, x: V, shift: number, gate: G) => Round<V>
  /** (activation − labels)·gate for a ReLU output, labels opened once per run. Local: no round. */
  readonly gatedDifference: (op: Operation, activation: V, labels: L, gate: G) => V
  /**
   * Of logits that are not rescaled yet, their exponentials over the classes, less the row's mean and clamped
   * (`SoftmaxScale`). Four rounds, the first that of a rescale.
   */
  readonly exponentials: (layer: number, z: V, scale: SoftmaxScale) => Round<V>
  /** Each row of exponentials times a power of two, such that they add up to one to two. Four rounds. */
  readonly normalise: (layer: number, exponentials: V, scale: SoftmaxScale) => Round<V>
  /** Row sums as a rows × 1 column. Local. */
  readonly rowSums: (x: V) => V
  /** 1/x of a column of numbers from one to two. One round. */
  readonly reciprocals: (layer: number, sums: V, scale: SoftmaxScale) => Round<V>
  /** Twice each row of one opened matrix times the number of an opened column: a `product`. Local. */
  readonly rowProduct: (op: Operation, x: O, factors: O) => V
  /**
   * The logistic function of clamped logits that are not rescaled yet; or of a row of two, that of their difference
   * for the second, and for the first the rest to one. Four rounds, the first that of a rescale.
   */
  readonly sigmoids: (layer: number, z: V, scale: SigmoidScale) => Round<V>
  /** Row by row twice the sum of the products of two opened matrices: a `product` of one column. Local. */
  readonly rowDots: (op: Operation, x: O, y: O) => V
  /** x + y. Local. */
  readonly add: (x: V, y: V) => V
  /** x plus a public number of units of the last place. Local. */
  readonly addUnits: (x: V, units: number) => V
  /** x·2^bits. Local. */
  readonly shiftLeft: (x: V, bits: number) => V
  /** The columns of x from one up to but excluding another. Local. */
  readonly columns: (x: V, from: number, end: number) => V
  /** A gate as units: 1 where it is open, else 0. `like` has its shape. Local. */
  readonly indicator: (gate: G, like: V) => V
  /** Tells both parties the values themselves, as numbers of units of the last place. 8 bytes an element, one round. */
  readonly reveal: (op: Operation, x: V) => Round<ReadonlyArray<number>>
}

/** Runs independent computations in lockstep: the messages of one round travel together. Results in order. */
export function* together<const A extends ReadonlyArray<unknown>>(
  ...rounds: { readonly [K in keyof A]: Round<A[K]> }
): Round<A> {
  const results: unknown[] = new Array(rounds.length)
  const pending = rounds.map((round, index) => ({
    round: round as Round<unknown>,
    index,
    next: round.next()
  }))
  for (let live = pending; ; ) {
    for (const { next, index } of live) if (next.done) results[index] = next.value
    live = live.filter((entry) => !entry.next.done)
    if (live.length === 0) return results as unknown as A
    const sent = live.map((entry) => entry.next.value as ReadonlyArray<Message>)
    const received = yield sent.flat()
    let from = 0
    live.forEach((entry, i) => {
      const count = sent[i]!.length
      entry.next = entry.round.next(received.slice(from, from + count))
      from += count
    })
  }
}
