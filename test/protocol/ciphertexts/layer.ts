/** One layer on ciphertexts with all that C0 sees of it: a product with a bias, its ReLU, a gated product and an update. */
import { blinded0, cloud0Operations, sealed0 } from "../../../protocol/ciphertexts/cloud0.ts"
import { cloud1Operations } from "../../../protocol/ciphertexts/cloud1.ts"
import type { Draws } from "../../../protocol/ciphertexts/draws.ts"
import { Later } from "../../../protocol/ciphertexts/later.ts"
import type { IntegerMatrix } from "../../../protocol/ciphertexts/matrices.ts"
import { packMatrix, unpackMatrix } from "../../../protocol/ciphertexts/packing.ts"
import { CiphertextParty } from "../../../protocol/ciphertexts/party.ts"
import type { CiphertextSizes } from "../../../protocol/ciphertexts/plan.ts"
import { blinded1, type Sealed1, sealed1 } from "../../../protocol/ciphertexts/values1.ts"
import { type Operations, operation, type Round, together } from "../../../protocol/learning/operations.ts"
import { runPrepared } from "../../../protocol/learning/run.ts"
import type { Training } from "./clouds.ts"

/** What goes in. C0's part of the inputs is given, and C1's completes them. */
export interface LayerInputs {
  readonly inputs: IntegerMatrix
  readonly partOfC0: IntegerMatrix
  readonly weights: IntegerMatrix
  readonly bias: IntegerMatrix
}

/** The rate's factor of the update, and the shifts. */
export const layerShifts = { shift: 21, updateShift: 41, factor: 819, momentum: { by: 230, zeroBytes: 4 } }

/** The ReLU of X·W and the bias; Xᵀ·H rescaled with W as an addend; and H·Wᵀ gated like a layer of as many units. */
function* layer<V, O, G>(
  ops: Operations<V, O, G, never>,
  inputs: V,
  weights: V,
  bias: V
): Round<{ readonly value: V; readonly update: V; readonly plain: V; readonly back: V }> {
  const { shift, updateShift, factor, momentum } = layerShifts
  const [x, w] = yield* together(
    ops.open(operation("openInput", 0), inputs),
    ops.open(operation("openWeights", 2), weights)
  )
  const sums = ops.addBias(ops.product(operation("forwardProduct", 1), x, w, "plain"), bias, shift)
  const { value, gate } = yield* ops.rescaleRelu(operation("forwardRescale", 1), sums, shift)
  const h = yield* ops.open(operation("openActivation", 1), value)
  const gradient = ops.product(operation("gradientProduct", 1), x, h, "leftTransposed")
  const update = yield* ops.rescale(operation("weightUpdate", 1), gradient, updateShift, factor, [
    { of: weights, factor: momentum }
  ])
  const plain = yield* ops.rescale(operation("weighOutput", 1), sums, shift, 1)
  const back = ops.product(operation("backwardProduct", 1), x, w, "plain")
  return {
    value,
    update,
    plain,
    back: yield* ops.rescaleGated(operation("backwardRescale", 1), back, shift, gate)
  }
}

export interface LayerRun {
  /** The plaintexts that C0 opened, one array a request. */
  readonly opened: ReadonlyArray<Uint8Array>
  /** The ciphertexts of these, as they came. */
  readonly came: ReadonlyArray<Uint8Array>
  /** The ciphertexts that C0 has made: first the inputs, along the rows and along the columns. */
  readonly encrypted: ReadonlyArray<Uint8Array>
  /** The results: ReLU, update, plain and gated. */
  readonly values: ReadonlyArray<IntegerMatrix>
}

/** Runs it. `sizes` may be others than those of the training. */
export const runLayer = async (
  { sessions, sizes }: Training,
  draws: Draws,
  { inputs, partOfC0, weights, bias }: LayerInputs,
  step = 1,
  changed: Partial<CiphertextSizes> = {}
): Promise<LayerRun> => {
  const [own, other] = sessions.map((session) => ({ ...session, step, sizes: { ...sizes, ...changed } }))
  const opened: Uint8Array[] = []
  const came: Uint8Array[] = []
  const encrypted: Uint8Array[] = []
  const { work } = own!
  const encrypt: typeof work.encrypt = async (request) => {
    const ciphertexts = await work.encrypt(request)
    encrypted.push(ciphertexts)
    return ciphertexts
  }
  const open: typeof work.open = async (request) => {
    const plaintexts = await work.open(request)
    opened.push(plaintexts)
    came.push(request.ciphertexts)
    return plaintexts
  }
  const party = new CiphertextParty(own!)
  const sealed = (x: IntegerMatrix): Sealed1 =>
    sealed1(
      x,
      new Later(() => work.encrypt({ plaintexts: packMatrix(party.slots, x, "rows"), key: party.key() }))
    )
  const blinds = inputs.values.map((value, i) => value - partOfC0.values[i]!)
  const { results } = await runPrepared(
    layer(
      cloud0Operations({ ...own!, work: { ...work, open, encrypt } }),
      blinded0(partOfC0),
      sealed0(weights),
      sealed0(bias)
    ),
    layer(
      cloud1Operations(other!, draws),
      blinded1({ rows: inputs.rows, cols: inputs.cols, values: blinds }),
      sealed(weights),
      sealed(bias)
    )
  )
  const [at0, at1] = results
  const values = [at0.value, at0.update, at0.plain, at0.back].map(async (x, i) => {
    const y = [at1.value, at1.update, at1.plain, at1.back][i]!
    if (x.kind === "blinded" && y.kind === "blinded") {
      const parts = await x.values.ready()
      return { ...parts, values: parts.values.map((part, j) => part + y.blinds.values[j]!) }
    }
    if (y.kind !== "sealed") throw new Error("neither blinded nor sealed")
    const plaintexts = await work.open({ ciphertexts: await y.ciphertexts.ready() })
    return unpackMatrix(party.slots, plaintexts, { rows: y.rows, cols: y.cols }, "rows")
  })
  return { opened, came, encrypted, values: await Promise.all(values) }
}
