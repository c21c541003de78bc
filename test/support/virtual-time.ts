/** Tests in virtual time: what waits for a lease or a deadline takes none, and "nothing happens" is seen and not waited for. */
import { it } from "@effect/vitest"
import { Effect, Exit, type Scope } from "effect"
import { expect } from "vitest"
import { makeVirtualTime } from "../../runtime/virtual/time.ts"

const longestMs = 3_600_000

/** A test whose fibers wait in virtual time. It may use no thread, socket or file, and is stuck where it would wait for ever. */
export const inVirtualTime = <E>(title: string, test: () => Effect.Effect<void, E, Scope.Scope>): void =>
  it(title, async () => {
    const ending = await makeVirtualTime().run(Effect.scoped(Effect.suspend(test)), longestMs)
    if (ending._tag === "Ended" && Exit.isFailure(ending.exit)) await Effect.runPromise(ending.exit)
    expect(ending).toMatchObject({ _tag: "Ended" })
  })
