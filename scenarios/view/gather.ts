/**
 * Gathers what the report shows of a run from its out folder. Everything there may be damaged, cut short or of another version:
 * without a result there is no report, and whatever else is missing is left out of it.
 */
import { join } from "node:path"
import { Data, Effect, Either, Option } from "effect"
import { modelEntry } from "../../actors/users/output.ts"
import { fileReason } from "../../runtime/file-reason.ts"
import { readEventLogs } from "../folders/event-logs.ts"
import { journalEntry } from "../folders/out-folder.ts"
import { parsed, smallFile } from "../folders/own-folder.ts"
import { readMark, resultEntry } from "../folders/run-mark.ts"
import { modelOfText } from "../model/model-file.ts"
import { type JournalLine, journalLine } from "../report/journal.ts"
import type { PageInput } from "../report/page/input.ts"
import { decodeResult } from "../report/result.ts"
import { timelineOf } from "../report/run-timeline.ts"
import { version } from "../text/version.ts"

/** The folder has no run that could be shown. */
export class NothingToShow extends Data.TaggedError("NothingToShow")<{
  readonly folder: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `nothing to show in ${this.folder}: ${this.reason}`
  }
}

/** What the report is made of. */
export const gathered = (folder: string): Effect.Effect<PageInput, NothingToShow> =>
  Effect.gen(function* () {
    const nothing = (reason: string) => new NothingToShow({ folder, reason })
    const reading = <A>(work: () => Promise<A>) =>
      Effect.tryPromise({ try: work, catch: (error) => nothing(fileReason(error)) })
    const text = yield* reading(() => smallFile(join(folder, resultEntry)))
    if (typeof text !== "string")
      return yield* nothing(
        `it has no ${resultEntry}; give the out folder of a run on this machine that ended`
      )
    const result = decodeResult(parsed(text))
    if (Either.isLeft(result))
      return yield* nothing(`its ${resultEntry} is damaged or of another version; run the scenario again`)
    const model = yield* reading(() => smallFile(join(folder, modelEntry)))
    const mark = yield* reading(() => readMark(folder, []))
    const begun = Either.isRight(mark) ? mark.right?.begun : undefined
    const journal = yield* reading(() => readJournal(folder, result.right.run))
    const logs = yield* Effect.option(readEventLogs(folder))
    return {
      result: result.right,
      model: typeof model === "string" ? Either.getOrUndefined(modelOfText(model)) : undefined,
      files: begun?.run === result.right.run ? (begun.data ?? []) : [],
      timeline: Option.isSome(logs) ? timelineOf(logs.value) : undefined,
      journal,
      version: version()
    }
  })

/** The journal of a run; empty where there is none, or of another run. */
const readJournal = async (folder: string, run: string): Promise<ReadonlyArray<JournalLine>> => {
  const text = (await smallFile(join(folder, journalEntry))) ?? ""
  const lines = text.split("\n").flatMap((line) => journalLine(line) ?? [])
  return lines.some((line) => line.event === "begin" && line.run === run) ? lines : []
}
