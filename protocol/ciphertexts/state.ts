/**
 * What rests at C1 between two steps of a training on ciphertexts (section 8 of docs/concepts/protocol.md): ciphertexts under
 * pk of the weights, biases and velocities, layer by layer, packed along the rows. C0 has nothing of them. Here they come to be,
 * and here they are opened as shares of the model.
 */
import { concatenate } from "../bytes.ts"
import { initialWeightsShare } from "../learning/initial.ts"
import { biasShape, type Network, weightShape } from "../learning/network.ts"
import { type Operation, operation, type Round, type Shape } from "../learning/operations.ts"
import type { StepPlan, TrainingPlan } from "../learning/plan.ts"
import { atRest, type Layer } from "../learning/step.ts"
import { type Sealed0, sealed0 } from "./cloud0.ts"
import { cutInto, idle, receive, send, settled } from "./exchange.ts"
import { Later } from "./later.ts"
import { type IntegerMatrix, mapped, shapeOf, zerosOf } from "./matrices.ts"
import { packMatrix, unpackMatrix } from "./packing.ts"
import type { CiphertextParty, DrawingParty } from "./party.ts"
import { asSealed, type Sealed1, sealed1, type Value1 } from "./values1.ts"

/** Weights and biases first, and with momentum the velocities. */
const partsOf = <V>({ weights, bias, velocity }: Layer<V>): ReadonlyArray<V> => [
  weights,
  bias,
  ...(velocity === undefined ? [] : [velocity.weights, velocity.bias])
]

/** The shapes of all layers. */
export const layerShapesOf = ({
  network,
  addends
}: Pick<StepPlan, "network" | "addends">): ReadonlyArray<Layer<Shape>> =>
  network.layers.map((_, i) =>
    atRest({ weights: weightShape(network, i + 1), bias: biasShape(network, i + 1) }, { addends }, shapeOf)
  )

/** The layers with another matrix in each place, given in order. */
const layersWith = <V>(
  shapes: ReadonlyArray<Layer<Shape>>,
  make: (shape: Shape, place: number) => V
): ReadonlyArray<Layer<V>> => {
  let place = 0
  return shapes.map(({ weights, bias, velocity }) => ({
    weights: make(weights, place++),
    bias: make(bias, place++),
    ...(velocity && {
      velocity: { weights: make(velocity.weights, place++), bias: make(velocity.bias, place++) }
    })
  }))
}

/** A cloud's share of the first weights, as integers; biases and velocities are zeros. `key` is 16 bytes. */
export const initialShares = (
  plan: Pick<TrainingPlan, "network" | "addends" | "fractionalBits">,
  key: Uint8Array
): ReadonlyArray<Layer<IntegerMatrix>> =>
  layerShapesOf(plan).map((layer, i) => {
    const words = initialWeightsShare(plan.network, i + 1, key, plan.fractionalBits)
    const weights = {
      ...layer.weights,
      values: Array.from(words, (word) => BigInt.asIntN(64, word))
    }
    return atRest({ weights, bias: zerosOf(layer.bias) }, plan, zerosOf)
  })

const sealing = operation("openWeights", 0)

/** C0 encrypts its share of the layers. One round. */
export function* sealAtC0(
  party: CiphertextParty,
  layers: ReadonlyArray<Layer<IntegerMatrix>>
): Round<ReadonlyArray<Layer<Sealed0>>> {
  const parts = layers.flatMap(partsOf)
  yield* send(async () => {
    const encrypted = parts.map((part) =>
      party.work.encrypt({ plaintexts: packMatrix(party.slots, part, "rows"), key: party.key() })
    )
    return concatenate(await Promise.all(encrypted))
  })
  return layersWith(layers, sealed0)
}

/** C1 adds its own. One round. */
export function* sealAtC1(
  party: CiphertextParty,
  layers: ReadonlyArray<Layer<IntegerMatrix>>
): Round<ReadonlyArray<Layer<Sealed1>>> {
  const parts = layers.flatMap(partsOf)
  const bytes = parts.map((part) => party.bytes(part, "rows"))
  const message = yield* receive(
    party.place(sealing),
    bytes.reduce((sum, each) => sum + each, 0)
  )
  const pieces = cutInto(message, bytes)
  return layersWith(layers, (shape, place) => {
    const plaintexts = packMatrix(party.slots, parts[place]!, "rows")
    return sealed1(shape, new Later(() => party.work.add({ ciphertexts: pieces[place]!, plaintexts })))
  })
}

/** The ciphertexts of all layers, as they are stored. */
export const layerBytes = async (layers: ReadonlyArray<Layer<Value1>>): Promise<Uint8Array> =>
  concatenate(await Promise.all(layers.flatMap(partsOf).map((part) => asSealed(part).ciphertexts.ready())))

/** The layers of stored ciphertexts, or nothing where they are of another length. */
export const layersOf = (
  party: Pick<CiphertextParty, "bytes">,
  plan: Pick<StepPlan, "network" | "addends">,
  bytes: Uint8Array
): ReadonlyArray<Layer<Sealed1>> | undefined => {
  const shapes = layerShapesOf(plan)
  const lengths = shapes.flatMap(partsOf).map((shape) => party.bytes(shape, "rows"))
  if (lengths.reduce((sum, each) => sum + each, 0) !== bytes.length) return undefined
  const pieces = cutInto(bytes, lengths)
  return layersWith(shapes, (shape, place) => sealed1(shape, Later.of(pieces[place]!)))
}

/** What C0 knows of the layers. */
export const layersAtC0 = (plan: Pick<StepPlan, "network" | "addends">): ReadonlyArray<Layer<Sealed0>> =>
  layersWith(layerShapesOf(plan), sealed0)

/** The operations under whose blinds the model is opened: of the weights and the bias of a layer. */
const outputOperations = (network: Network): ReadonlyArray<Operation> =>
  network.layers.flatMap((_, i) => [operation("openWeights", i + 1), operation("biasUpdate", i + 1)])

const modelParts = <V>(layers: ReadonlyArray<Layer<V>>): ReadonlyArray<V> =>
  layers.flatMap(({ weights, bias }) => [weights, bias])

const wordsOf = (parts: ReadonlyArray<IntegerMatrix>): BigUint64Array =>
  BigUint64Array.from(parts.flatMap(({ values }) => values.map((value) => BigInt.asUintN(64, value))))

/** C0's share of the model modulo 2^64, in the order of its words. Two rounds. */
export function* outputAtC0(party: CiphertextParty, network: Network): Round<BigUint64Array> {
  const shapes = modelParts(layersWith(layerShapesOf({ network, addends: {} }), shapeOf))
  const bytes = shapes.map((shape) => party.bytes(shape, "rows"))
  const message = yield* receive(
    party.place(sealing),
    bytes.reduce((sum, each) => sum + each, 0)
  )
  const opened = new Later(async () => {
    const plaintexts = cutInto(message, bytes).map((ciphertexts) => party.work.open({ ciphertexts }))
    return (await Promise.all(plaintexts)).map((each, i) =>
      unpackMatrix(party.slots, each, shapes[i]!, "rows")
    )
  })
  return wordsOf(yield* settled(opened))
}

/** C1's share: the blinds, under which it has C0 open the weights and biases. Two rounds. */
export function* outputAtC1(
  cloud: DrawingParty,
  network: Network,
  layers: ReadonlyArray<Layer<Value1>>
): Round<BigUint64Array> {
  const ops = outputOperations(network)
  const parts = modelParts(layers).map(asSealed)
  const blinds = parts.map((part, i) => cloud.draw(ops[i]!, "output", part, cloud.sizes.blindBits))
  yield* send(async () => {
    const blinded = parts.map(async ({ ciphertexts }, i) =>
      cloud.added(
        await ciphertexts.ready(),
        mapped(blinds[i]!, (blind) => -blind),
        "rows"
      )
    )
    return concatenate(await Promise.all(blinded))
  })
  yield* idle()
  return wordsOf(blinds)
}
