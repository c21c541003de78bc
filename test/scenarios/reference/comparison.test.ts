import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { type Agreement, computationName } from "../../../actors/party/agreement.ts"
import { denseCells } from "../../../protocol/data/cells.ts"
import type { JointTable } from "../../../protocol/data/joint.ts"
import { noStatistics, prepare } from "../../../protocol/data/preparation.ts"
import type { FilledBlock } from "../../../protocol/data/rows.ts"
import { type Model, modelOf, modelValues } from "../../../protocol/learning/model.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import type { JoinedData } from "../../../scenarios/description/joined.ts"
import { type Compared, choicesOf, compareWithReferences } from "../../../scenarios/reference/comparison.ts"
import { needsOf } from "../../../scenarios/reference/needs.ts"
import { trainFixedReference } from "../../../scenarios/reference/reference.ts"
import { uniform } from "../../protocol/learning/example.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

/** Two features, of which the first tells the label. */
const table = (rows: number): JointTable => {
  const next = uniform(rows)
  const features = Float64Array.from({ length: 2 * rows }, () => 2 * next() - 1)
  const label = (row: number) => (features[2 * row]! > 0 ? [1, 0] : [0, 1])
  return {
    rows,
    features,
    labels: Float64Array.from(Array.from({ length: rows }, (_, row) => label(row)).flat())
  }
}

const training = table(64)

/** These training rows, whole. */
const wholeRows = (from: number, to: number): FilledBlock => ({
  rows: Uint32Array.from({ length: to - from }, (_, i) => from + i),
  columns: Uint32Array.of(0, 1, 2, 3),
  cells: denseCells(
    4,
    Float64Array.from(
      Array.from({ length: to - from }, (_, i) => 2 * (from + i)).flatMap((at) => [
        ...training.features.subarray(at, at + 2),
        ...training.labels.subarray(at, at + 2)
      ])
    )
  )
})

const joinedOf = (heldOut = 16, changes: Partial<JoinedData> = {}): JoinedData => ({
  rows: { total: 64 + heldOut, training: 64, uploaded: 64, heldOut, indices: () => new Uint32Array(0) },
  prepared: prepare(agreementFor({}).data, noStatistics),
  placed: [
    { training: [wholeRows(0, 40)], heldOut: [] },
    { training: [wholeRows(40, 64)], heldOut: [] }
  ],
  training: () => training,
  heldOut: () => table(heldOut),
  nearIds: () => [],
  trainingRows: (rows) => ({
    rows: rows.length,
    features: Float64Array.from(
      [...rows].flatMap((row) => [...training.features.subarray(2 * row, 2 * row + 2)])
    ),
    labels: Float64Array.from([...rows].flatMap((row) => [...training.labels.subarray(2 * row, 2 * row + 2)]))
  }),
  ...changes
})

/** The scenario's seed is 3, unless it is to be another or, null, none. */
type Changes = {
  readonly seed?: number | null
  readonly training?: object
  readonly network?: object
}

const agreementFor = ({ seed = 3, training: changed, ...changes }: Changes): Agreement => {
  const training = { epochs: 4, batch: 8, rate: 0.25, loss: "squared-error", ...changed }
  const seeded = seed === null ? {} : { seed }
  return agreementOf(Either.getOrThrow(decodeScenario({ ...plainScenario, training, ...seeded, ...changes })))
}

/** The model that a run of it comes to. */
const trained = async (agreement: Agreement): Promise<Model> => {
  const { dealerKey, ...choices } = choicesOf(agreement, joinedOf())
  const keys = [dealerKey("dealer0"), dealerKey("dealer1")] as const
  const replay = { run: computationName(agreement, "r"), keys }
  return (await trainFixedReference({ ...choices, training, replay })).model
}

const compared = async (changes: Changes = {}, options: Partial<Compared> = {}) => {
  const notes: Array<string> = []
  const agreement = agreementFor(changes)
  const comparison = await compareWithReferences({
    agreement,
    run: "r",
    joined: joinedOf(),
    model: await trained(agreement),
    note: (text) => void notes.push(text),
    ...options
  })
  return { ...comparison, notes }
}

const steep = { training: { epochs: 60, batch: 8, rate: 1024 } }

describe("comparison with the references", () => {
  it("has both figures for a run with a seed, bit for bit, and nothing to add", async () => {
    const { alone, referenceAccuracy, referenceMetrics, ...rest } = await compared()
    expect(referenceAccuracy).toBeGreaterThan(0.5)
    expect(referenceMetrics).toMatchObject({ kind: "classes", rows: 16, accuracy: referenceAccuracy })
    expect(alone?.map(({ rows }) => rows)).toEqual([40, 24])
    expect(rest).toEqual({ maxWeightDeviation: 0, reasons: {}, meaningless: [], warnings: [], notes: [] })
  })

  it("has a reason for a figure that there is not: no seed, no held-out row, other data", async () => {
    const unseeded = await compared({ seed: null })
    expect(unseeded.maxWeightDeviation).toBe(null)
    expect(unseeded.reasons).toEqual({ maxWeightDeviation: "only a run with a seed can be replayed" })
    const untested = await compared({}, { joined: joinedOf(0) })
    expect(untested.referenceAccuracy).toBe(null)
    expect(untested).toMatchObject({
      maxWeightDeviation: 0,
      reasons: { referenceAccuracy: "no row is held out" }
    })
    const changed = await compared({}, { referenceLeftOut: "the data changed" })
    expect(changed).toMatchObject({
      referenceAccuracy: null,
      maxWeightDeviation: null,
      reasons: { referenceAccuracy: "the data changed", maxWeightDeviation: "the data changed" },
      meaningless: []
    })
  })

  it("leaves out the references that do not fit into the memory there is, each for itself, and says so", async () => {
    const { plan } = choicesOf(agreementFor({}), joinedOf())
    const [float, fixed] = [needsOf("float64", plan, 16).bytes, needsOf("fixed-point", plan, 16).bytes]
    expect(float).toBeLessThan(fixed)
    const none = await compared({}, { memoryBytes: float - 1 })
    expect(none).toMatchObject({
      referenceAccuracy: null,
      maxWeightDeviation: null,
      meaningless: [],
      warnings: []
    })
    const takes = /^left out: it takes about [\d.]+ kB of memory, and [\d.]+ kB are left$/
    expect(none.reasons.referenceAccuracy).toMatch(takes)
    expect(none.reasons.maxWeightDeviation).toMatch(takes)
    expect(none.notes.map((note) => note.slice(0, 40))).toEqual([
      "the float64 reference is left out: it ta",
      "the fixed-point reference is left out: i"
    ])
    const one = await compared({}, { memoryBytes: fixed - 1 })
    expect(one.referenceAccuracy).not.toBe(null)
    expect(one.maxWeightDeviation).toBe(null)
    expect((await compared({}, { memoryBytes: fixed })).maxWeightDeviation).toBe(0)
  })

  it("leaves out a reference that fails, whatever it fails with", async () => {
    const failing = (error: Error) =>
      compared(
        {},
        {
          joined: joinedOf(16, {
            training: () => {
              throw error
            }
          })
        }
      )
    const full = await failing(new RangeError("Array buffer allocation failed"))
    expect(full).toMatchObject({ referenceAccuracy: null, maxWeightDeviation: null, meaningless: [] })
    expect(full.reasons.referenceAccuracy).toMatch(
      /^left out: the machine had too little memory for it, about/
    )
    expect(full.notes).toHaveLength(2)
    const broken = await failing(new TypeError("x is not a function"))
    expect(broken.reasons.maxWeightDeviation).toBe("left out: training it failed: x is not a function")
  })

  it("says of a training that left the range that it did, in which step, and has no figure that is none", async () => {
    const diverged = await compared(steep)
    expect(diverged.referenceAccuracy).toBe(null)
    expect(diverged.reasons.referenceAccuracy).toContain("no longer finite numbers")
    expect(diverged.maxWeightDeviation).toSatisfy(Number.isFinite)
    expect(diverged.meaningless).toHaveLength(1)
    expect(diverged.meaningless[0]).toMatch(
      /left the range .* in step \d+ of 480, .*; use a lower training\.rate/
    )
  })

  it("notices it without a seed and without any reference, from the model", async () => {
    const model = await trained(agreementFor(steep))
    for (const options of [{ memoryBytes: 0 }, { referenceLeftOut: "the data changed" }]) {
      const { meaningless } = await compared({ ...steep, seed: null }, { model, ...options })
      expect(meaningless).toHaveLength(1)
      expect(meaningless[0]).toContain("the range of the fixed-point numbers")
    }
  })

  it("only warns of a reference that strays where the run drew other weights and stands well itself", async () => {
    // One layer: each step takes the error times so much, whatever is drawn, so that it is finite to the end.
    const network = { hidden: [] }
    const model = await trained(agreementFor({ network }))
    const training = { epochs: 1, batch: 8, rate: 64 }
    const { meaningless, referenceAccuracy, warnings } = await compared(
      { seed: null, network, training },
      { model }
    )
    expect(meaningless).toEqual([])
    expect(referenceAccuracy).not.toBe(null)
    expect(warnings.join()).toMatch(/with weights and batches of its own, left the range/)
  })

  it.each(["squared-error", "softmax", "sigmoid"])(
    "says of a model that is far worse than its first weights that its training diverged, with %s",
    async (loss) => {
      const changes = { training: { epochs: 4, batch: 8, rate: 0.25, loss } }
      const model = await trained(agreementFor(changes))
      const times = (factor: number) => {
        const values = modelValues(model).map((value) => factor * value)
        return compared(changes, { model: modelOf(model, values) })
      }
      expect(await times(1)).toMatchObject({ meaningless: [], warnings: [] })
      // With a cross-entropy the wrong way round: with great certainty on the wrong side.
      const { meaningless } = await times(loss === "squared-error" ? 6 : -20)
      expect(meaningless).toHaveLength(1)
      expect(meaningless[0]).toMatch(
        /the training diverged: its error on rows that it was trained on is .*; use a lower training\.rate/
      )
    }
  )
})
