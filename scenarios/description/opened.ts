/** What compares models that users open needs one that they do. */
import { Data, Effect } from "effect"
import type { Scenario } from "./schema.ts"

/** Nobody opens the model of a scenario. */
export class ModelNotOpened extends Data.TaggedError("ModelNotOpened")<{
  readonly file: string
  readonly what: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file}: model is served, and ${this.what} looks at the models that users open; set it to both in a copy of the scenario, which trains the same`
  }
}

export const requireOpened = (
  { model }: Pick<Scenario, "model">,
  file: string,
  what: string
): Effect.Effect<void, ModelNotOpened> =>
  model === "served" ? new ModelNotOpened({ file, what }) : Effect.void
