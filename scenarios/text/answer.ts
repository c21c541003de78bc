/**
 * What a command answers: as text for people, or with `--json` as a value. The handlers of commands print their results by
 * `answer` and nothing else; what they print besides is for people, and goes to standard error where a value is wanted.
 */
import { Console, Context, Effect } from "effect"

/** A result in both forms. The value is made of what JSON has. */
export interface Answer {
  readonly text: string
  readonly value: unknown
}

/** Takes the value of a command's answer, if values are wanted. */
export class Answers extends Context.Reference<Answers>()("scenarios/Answers", {
  defaultValue: (): { readonly take: ((value: unknown) => void) | undefined } => ({ take: undefined })
}) {}

/** Answers. Of several answers of a command the last counts as its value. */
export const answer = ({ text, value }: Answer): Effect.Effect<void> =>
  Effect.flatMap(Answers, ({ take }) =>
    take === undefined ? Console.log(text) : Effect.sync(() => take(value))
  )

/** Whether a program reads the answer. */
export const isForPrograms: Effect.Effect<boolean> = Effect.map(Answers, ({ take }) => take !== undefined)
