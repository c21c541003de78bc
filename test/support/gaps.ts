/** The leaves of the small scenario with missing cells, and columns that are scaled and filled by joint statistics. */
import type { Leaf, Split } from "./small-scenario.ts"

const gaps: ReadonlyMap<string, number> = new Map([
  ["width", 7],
  ["veins", 11],
  ["weight", 13]
])

const withGaps = (leaf: Leaf): Leaf => {
  const row = Number(leaf.id.slice("leaf-".length))
  const cells = Object.entries(leaf.cells).map(([column, cell]) => {
    const every = gaps.get(column)
    return [column, every !== undefined && row % every === 3 ? "NA" : cell]
  })
  return { ...leaf, cells: Object.fromEntries(cells) }
}

/** The same split of the leaves with gaps. */
export const gapped = (split: Split): Split =>
  split.map((files) => files.map(([rows, held]) => [rows.map(withGaps), held] as const))

/** What the scenario says of them. */
export const byStatistics = {
  data: {
    features: {
      length: "standard",
      width: { range: [0, 5], fill: "mean", indicator: true },
      veins: { values: Array.from({ length: 9 }, (_, i) => String(i + 4)), fill: "mode" },
      weight: { scale: "standard", fill: "mean" }
    },
    label: { column: "kind", values: ["ash", "elm"] }
  },
  reveal: ["accuracy", "heldOutRows", "progress", "column-statistics"]
}
