/**
 * What each owner gets alone: the same network trained in float64 on the rows that it holds whole, for as many epochs,
 * and tested on the held-out rows of all. Beside the float64 reference it shows what joining is for. The owners' rows
 * are parts of those of the reference, so all of this takes about as long as the reference, at most. What the users find
 * out together of columns, such as means, is as in the run.
 */
import { type Agreement, lossOf, planOf } from "../../actors/party/agreement.ts"
import { featureCount, labelCount, type Prepared } from "../../protocol/data/description.ts"
import { assembleWhole, type JointTable } from "../../protocol/data/joint.ts"
import { modelValues } from "../../protocol/learning/model.ts"
import { InvalidPlan } from "../../protocol/learning/network.ts"
import { batchOrder } from "../../protocol/learning/order.ts"
import { type Metrics, metricsOf } from "../../protocol/metrics/metrics.ts"
import { tallyOf } from "../../protocol/metrics/tally.ts"
import type { JoinedData } from "../description/joined.ts"
import type { Alone } from "../report/result.ts"
import { forPart } from "./part.ts"
import { type ReferenceRun, trainFloatReference } from "./reference.ts"

/** The choices that all of them share: first weights, and the key of the order of batches, 16 bytes each. */
export interface AloneChoices {
  readonly data: Prepared
  readonly initialKeys: ReferenceRun["initialKeys"]
  readonly orderKey: Uint8Array
}

/** What each user gets alone, in the order of the users. */
export const trainAlone = async (
  agreement: Agreement,
  { rows: { training: total }, placed, heldOut }: Pick<JoinedData, "rows" | "placed" | "heldOut">,
  choices: AloneChoices
): Promise<ReadonlyArray<Alone>> => {
  const outline = {
    firstRow: 0,
    rows: total,
    features: featureCount(agreement.data),
    labels: labelCount(agreement.data)
  }
  const all: Array<Alone> = []
  const tested = heldOut()
  for (const [index, { name: user }] of agreement.users.entries()) {
    const training = assembleWhole(placed[index]!.training, outline)
    all.push({ user, rows: training.rows, ...(await scoreAlone(agreement, training, tested, choices)) })
  }
  return all
}

type Scored = Omit<Alone, "user" | "rows">

const scoreAlone = async (
  agreement: Agreement,
  training: JointTable,
  heldOut: JointTable,
  { data, initialKeys, orderKey }: AloneChoices
): Promise<Scored> => {
  if (training.rows === 0) return { reason: "it holds no whole row to train on" }
  try {
    const plan = planOf(forPart(agreement, training.rows), training.rows)
    const order = batchOrder(plan, orderKey)
    const { model } = await trainFloatReference({ data, plan, training, order, initialKeys })
    if (!modelValues(model).every(Number.isFinite)) return { reason: "its training diverges" }
    const loss = lossOf(agreement)
    return scoreOf(metricsOf(data, loss, tallyOf(model, heldOut)))
  } catch (error) {
    // Fewer rows make smaller batches, for which there may be no plan.
    if (error instanceof InvalidPlan) return { reason: `it can't be trained: ${error.message}` }
    throw error
  }
}

/** The figures by which models are compared: the accuracy, that balanced over the classes, or the mean R² of the numbers. */
export const scoreOf = (metrics: Metrics | undefined): Scored => {
  if (metrics === undefined) return { reason: "its predictions are not finite" }
  if (metrics.kind === "classes") {
    const { accuracy, balancedAccuracy } = metrics
    return { accuracy, balancedAccuracy }
  }
  const r2 = metrics.numbers.flatMap((each) => each.r2 ?? [])
  return r2.length < metrics.numbers.length
    ? { reason: "the held-out numbers do not differ" }
    : { r2: r2.reduce((sum, each) => sum + each, 0) / r2.length }
}
