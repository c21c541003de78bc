/** The description of the joint table that follows from a scenario as it is written. */
import {
  classesOf,
  type DataDescription,
  type Feature,
  featureCount,
  isCategory,
  labelColumns
} from "../../protocol/data/description.ts"
import { hiddenFor } from "../../protocol/learning/defaults.ts"
import { weightedLabel } from "./class-weights.ts"
import type { WrittenFeature } from "./features.ts"
import type { Scenario, WrittenScenario } from "./schema.ts"
import { completedTraining } from "./training.ts"

/** The scenario with its defaults for columns filled in. */
export const described = (written: WrittenScenario): Scenario => {
  const { features, label, id, scaleTo, missing } = written.data
  const all = features === "all" ? columnsHeld(written) : features
  const data: DataDescription = {
    id,
    features: all.map((feature) => completed(feature, written.data)),
    label: "values" in label ? weightedLabel(label, written.training.classWeights) : label,
    scaleTo,
    ...(missing === undefined ? {} : { missing })
  }
  const { network, training } = written
  return {
    ...written,
    data,
    network: { ...network, hidden: network.hidden ?? hiddenFor(featureCount(data)) },
    training: completedTraining(training, classesOf(data) !== undefined, network.output)
  }
}

/** All columns that users say they hold, but ids and labels: numbers, in the order in which they are named. */
const columnsHeld = ({ data, users }: WrittenScenario): ReadonlyArray<WrittenFeature> => {
  const others = new Set([data.id, ...labelColumns(data)])
  const named = users.flatMap(({ holds }) =>
    holds.flatMap(({ columns = [], header = [] }) => [...columns, ...header])
  )
  return [...new Set(named)].filter((name) => !others.has(name)).map((name) => ({ name }))
}

const completed = (feature: WrittenFeature, { scale, fill }: WrittenScenario["data"]): Feature => {
  const { fill: own = fill, ...rest } = feature
  const filled = own === undefined || own === "none" ? {} : { fill: own }
  if (isCategory(rest as Feature)) {
    const mode = own === "mean" ? { fill: "mode" as const } : filled
    return { ...rest, ...mode } as Feature
  }
  const standard =
    scale === "standard" && "range" in rest && rest.scale === undefined && rest.kind !== "boolean"
  return { ...rest, ...filled, ...(standard ? { scale } : {}) } as Feature
}
