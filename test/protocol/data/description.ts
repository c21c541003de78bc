import type { Feature, Prepared } from "../../../protocol/data/description.ts"
import { noStatistics, prepare } from "../../../protocol/data/preparation.ts"

/** Features as a scenario writes them. */
export const features = (
  ranges: Readonly<Record<string, readonly [number, number]>>
): ReadonlyArray<Feature> => Object.entries(ranges).map(([name, range]) => ({ name, range }))

/** Two features and a label of three values: five joint columns. */
export const flowers: Prepared = prepare(
  {
    id: "id",
    features: features({ length: [0, 10], width: [-1, 1] }),
    label: { column: "species", values: ["setosa", "versicolor", "virginica"] },
    scaleTo: [-1, 1]
  },
  noStatistics
)
