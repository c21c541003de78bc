/** `bicameral export`: an opened model in the format of another program. */
import { FileSystem, Path } from "@effect/platform"
import { Data, Effect, Option } from "effect"
import { unreadable } from "../description/data-path.ts"
import { readModel } from "../model/model-file.ts"
import { preparationBytes, preparationOfModel } from "../model/preparation-file.ts"
import { runOfModel } from "../model/run-of-model.ts"
import { answer } from "../text/answer.ts"
import { size } from "../text/units.ts"
import { version } from "../text/version.ts"
import type { ExportRequest } from "./commands.ts"

/** The export can't go where it should. */
export class ExportNotWritable extends Data.TaggedError("ExportNotWritable")<{
  readonly file: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file} can't be written: ${this.reason}`
  }
}

/** The usual name of a file of each format, and its bytes for a model from a file. */
const formats = {
  onnx: {
    name: "model.onnx",
    bytes: ({ model }: ReadModel) =>
      Effect.map(
        Effect.promise(() => import("../model/export/onnx.ts")),
        ({ onnxOf }) => onnxOf(model, version())
      )
  },
  safetensors: {
    name: "model.safetensors",
    bytes: ({ model }: ReadModel) =>
      Effect.map(
        Effect.promise(() => import("../model/export/safetensors.ts")),
        ({ safetensorsOf }) => safetensorsOf(model)
      )
  },
  preparation: {
    name: "preparation.json",
    bytes: ({ model }: ReadModel) => Effect.succeed(preparationBytes(preparationOfModel(model)))
  },
  card: {
    name: "MODEL.md",
    bytes: ({ model, file }: ReadModel) =>
      Effect.gen(function* () {
        const { cardOf } = yield* Effect.promise(() => import("../model/export/card.ts"))
        return new TextEncoder().encode(cardOf({ model, ...(yield* runOfModel(file)) }))
      })
  }
}

type ReadModel = Effect.Effect.Success<ReturnType<typeof readModel>>

/** Writes the model beside its own file, or where it is said. A file that is there is replaced. */
export const exportModel = Effect.fn("Export.model")(function* ({
  model: place,
  format,
  out
}: ExportRequest) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const read = yield* readModel(place)
  const { name, bytes: bytesOf } = formats[format]
  const file = Option.getOrElse(out, () => path.join(path.dirname(read.file), name))
  const bytes = yield* bytesOf(read)
  yield* files
    .writeFile(file, bytes)
    .pipe(
      Effect.mapError(
        (error) =>
          new ExportNotWritable({ file, reason: unreadable(error, file, "choose another with --out") })
      )
    )
  yield* answer({ text: `${file}, ${size(bytes.length)}`, value: { file, format, bytes: bytes.length } })
})
