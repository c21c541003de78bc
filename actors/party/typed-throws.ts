/** Pure code throws its tagged errors; here they become typed failures. Any other throw is a defect. */
import { Effect, Option } from "effect"

type ErrorClass = new (...args: never) => unknown

/** Runs `evaluate`: an error of one of the classes is a failure, any other a defect. */
export const raised = <A, const C extends ReadonlyArray<ErrorClass>>(
  classes: C,
  evaluate: () => A
): Effect.Effect<A, InstanceType<C[number]>> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(evaluate())
    } catch (error) {
      return isOneOf(classes, error) ? Effect.fail(error) : Effect.die(error)
    }
  })

/**
 * Turns defects of the classes into failures, for code that runs elsewhere and whose throws arrive as
 * defects.
 */
export const raisedWithin =
  <const C extends ReadonlyArray<ErrorClass>>(classes: C) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | InstanceType<C[number]>, R> =>
    Effect.catchSomeDefect(effect, (defect) =>
      isOneOf(classes, defect) ? Option.some(Effect.fail(defect)) : Option.none()
    )

const isOneOf = <C extends ReadonlyArray<ErrorClass>>(
  classes: C,
  error: unknown
): error is InstanceType<C[number]> => classes.some((each) => error instanceof each)
