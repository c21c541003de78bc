/** The users' agreement on the result. */
import { Option } from "effect"
import type { Violation } from "./frame.ts"

/** The users that decrypted another model than user 1, or none. `models` are in the order of the users. */
export const disagreements = (models: ReadonlyArray<Option.Option<Uint8Array>>): ReadonlyArray<Violation> =>
  models.flatMap((model, i) =>
    Option.isNone(model) || Buffer.compare(model.value, Option.getOrThrow(models[0]!)) !== 0
      ? [`user${i + 1} has another model than user1`]
      : []
  )
