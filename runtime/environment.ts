/** The environment variables of this process. No other file reads `process.env`. */
import { Config, Effect } from "effect"

/**
 * The value of a variable, or undefined if it is not set or empty. It comes from the `ConfigProvider`, so
 * that a test can give a fiber an environment of its own.
 */
export const variable = (name: string): Effect.Effect<string | undefined> =>
  Effect.map(Effect.orDie(Config.withDefault(Config.string(name), "")), (value) => value || undefined)

/** All variables, for code that runs outside effects and for the environment of a child process. */
export const environment = (): Readonly<NodeJS.ProcessEnv> => process.env
