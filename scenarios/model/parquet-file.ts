/** Tables as Parquet: the only file that imports `hyparquet-writer`. */
import { parquetWriteBuffer } from "hyparquet-writer"
import type { PredictedColumn } from "./predictions.ts"

/** Numbers as doubles, texts as strings. */
export const parquetBytes = (columns: ReadonlyArray<PredictedColumn>): Uint8Array =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: columns.map(({ name, values }) =>
        values instanceof Float64Array
          ? { name, data: values, type: "DOUBLE" as const }
          : { name, data: [...values], type: "STRING" as const }
      )
    })
  )
