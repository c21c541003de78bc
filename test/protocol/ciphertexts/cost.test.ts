import { describe, expect, it } from "vitest"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import {
  type CiphertextCost,
  outputCost,
  sealingCost,
  stepCost,
  transfersCost
} from "../../../protocol/ciphertexts/cost.ts"
import { initialShares } from "../../../protocol/ciphertexts/state.ts"
import type { CiphertextWork, PowersRequest } from "../../../protocol/ciphertexts/work.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import { extensionBytes } from "../../../protocol/oblivious-transfer/sizes.ts"
import { networkOf } from "../learning/example.ts"
import { extension, modelOf, sealed, split, stepped, trainingOf } from "./clouds.ts"

const one = ciphertextBytes({ bits: 512 })

/** Counts what is asked for. */
const counting = () => {
  const found = { openings: 0, encryptions: 0, additions: 0, powers: [] as unknown[] }
  const shapeOf = ({ terms, groups, results, factor, fresh, exponents, exponentBytes }: PowersRequest) => {
    expect(exponents.length).toBe(terms * results * exponentBytes)
    return { terms, groups, results, factor, randomizerBits: fresh?.randomizerBits ?? 0 }
  }
  const wrap = (work: CiphertextWork): CiphertextWork => ({
    ...work,
    open: (request) => {
      found.openings += request.ciphertexts.length / one
      return work.open(request)
    },
    encrypt: async (request) => {
      const encrypted = await work.encrypt(request)
      found.encryptions += encrypted.length / one
      return encrypted
    },
    add: (request) => {
      found.additions += request.ciphertexts.length / one
      return work.add(request)
    },
    powers: (request) => {
      found.powers.push(shapeOf(request))
      return work.powers(request)
    }
  })
  return { found, wrap }
}

const asFound = ({ openings, encryptions, additions, powers }: CiphertextCost) => ({
  ...{ openings, encryptions, additions },
  powers: powers.map(({ exponentBits: _, ...shape }) => shape)
})

const sorted = <A extends { readonly powers: ReadonlyArray<unknown> }>(cost: A) => ({
  ...cost,
  powers: cost.powers.map((each) => JSON.stringify(Object.entries(each as object).sort())).sort()
})

describe("the cost of a training on ciphertexts", () => {
  it.each([
    { momentum: 0, widths: [3, 4, 2] },
    { momentum: 0.9, widths: [2, 3, 3, 2] }
  ])("is what its step, its beginning and its end take: $widths", async ({ momentum, widths }) => {
    const plan = trainingPlan({
      ...{ network: networkOf(widths, "identity"), rows: 6, batch: 4, epochs: 2, learningRate: 0.1 },
      ...{ fractionalBits: 20, momentum }
    })
    const { found, wrap } = counting()
    const training = await trainingOf(plan, { wrap })
    const { sizes } = training
    expect(training.opened).toEqual(transfersCost)

    const layers = await sealed(training, [
      initialShares(plan, new Uint8Array(16)),
      initialShares(plan, new Uint8Array(16).fill(1))
    ])
    const filled = (cols: number, place: number) =>
      split(
        training,
        { rows: 4, cols, values: Array.from({ length: 4 * cols }, (_, i) => BigInt(i) << 18n) },
        place
      )
    const state = { layers, features: filled(plan.network.inputs, 1), labels: filled(2, 2) }
    const { ran, state: after } = await stepped(training, 1, state, Uint32Array.of(0, 1, 2, 3))
    const step = stepCost(plan, sizes)
    const extensions = (n: number) => Math.ceil(n / extension.transfers) * extensionBytes(extension)
    expect({ rounds: ran.rounds, bytes: ran.bytes }).toEqual({
      rounds: step.rounds,
      bytes: [step.bytes[0] + extensions(step.transfers[1]), step.bytes[1] + extensions(step.transfers[0])]
    })
    await modelOf(training, after)
    const all = [sealingCost(plan, sizes), step, outputCost(plan, sizes)]
    const sum = (of: (cost: CiphertextCost) => number) => all.reduce((total, each) => total + of(each), 0)
    expect(sorted(found)).toEqual(
      sorted({
        ...asFound({
          ...step,
          openings: sum((each) => each.openings),
          encryptions: sum((each) => each.encryptions),
          additions: sum((each) => each.additions)
        })
      })
    )
  })
})
