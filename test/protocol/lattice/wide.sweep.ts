/** All products of a step of the wide network, and of many steps of the small one. */
import { beforeAll, describe, it } from "vitest"
import { measuredNetworks, productsOf } from "../../../bench/networks.ts"
import { shapeOf } from "../../../protocol/lattice/plan.ts"
import { LatticePair } from "./pair.ts"

let pair: LatticePair
beforeAll(async () => {
  pair = await LatticePair.load()
})

const steps = new Map([
  ["30-16-2", 20],
  ["784-128-128-10", 1]
])

describe("both clouds' parts of all products of a step", () => {
  it.each(measuredNetworks)("add up, $name", ({ name, network, batch }) => {
    pair.scratch(() => {
      const all = Array.from({ length: steps.get(name)! }, () =>
        productsOf(network, batch).map(([x, y, form]) => {
          const { rows, inner, cols } = shapeOf(x, y, form)
          return pair.masks([rows, inner, cols], form, pair.anyWord)
        })
      )
      pair.expectProducts(all.flat())
    })
  })
})
