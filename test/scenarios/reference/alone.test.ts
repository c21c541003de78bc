/** What each owner gets alone: on which rows, beside what, and why not. */
import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { planOf } from "../../../actors/party/agreement.ts"
import { denseCells } from "../../../protocol/data/cells.ts"
import { assemble } from "../../../protocol/data/joint.ts"
import { noStatistics, prepare } from "../../../protocol/data/preparation.ts"
import type { FilledBlock } from "../../../protocol/data/rows.ts"
import { batchOrder } from "../../../protocol/learning/order.ts"
import { metricsOf } from "../../../protocol/metrics/metrics.ts"
import { tallyOf } from "../../../protocol/metrics/tally.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { scoreOf, trainAlone } from "../../../scenarios/reference/alone.ts"
import { trainFloatReference } from "../../../scenarios/reference/reference.ts"
import { uniform } from "../../protocol/learning/example.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const settings = { training: { epochs: 4, batch: 8, rate: 0.25 } }
const agreement = agreementOf(Either.getOrThrow(decodeScenario({ ...plainScenario, ...settings })))
const widths = { features: 2, labels: 2 }

/** Some columns of these rows of a table of which the first feature tells the label. */
const block = (rows: ReadonlyArray<number>, columns: ReadonlyArray<number>): FilledBlock => ({
  rows: Uint32Array.from(rows),
  columns: Uint32Array.from(columns),
  cells: denseCells(
    columns.length,
    Float64Array.from(
      rows.flatMap((row) => {
        const next = uniform(row + 1)
        const first = 2 * next() - 1
        const whole = [first, 2 * next() - 1, Number(first > 0), Number(first <= 0)]
        return columns.map((column) => whole[column]!)
      })
    )
  )
})

const all = [0, 1, 2, 3]
const upTo = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
const heldOut = assemble([block(upTo(60, 80), all)], { firstRow: 60, rows: 20, ...widths })

const choices = {
  data: prepare(agreement.data, noStatistics),
  initialKeys: [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)],
  orderKey: new Uint8Array(16).fill(3)
} as const

const alone = (north: ReadonlyArray<FilledBlock>, south: ReadonlyArray<FilledBlock>) =>
  trainAlone(
    agreement,
    {
      rows: { total: 80, training: 60, uploaded: 60, heldOut: 20, indices: () => new Uint32Array(0) },
      placed: [north, south].map((training) => ({ training, heldOut: [] })),
      heldOut: () => heldOut
    },
    choices
  )

describe("what an owner gets alone", () => {
  it("is of the network trained on its own whole rows, and tested on all that are held out", async () => {
    const rows = [...upTo(0, 5), ...upTo(10, 30)]
    const found = await alone([block(rows, [0, 1]), block(upTo(0, 30), [2, 3])], [block(upTo(30, 60), all)])
    const training = assemble(
      [block(upTo(0, 25), [0]), { ...block(rows, all), rows: Uint32Array.from(upTo(0, 25)) }],
      {
        firstRow: 0,
        rows: 25,
        ...widths
      }
    )
    const plan = planOf(agreement, 25)
    expect(plan.steps).toBe(4 * 3)
    const order = batchOrder(plan, choices.orderKey)
    const { model } = await trainFloatReference({ ...choices, plan, training, order })
    const metrics = metricsOf(agreement.data, "squared-error", tallyOf(model, heldOut))
    expect(found[0]).toEqual({ user: "north", rows: 25, ...scoreOf(metrics) })
    expect(found[1]).toMatchObject({ user: "south", rows: 30 })
    expect(found[1]!.accuracy).not.toBe(undefined)
  })

  it("is nothing of an owner without whole rows, and has smaller batches where there are fewer rows", async () => {
    expect(await alone([block(upTo(0, 60), [0, 1, 2])], [block(upTo(0, 3), all)])).toEqual([
      { user: "north", rows: 0, reason: "it holds no whole row to train on" },
      { user: "south", rows: 3, accuracy: expect.any(Number), balancedAccuracy: expect.any(Number) }
    ])
  })
})
