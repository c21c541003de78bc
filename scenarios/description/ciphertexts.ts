/**
 * What a training on ciphertexts can't be combined with, each with the reason and what to do instead. All of it is
 * there for a training on shares.
 */
import type { Loss } from "../../protocol/learning/loss.ts"
import type { Inconsistency } from "./inconsistency.ts"
import type { Scenario } from "./schema.ts"

/** The losses that a network can be trained with on ciphertexts. */
const possibleLosses: ReadonlyArray<Loss> = ["squared-error"]

const train = "or train on shares"

export const ciphertextProblems = (scenario: Scenario): ReadonlyArray<Inconsistency> =>
  scenario.training.on === "shares"
    ? []
    : [
        ...placementProblems(scenario),
        ...securityProblems(scenario),
        ...learningProblems(scenario),
        ...validationProblems(scenario)
      ]

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

const learningProblems = ({ network, training }: Scenario): ReadonlyArray<Inconsistency> => [
  ...(network.output === "relu"
    ? [
        {
          path: ["network", "output"],
          message: `"relu" needs a product of labels and gates, which is not there on ciphertexts; use identity, ${train}`
        }
      ]
    : []),
  ...(possibleLosses.includes(training.loss)
    ? []
    : [
        {
          path: ["training", "loss"],
          message: `"${training.loss}" needs an exponential of the outputs, which is not there on ciphertexts; use squared-error, ${train}`
        }
      ]),
  ...(training.classWeights === undefined
    ? []
    : [
        {
          path: ["training", "classWeights"],
          message: `need a product of each row and its weight, which is not there on ciphertexts; leave them out, ${train}`
        }
      ])
]

/** `training.stop` and `reveal: [curve]` need validation rows in any case. */
const validationProblems = ({ validation }: Scenario): ReadonlyArray<Inconsistency> =>
  validation === 0
    ? []
    : [
        {
          path: ["validation"],
          message: `rows are evaluated on shares, and on ciphertexts there are none; leave validation out, ${train}`
        }
      ]
