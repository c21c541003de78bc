/** The small scenario with three kinds of leaves, trained with a softmax and all that an update may have. */
import { smallScenario, splits } from "./small-scenario.ts"

/** Every third leaf is of another kind. */
export const threeKinds = splits.rows.map((files) =>
  files.map(
    ([rows, columns]) =>
      [
        rows.map((leaf, row) => (row % 3 === 2 ? { ...leaf, cells: { ...leaf.cells, kind: "oak" } } : leaf)),
        columns
      ] as const
  )
)

const { data } = smallScenario(threeKinds)

/** With momentum, which is the default of a softmax. */
export const bySoftmax = {
  seed: 5,
  data: { ...data, label: { column: "kind", values: ["ash", "elm", "oak"] } },
  training: { epochs: 24, batch: 8, rate: 0.05, loss: "softmax", weightDecay: 0.001, schedule: "cosine" },
  expect: { maxWeightDeviation: 0 }
}
