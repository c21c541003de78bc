/** Environment variables for a test. */
import { ConfigProvider, Effect, type Scope } from "effect"

/** Gives an effect these variables and no others, where it reads them by `variable` of `runtime/environment.ts`. */
export const withVariables = (values: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(values))))

/** Sets variables of this process, which its children get too; when the scope ends they are what they were before. */
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
