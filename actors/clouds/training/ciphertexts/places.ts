/** Where the users' cells are in the joint table, for matrices of integers. */
import { wordBytes } from "../../../../protocol/bytes.ts"
import type { IntegerMatrix } from "../../../../protocol/ciphertexts/matrices.ts"
import type { Rows } from "../../../../protocol/ciphertexts/step.ts"
import { featureCount, labelCount } from "../../../../protocol/data/description.ts"
import { placeRun } from "../../../../protocol/data/joint.ts"
import { countCells } from "../../../../protocol/data/rows.ts"
import type { Agreement } from "../../../party/agreement.ts"
import type { TableOutline } from "../../transformation/joint-table.ts"

/** The joint table from the cells of all users, in the order of their uploads. The blocks have passed the coverage check. */
export const jointMatrices = (
  agreement: Agreement,
  { rows, uploads }: TableOutline,
  cells: ReadonlyArray<IntegerMatrix>
): Rows<IntegerMatrix> => {
  const values = cells.flatMap((each) => each.values)
  const widths = { features: featureCount(agreement.data), labels: labelCount(agreement.data) }
  const words = (cols: number) => new Uint8Array(rows * cols * wordBytes)
  const places = { features: words(widths.features), labels: words(widths.labels) }
  let first = 0
  for (const { blocks } of uploads) {
    // Each cell's number among all of them takes the place of its word.
    const numbers = BigUint64Array.from({ length: countCells(blocks) }, (_, i) => BigInt(first + i))
    placeRun(blocks, new Uint8Array(numbers.buffer), 0, places, widths)
    first += numbers.length
  }
  const matrix = (cols: number, { buffer }: Uint8Array): IntegerMatrix => ({
    ...{ rows, cols },
    values: Array.from(new BigUint64Array(buffer), (number) => values[Number(number)]!)
  })
  return {
    features: matrix(widths.features, places.features),
    labels: matrix(widths.labels, places.labels)
  }
}
