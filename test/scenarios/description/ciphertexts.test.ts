/** A training on ciphertexts in a scenario: what the parties agree on, and what it can't be combined with. */
import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { agreementDigest, kgcDeals, planOf } from "../../../actors/party/agreement.ts"
import { ArrayFormatter } from "../../../protocol/schema.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const training = { on: "ciphertexts", epochs: 1, batch: 2, rate: 0.1 }
const decoded = (changes: object) => decodeScenario({ ...plainScenario, training, ...changes })
const agreed = (changes: object) => agreementOf(Either.getOrThrow(decoded(changes)))

const problems = (changes: object): ReadonlyArray<string> =>
  Either.match(decoded(changes), {
    onRight: () => [],
    onLeft: (error) =>
      ArrayFormatter.formatErrorSync(error).map(({ path, message }) => `${path.join(".")} ${message}`)
  })

describe("a training on ciphertexts", () => {
  it("is agreed on, and has the plan of a training on shares", () => {
    const [ciphertexts, shares] = [agreed({}), agreed({ training: { ...training, on: "shares" } })]
    expect(ciphertexts.training.on).toBe("ciphertexts")
    expect(shares.training).not.toHaveProperty("on")
    expect(agreementDigest(ciphertexts)).not.toBe(agreementDigest(shares))
    const squared = agreed({ training: { ...training, on: "shares", loss: "squared-error" } })
    expect(planOf(ciphertexts, 8)).toEqual(planOf(squared, 8))
  })

  it("has no dealer", () => {
    expect(kgcDeals(agreed({}))).toBe(false)
    expect(kgcDeals(agreed({ training: { ...training, on: "shares" } }))).toBe(true)
  })

  it.each([
    [
      "lanes",
      { placement: { lanes: 2 } },
      "placement.lanes train on slices of shares, and with training.on: ciphertexts one process of a cloud trains; let workers of the clouds help it, or train on shares"
    ],
    [
      "workers of the KGC",
      { placement: { workers: { kgc: 1 } } },
      "placement.workers.kgc the KGC's workers deal, and with training.on: ciphertexts it leaves after the setup; leave them out"
    ],
    [
      "a way to deal",
      { security: { dealing: "clouds" } },
      "security.dealing is of a training on shares: on ciphertexts nothing is dealt, and the KGC leaves after the setup anyway; leave it out"
    ],
    [
      "a hybrid upload",
      { security: { upload: "hybrid" } },
      'security.upload "hybrid" encrypts one seed a user, and training.on: ciphertexts needs every cell under the joint key; use packed, or train on shares'
    ],
    [
      "an output with ReLU",
      { network: { hidden: [2], output: "relu" } },
      'network.output "relu" needs a product of labels and gates, which is not there on ciphertexts; use identity, or train on shares'
    ],
    [
      "a softmax",
      { training: { ...training, loss: "softmax" } },
      'training.loss "softmax" needs an exponential of the outputs, which is not there on ciphertexts; use squared-error, or train on shares'
    ],
    [
      "a sigmoid",
      { training: { ...training, loss: "sigmoid" } },
      'training.loss "sigmoid" needs an exponential of the outputs, which is not there on ciphertexts; use squared-error, or train on shares'
    ],
    [
      "weights of classes",
      { training: { ...training, classWeights: { a: 1, b: 2 } } },
      "training.classWeights need a product of each row and its weight, which is not there on ciphertexts; leave them out, or train on shares"
    ],
    [
      "validation rows",
      { validation: 0.2, reveal: ["curve"] },
      "validation rows are evaluated on shares, and on ciphertexts there are none; leave validation out, or train on shares"
    ]
  ])("refuses %s", (_, changes, message) => {
    expect(problems(changes)).toEqual([message])
  })

  it("takes all of these apart from the ways in which shares are on their way", () => {
    const changes = {
      placement: { workers: { cloud0: 1, cloud1: 2 }, usersLeaveAfterUpload: true },
      security: { output: "hybrid" },
      training: { ...training, momentum: 0.5, weightDecay: 0.01, schedule: "cosine" }
    }
    expect(problems(changes)).toEqual([])
  })
})
