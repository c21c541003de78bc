/** One owner's file, as far as it matters for how the files of several owners fit together. */
import type { Encoding } from "../../protocol/data/characters.ts"
import type { DialectSettings } from "../../protocol/data/dialect.ts"
import type { ColumnType } from "./column-type.ts"
import type { Summary } from "./histogram.ts"
import type { ValueCount } from "./value-counts.ts"

/** A file of the study, and who holds it. */
export interface StudyFile {
  readonly owner: string
  /** As the scenario will name it. */
  readonly file: string
  readonly types: ReadonlyArray<ColumnType>
  /** Whether the file names its columns; rows of one that does not are numbered. */
  readonly named: boolean
  /** The values that are known of a column, and their lines or rows; undefined where the file is not at hand. */
  readonly kept?: ((column: string) => ReadonlyMap<string, number>) | undefined
  /** How often a column has each of its values; undefined where they are many. */
  readonly counts?: ((column: string) => ReadonlyArray<ValueCount> | undefined) | undefined
  /** What is known of the numbers of a column. */
  readonly numbers?: ((column: string) => Summary | undefined) | undefined
  /** Whether a column has the numbers of the rows. */
  readonly countsRows?: ((column: string) => boolean) | undefined
  /** Whether the scenario can give its columns other names. */
  readonly isRenamable?: boolean
  /** All that the file has, those that are no part of the study too. */
  readonly columnsInFile?: ReadonlyArray<string>
  /** Names in place of the file's own. */
  readonly header?: ReadonlyArray<string>
  /** How it is written, where that was said. */
  readonly encoding?: Encoding | undefined
  readonly dialect?: DialectSettings | undefined
}
