/** Variables of this process for a test. */
import { Effect, type Scope } from "effect"

/** Sets variables; when the scope ends they are what they were before. */
export const withEnvironment = (
  values: Readonly<Record<string, string>>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        const before = Object.keys(values).map((key) => [key, process.env[key]] as const)
        Object.assign(process.env, values)
        return before
      }),
      (before) =>
        Effect.sync(() => {
          for (const [key, value] of before)
            if (value === undefined) delete process.env[key]
            else process.env[key] = value
        })
    )
  )
