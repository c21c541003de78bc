/**
 * What a training on ciphertexts can't be combined with, each with the reason and what to do instead. All of it is
 * there for a training on shares.
 */
import { refusedOnCiphertexts, type Wanted } from "../../protocol/ciphertexts/refusals.ts"
import type { Inconsistency } from "./inconsistency.ts"
import type { Scenario } from "./schema.ts"

const train = "or train on shares"

export const ciphertextProblems = (scenario: Scenario): ReadonlyArray<Inconsistency> =>
  scenario.training.on === "shares"
    ? []
    : [...placementProblems(scenario), ...securityProblems(scenario), ...learningProblems(scenario)]

const placementProblems = ({ placement }: Scenario): ReadonlyArray<Inconsistency> => [
  ...(placement.lanes > 1
    ? [
        {
          path: ["placement", "lanes"],
          message: `train on slices of shares, and with training.on: ciphertexts one process of a cloud trains; let workers of the clouds help it, ${train}`
        }
      ]
    : []),
  ...(placement.workers.kgc > 0
    ? [
        {
          path: ["placement", "workers", "kgc"],
          message:
            "the KGC's workers deal, and with training.on: ciphertexts it leaves after the setup; leave them out"
        }
      ]
    : [])
]

const securityProblems = ({ security }: Scenario): ReadonlyArray<Inconsistency> => [
  ...(security.dealing === "kgc"
    ? []
    : [
        {
          path: ["security", "dealing"],
          message:
            "is of a training on shares: on ciphertexts nothing is dealt, and the KGC leaves after the setup anyway; leave it out"
        }
      ]),
  ...(security.upload === "packed"
    ? []
    : [
        {
          path: ["security", "upload"],
          message: `"${security.upload}" encrypts one seed a user, and training.on: ciphertexts needs every cell under the joint key; use packed, ${train}`
        }
      ])
]

/** Where a scenario asks for what the plan of a training refuses. */
const paths: Readonly<Record<keyof Wanted, ReadonlyArray<PropertyKey>>> = {
  loss: ["training", "loss"],
  reluOutput: ["network", "output"],
  classWeights: ["training", "classWeights"],
  validation: ["validation"]
}

/** `training.stop` and `reveal: [curve]` need validation rows in any case. */
const learningProblems = ({ network, training, validation }: Scenario): ReadonlyArray<Inconsistency> =>
  refusedOnCiphertexts({
    loss: training.loss,
    reluOutput: network.output === "relu",
    classWeights: training.classWeights !== undefined,
    validation: validation > 0
  }).map(({ what, reason, remedy }) => ({ path: paths[what], message: `${reason}; ${remedy}` }))
