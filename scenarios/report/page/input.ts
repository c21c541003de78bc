/** What the page is made of: all that a run has left in its out folder that is worth a look. */
import type { Model } from "../../../protocol/learning/model.ts"
import type { JournalLine } from "../journal.ts"
import type { RunResult } from "../result.ts"
import type { RunTimeline } from "../run-timeline.ts"

/** A file that an owner brought, as it was when the run began. */
export interface FileHeld {
  readonly user: string
  readonly file: string
  readonly rows: number
  readonly columns: number
}

export interface PageInput {
  readonly result: RunResult
  /** Absent where it can't be read. */
  readonly model?: Model | undefined
  readonly files: ReadonlyArray<FileHeld>
  /** Absent where no party has left a log. */
  readonly timeline?: RunTimeline | undefined
  readonly journal: ReadonlyArray<JournalLine>
  /** Of the program. */
  readonly version: string
}
