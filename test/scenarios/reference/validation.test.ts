/** Rows to validate on, and held-out rows, have no part in what the training makes of the others. */
import { Either } from "effect"
import { describe, expect, it } from "vitest"
import type { HeldTable } from "../../../protocol/data/encoding.ts"
import { digestIds } from "../../../protocol/data/rows.ts"
import { modelValues } from "../../../protocol/learning/model.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { joinData, joinTables } from "../../../scenarios/description/joined.ts"
import { choicesOf } from "../../../scenarios/reference/comparison.ts"
import { trainFixedReference } from "../../../scenarios/reference/reference.ts"
import { uniform } from "../../protocol/learning/example.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const [count, epochs, heldOut, validation] = [40, 6, 0.25, 0.2]

const scenarioOf = (training: object) =>
  Either.getOrThrow(
    decodeScenario({
      ...plainScenario,
      ...{ heldOut, validation, seed: 3, reveal: ["curve", "column-statistics"] },
      data: {
        features: { length: { scale: "standard", fill: "mean" }, width: "standard" },
        label: { column: "kind", values: ["a", "b"] }
      },
      training: { epochs, batch: 8, rate: 0.3, loss: "softmax", ...training }
    })
  )

const ids = Array.from({ length: count }, (_, row) => `row ${row}`)
const digests = (some: ReadonlyArray<string>) => digestIds(new Uint8Array(16), some)

/** Length, width and the two columns of the label, row by row. */
const cells = (() => {
  const next = uniform(8)
  return ids.map(() => {
    const kind = next() < 0.5 ? 0 : 1
    return [next() + kind, 3 * next(), 1 - kind, kind]
  })
})()

/** One table with these rows; `content` says whose cells each of them has. */
const tableOf = (content: (row: number) => number): HeldTable => {
  const rows = ids.map((_, row) => cells[content(row)]!)
  const column = (at: number) => ({ values: rows.map((row) => row[at]!), first: 0, step: 1 })
  return {
    ids,
    columns: Uint32Array.of(0, 1, 2, 3),
    sources: new Map([
      ["length", column(0)],
      ["width", column(1)],
      ["kind", { values: rows.map((row) => row[3]!), first: 0, step: 1 }]
    ]),
    unlabelled: new Uint32Array(0)
  }
}

const joinedOf = (content: (row: number) => number, training: object = {}) => {
  const scenario = scenarioOf(training)
  const tables = [[tableOf(content)], []]
  const joined = joinData(scenario, { tables }, digests)
  const { statistics } = joinTables(agreementOf(scenario), tables, digests)
  return { agreement: agreementOf(scenario), joined, statistics }
}

const trained = async (content: (row: number) => number, training: object = {}) => {
  const { agreement, joined, statistics } = joinedOf(content, training)
  const { dealerKey, ...choices } = choicesOf(agreement, joined)
  const keys = [dealerKey("dealer0"), dealerKey("dealer1")] as const
  const replay = { run: "reproducible", keys }
  const { model, curve } = await trainFixedReference({ ...choices, training: joined.training(), replay })
  return { weights: modelValues(model), curve, statistics }
}

const asItIs = (row: number): number => row

/** Validation rows and held-out rows change places, one for one. */
const swapped = (() => {
  const places = joinedOf(asItIs).joined.rows.indices(digests(ids))
  const rowAt = new Map(Array.from(places, (place, row) => [place, row]))
  const { training, uploaded } = joinedOf(asItIs).joined.rows
  const others = new Map<number, number>()
  for (let place = training; place < uploaded; place++) {
    const [one, other] = [rowAt.get(place)!, rowAt.get(place + uploaded - training)!]
    others.set(one, other).set(other, one)
  }
  return (row: number): number => others.get(row) ?? row
})()

describe("validation rows", () => {
  it("are the last that are uploaded, before those that are held out", () => {
    const { rows } = joinedOf(asItIs).joined
    expect(rows).toMatchObject({ total: 40, training: 24, uploaded: 30, heldOut: 10 })
    expect(new Set(ids.map((_, row) => swapped(row))).size).toBe(count)
    expect(ids.filter((_, row) => swapped(row) !== row).length).toBe(12)
  })

  it("change places with held-out rows: statistics and the weights of each epoch stay, the curve does not", async () => {
    for (let until = 1; until <= epochs; until++) {
      const [one, other] = [
        await trained(asItIs, { epochs: until }),
        await trained(swapped, { epochs: until })
      ]
      expect(other.statistics).toEqual(one.statistics)
      expect(other.weights).toEqual(one.weights)
      expect(other.curve).not.toEqual(one.curve)
      expect(one.curve.length).toBe(until)
    }
  })

  it("choose an epoch with stop, whose weights are those without them", async () => {
    const each = await Promise.all(
      Array.from({ length: epochs }, (_, i) => trained(asItIs, { epochs: i + 1 }))
    )
    for (const content of [asItIs, swapped]) {
      const { weights, curve } = await trained(content, { stop: { patience: 2 } })
      const errors = curve.map(({ error }) => error)
      const best = errors.indexOf(Math.min(...errors))
      expect(weights).toEqual(each[best]!.weights)
    }
  })
})
