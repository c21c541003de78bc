/** Advice on settings that suit the data badly. */
import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import type { FilledBlock } from "../../../protocol/data/rows.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { adviceFor } from "../../../scenarios/reference/advice.ts"
import { smallScenario, splits } from "../../support/small-scenario.ts"

const agreement = agreementOf(Either.getOrThrow(decodeScenario(smallScenario(splits.rows))))

/** Rows of a user that holds all columns, of which feature i has these cells. */
const block = (rows: number, cellOf: (row: number, column: number) => number): FilledBlock => ({
  rows: Uint32Array.from({ length: rows }, (_, i) => i),
  columns: Uint32Array.from(agreement.data.features, (_, i) => i),
  cells: {
    readRow: (place: number, into: Float64Array, at: number) =>
      agreement.data.features.forEach((_, i) => {
        into[at + i] = cellOf(place, i)
      })
  } as FilledBlock["cells"]
})

const wide = (row: number) => (row % 2 === 0 ? -1 : 1)

const adviceOn = (
  changes: Partial<typeof agreement>,
  { rows = 4_000, cellOf = wide as (row: number, column: number) => number } = {}
) =>
  adviceFor(
    { ...agreement, ...changes },
    {
      rows: { total: rows, uploaded: rows, training: rows, heldOut: 0 } as never,
      placed: [{ training: [block(rows, cellOf)], heldOut: [] }]
    }
  ).map(({ path, text }) => `${path.join(".")}: ${text}`)

const training = { ...agreement.training, batch: 32, epochs: 10 }

describe("advice", () => {
  it("has nothing to say of ordinary settings", () => {
    expect(adviceOn({ training })).toEqual([])
  })

  it("names a training of few steps, and one of needlessly many", () => {
    expect(adviceOn({ training: { ...training, epochs: 1 } }, { rows: 320 })).toEqual([
      "training.epochs: 10 steps in all are few to learn from; use more epochs"
    ])
    expect(adviceOn({ training: { ...training, batch: 64, epochs: 1 } }, { rows: 320 })).toEqual([
      "training.epochs: 5 steps in all are few to learn from; use more epochs, or a smaller batch"
    ])
    expect(adviceOn({ training: { ...training, batch: 1 } })).toEqual([
      "training.batch: batches of 1 row make 40000 steps; with a batch of 32 the training takes a fraction of them, and learns as well"
    ])
  })

  it("names features that fill little of their range", () => {
    const { name } = agreement.data.features[0]!
    const cellOf = (row: number, column: number) => (column === 0 ? 0.04 * wide(row) : wide(row))
    expect(adviceOn({ training }, { cellOf })).toEqual([
      `data.features: ${name} fills less than a twentieth of the range in the rows at hand, and so counts for little; use scale: standard, or a narrower range`
    ])
    expect(adviceOn({ training }, { cellOf: (row, column) => (column === 0 ? 0 : wide(row)) })).toEqual([])
    const standard = agreement.data.features.map((feature) => ({ ...feature, scale: "standard" as const }))
    expect(adviceOn({ training, data: { ...agreement.data, features: standard } }, { cellOf })).toEqual([])
  })

  it("takes no offence at dark pixels among many bright ones", () => {
    const pixels = (bright: number) => {
      const features = Array.from({ length: 16 }, (_, i) => ({ name: `p${i}`, range: [0, 255] as const }))
      const cells = block(4_000, () => 0)
      return adviceFor(
        { ...agreement, training, data: { ...agreement.data, features } },
        {
          rows: { total: 4_000, uploaded: 4_000, training: 4_000, heldOut: 0 } as never,
          placed: [
            {
              heldOut: [],
              training: [
                {
                  ...cells,
                  columns: Uint32Array.from(features, (_, i) => i),
                  cells: {
                    readRow: (row: number, into: Float64Array, at: number) =>
                      features.forEach((_, i) => {
                        into[at + i] = i < bright ? wide(row) : 0.01 * wide(row)
                      })
                  } as FilledBlock["cells"]
                }
              ]
            }
          ]
        }
      )
    }
    expect(pixels(8)).toEqual([])
    expect(pixels(7)).toHaveLength(1)
  })

  it("names validation rows that are too few to stop by", () => {
    const stop = { patience: 3 }
    expect(adviceOn({ training: { ...training, stop }, validation: 0.02 })).toEqual([
      "validation: training.stop goes by the loss on 80 rows, which is mostly chance below 100; hold more rows for it, or leave stop out"
    ])
    expect(adviceOn({ training: { ...training, stop }, validation: 0.1 })).toEqual([])
    expect(adviceOn({ training, validation: 0.02 })).toEqual([])
  })
})
