/** What a run left beside its model: how good the model is, and what each owner held. */
import { FileSystem, Path } from "@effect/platform"
import { Effect, Either } from "effect"
import { type HeldData, readMark, resultEntry } from "../folders/run-mark.ts"
import { decodeResult, type RunResult } from "../report/result.ts"
import { NoModel } from "./model-file.ts"

export interface RunOfModel {
  readonly result: RunResult
  /** In the order of the scenario. */
  readonly data: ReadonlyArray<HeldData>
}

/** Reads the result in the folder of a model's file. Fails where the run did not end there. */
export const runOfModel = Effect.fn("Model.run")(function* (modelFile: string) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = path.dirname(modelFile)
  const file = path.join(folder, resultEntry)
  const lacking = new NoModel({
    file,
    reason:
      "has no result of the run that made the model; give the out folder of a run on this machine that ended"
  })
  const text = yield* Effect.mapError(files.readFileString(file), () => lacking)
  const result = yield* Effect.mapError(
    Either.flatMap(
      Either.try((): unknown => JSON.parse(text)),
      decodeResult
    ),
    () => lacking
  )
  const mark = yield* Effect.promise(() => readMark(folder, []))
  const data = Either.isRight(mark) ? (mark.right?.begun?.data ?? []) : []
  const run: RunOfModel = { result, data }
  return run
})
