/** The two networks that training is measured on, with the batches of the systems they are compared with and the rates of our scenarios. */
import type { Agreement } from "../actors/party/agreement.ts"
import { type Loss, losses } from "../protocol/learning/loss.ts"
import { type Network, weightShape, width } from "../protocol/learning/network.ts"
import type { Shape } from "../protocol/learning/operations.ts"
import type { ProductForm } from "../protocol/ring/ring.ts"

export interface MeasuredNetwork {
  readonly name: string
  readonly network: Network
  /** Training rows of the synthetic table. */
  readonly rows: number
  readonly batch: number
  readonly rate: number
  /** Steps of one measurement. */
  readonly steps: number
  /** Squared error by default. */
  readonly loss?: Loss
}

/** The same network trained with another loss, by a name of its own. */
const withLoss = (measured: MeasuredNetwork, loss: Loss): MeasuredNetwork => ({
  ...measured,
  name: `${measured.name} ${loss}`,
  loss
})

export const measuredNetworks: ReadonlyArray<MeasuredNetwork> = [
  {
    name: "30-16-2",
    network: {
      inputs: 30,
      layers: [
        { units: 16, activation: "relu" },
        { units: 2, activation: "identity" }
      ]
    },
    rows: 448,
    batch: 32,
    rate: 0.1,
    steps: 6400
  },
  {
    name: "784-128-128-10",
    network: {
      inputs: 784,
      layers: [
        { units: 128, activation: "relu" },
        { units: 128, activation: "relu" },
        { units: 10, activation: "identity" }
      ]
    },
    rows: 1280,
    batch: 128,
    rate: 0.2,
    // As many as two epochs of MNIST have: V8 still compiles a good deal in the first.
    steps: 938
  }
]

/** Each network, and beside it the same with other losses. Throws `RangeError` for a loss that there is not. */
export const variantsOf = (others: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<MeasuredNetwork>> =>
  measuredNetworks.map((measured) => [
    measured,
    ...others.map((name) => {
      const loss = losses.find((each) => each === name)
      if (loss === undefined) throw new RangeError(`no loss ${name}; there are ${losses.join(", ")}`)
      return withLoss(measured, loss)
    })
  ])

/** The agreement of a training of a measured network. */
export const agreementOf = ({
  name,
  network,
  rows,
  batch,
  rate,
  steps,
  loss = "squared-error"
}: MeasuredNetwork): Agreement => {
  const [output, ...hidden] = network.layers.toReversed()
  return {
    scenario: name,
    users: [],
    data: {
      id: "row",
      features: Array.from({ length: network.inputs }, (_, i) => ({ name: `x${i}`, range: [0, 1] })),
      label: { column: "label", values: Array.from({ length: output!.units }, (_, i) => `${i}`) },
      scaleTo: [0, 1]
    },
    join: "salted",
    heldOut: 0,
    network: { hidden: hidden.reverse().map(({ units }) => units), output: output!.activation },
    training: { epochs: Math.ceil((steps * batch) / rows), batch, rate, loss },
    security: {
      modulusBits: 2048,
      exponents: "short",
      fractionalBits: 20,
      upload: "hybrid",
      output: "hybrid",
      dealing: "kgc",
      insecure: false
    },
    archive: "keep",
    reveal: { accuracy: false, heldOutRows: false, progress: false },
    deadlines: { replyTimeoutMs: 60_000, roundTimeoutMs: 60_000, phaseTimeoutMs: 600_000 }
  }
}

/** The matrix products of a step: both factors and the form. */
export const productsOf = (
  network: Network,
  batch: number
): ReadonlyArray<readonly [Shape, Shape, ProductForm]> =>
  network.layers.flatMap((_, index) => {
    const [inputs, units] = [width(network, index), width(network, index + 1)]
    const fed = { rows: batch, cols: inputs }
    const delta = { rows: batch, cols: units }
    const weights = weightShape(network, index + 1)
    const both = [
      [fed, weights, "plain"],
      [fed, delta, "leftTransposed"]
    ] as const
    return index === 0 ? both : [...both, [delta, weights, "rightTransposed"] as const]
  })
