/** A gateway that a test has started. */
import { Deferred, Effect } from "effect"

/** The address that the gateway prints, once it listens; it goes on until the scope ends. */
export const started = <E, R>(gateway: Effect.Effect<void, E, R>) =>
  Effect.gen(function* () {
    const address = yield* Deferred.make<string, E>()
    const printed = (line: unknown) => /^(http:\S+)\/predict /.exec(String(line))?.[1]
    const console = yield* Effect.consoleWith(Effect.succeed)
    yield* gateway.pipe(
      Effect.withConsole({
        ...console,
        log: (line: unknown) => Deferred.succeed(address, printed(line) ?? "")
      }),
      Effect.catchAll((error) => Deferred.fail(address, error)),
      Effect.forkScoped
    )
    return yield* Deferred.await(address)
  })
