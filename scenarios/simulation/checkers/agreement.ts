/** The users' agreement on the result. */
import { Option } from "effect"
import type { Violation } from "./frame.ts"

/** The users that decrypted another model than the first of them, or none. */
export const disagreements = (
  models: ReadonlyArray<readonly [user: string, model: Option.Option<Uint8Array>]>
): ReadonlyArray<Violation> => {
  const [first] = models
  return models.flatMap(([user, model]) =>
    Option.isNone(model) || Buffer.compare(model.value, Option.getOrThrow(first![1])) !== 0
      ? [`${user} has another model than ${first![0]}`]
      : []
  )
}
