import type { DataDescription } from "../../../protocol/data/encoding.ts"

/** Two features and a label of three values: five joint columns. */
export const flowers: DataDescription = {
  id: "id",
  features: { length: [0, 10], width: [-1, 1] },
  label: { column: "species", values: ["setosa", "versicolor", "virginica"] },
  scaleTo: [-1, 1]
}
