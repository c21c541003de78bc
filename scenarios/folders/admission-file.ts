/** The file of an admission, which goes from user to user until all have signed it, and then to the clouds. */
import { basename, dirname } from "node:path"
import { FileSystem } from "@effect/platform"
import { Data, Effect, Option } from "effect"
import type { Admission } from "../../protocol/serving/admission.ts"
import { admissionOfText, admissionText } from "../../protocol/serving/admission-text.ts"
import { fileReason } from "../../runtime/file-reason.ts"
import { writeWhole } from "../../runtime/storage/store.ts"
import { unreadable } from "../description/data-path.ts"

/** The file of an admission can't be read or written, or holds none. */
export class AdmissionFileUnfit extends Data.TaggedError("AdmissionFileUnfit")<{
  readonly file: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file}: ${this.reason}`
  }
}

/** An admission is a few lines; what is larger is not read. */
const mostBytes = 65_536

/** The admission in a file; none where there is no such file. */
export const findAdmission = Effect.fn("Admission.find")(function* (file: string) {
  const files = yield* FileSystem.FileSystem
  const unfit = (reason: string) => new AdmissionFileUnfit({ file, reason })
  const stats = yield* files.stat(file).pipe(
    Effect.map(Option.some),
    Effect.catchIf(
      (error) => error._tag === "SystemError" && error.reason === "NotFound",
      () => Effect.succeed(Option.none())
    ),
    Effect.mapError((error) => unfit(unreadable(error, file, "give the file of an admission")))
  )
  if (Option.isNone(stats)) return Option.none<Admission>()
  if (stats.value.type !== "File" || Number(stats.value.size) > mostBytes)
    return yield* unfit("it is no file of an admission; give the one that `bicameral admit` wrote")
  const text = yield* files
    .readFileString(file)
    .pipe(Effect.mapError((error) => unfit(unreadable(error, file, "give the file of an admission"))))
  return Option.some(yield* Effect.mapError(admissionOfText(text), ({ message }) => unfit(message)))
})

/** The admission in a file that has to be there. */
export const readAdmission = (file: string) =>
  Effect.flatMap(
    findAdmission(file),
    Option.match({
      onNone: () =>
        new AdmissionFileUnfit({
          file,
          reason: "there is no such file; have the users write it with `bicameral admit`"
        }),
      onSome: Effect.succeed
    })
  )

/** Writes an admission whole or not at all; anyone may read it. */
export const writeAdmission = (file: string, admission: Admission) =>
  Effect.tryPromise({
    try: () =>
      writeWhole(dirname(file), basename(file), new TextEncoder().encode(admissionText(admission)), 0o644),
    catch: (cause) =>
      new AdmissionFileUnfit({
        file,
        reason: `it can't be written: ${fileReason(cause)}; name a file in a folder that can be written to`
      })
  })
