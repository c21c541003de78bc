/**
 * The coupling for a recorded run: of a training of the same form on a table of random cells, small enough for seconds. It has
 * the run's layers and activations, its precision, rate and lanes, and its users. The ledger, for which size does not matter,
 * has the run itself. Evaluations are the ledger's alone.
 */
import type { TrainingPlan } from "../learning/plan.ts"
import { auditCoupling } from "./coupling.ts"
import type { Finding, Recording } from "./recording.ts"
import { lanesIn } from "./travelled.ts"

/** A training in small. */
export interface SmallForm {
  readonly plan: TrainingPlan
  readonly lanes: number
  readonly users: number
}

const [leastRows, mostUnits, epochs] = [11, 16, 2]

/** The form of a recorded training, with narrow layers, a few rows for each user and lane, and batches of less than half of them. */
export const smallFormOf = (recording: Pick<Recording, "agreement" | "plan" | "seen">): SmallForm => {
  const { plan, agreement } = recording
  const [lanes, users] = [lanesIn(recording), agreement.users.length]
  const rows = Math.max(leastRows, 3 * lanes, 3 * users)
  const batch = Math.min(plan.batch, Math.floor((rows - 1) / 2))
  const stepsPerEpoch = Math.floor(rows / batch)
  const narrow = (units: number) => Math.min(units, mostUnits)
  const network = {
    ...plan.network,
    inputs: narrow(plan.network.inputs),
    layers: plan.network.layers.map(({ units, activation }) => ({ units: narrow(units), activation }))
  }
  const steps = epochs * stepsPerEpoch
  // An evaluation tells two sums of the data, which differ with them.
  const small = { ...plan, network, rows, batch, epochs, stepsPerEpoch, steps, validation: undefined }
  return { plan: small, lanes, users }
}

/** What a cloud sees of others' data in a training of this form: alone, and with all users but the last. */
export const auditForm = async ({ plan, lanes, users }: SmallForm): Promise<ReadonlyArray<Finding>> => {
  const findings: Array<Finding> = []
  const friends = Array.from({ length: users - 1 }, (_, i) => i + 1)
  for (const cloud of [0, 1] as const)
    for (const together of [[], friends])
      findings.push(...(await auditCoupling({ plan, lanes, cloud, users, with: together })))
  return findings
}
