/** Pure code throws its tagged errors; here they become typed failures. Anything else that is thrown is a defect. */
import { Effect } from "effect"

type ErrorClass = new (...args: never) => unknown

/** Runs `evaluate`; an error of one of the classes is a failure, every other a defect. */
export const raised = <A, const C extends ReadonlyArray<ErrorClass>>(
  classes: C,
  evaluate: () => A
): Effect.Effect<A, InstanceType<C[number]>> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(evaluate())
    } catch (error) {
      return classes.some((each) => error instanceof each)
        ? Effect.fail(error as InstanceType<C[number]>)
        : Effect.die(error)
    }
  })
