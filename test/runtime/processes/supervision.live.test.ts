import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, TestClock } from "effect"
import { ActorDied, defectStatus, startActor, toldStatus } from "../../../runtime/processes/process.ts"
import { type LifeEvent, type Living, supervise } from "../../../runtime/processes/supervision.ts"
import { patienceMs } from "../../support/patience.ts"

const entry = fileURLToPath(new URL("../../support/actor-child.mjs", import.meta.url))

/** Supervises a process that ends with a status in its first two lives, and counts them. */
const livesOf = (status: number) =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "bicameral-lives-"))),
      (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
    )
    const file = join(folder, "lives")
    const events: Array<LifeEvent["_tag"]> = []
    const { ended } = yield* supervise({
      party: "cloud0",
      launch: startActor({
        party: "cloud0",
        entry,
        args: [`two-lives-${status}`, file],
        readyTimeoutMs: patienceMs
      }),
      crashed: (died) => died.crashed,
      onEvent: ({ _tag }) => events.push(_tag)
    })
    const exit = yield* Effect.exit(ended)
    return { exit, events, lives: readFileSync(file).length }
  })

describe("supervision", () => {
  it.scopedLive("a process that broke down is started again", () =>
    Effect.gen(function* () {
      const { events, exit, lives } = yield* livesOf(defectStatus)
      expect(exit).toEqual(Exit.void)
      expect(lives).toBe(3)
      expect(events).toEqual(["Up", "Died", "Up", "Back", "Died", "Up", "Back", "Done"])
    })
  )

  it.scopedLive("a process that told an error is not", () =>
    Effect.gen(function* () {
      const { exit, lives } = yield* livesOf(toldStatus)
      expect(lives).toBe(1)
      expect(exit).toMatchObject({ _tag: "Failure", cause: { error: { party: "cloud0", code: toldStatus } } })
    })
  )

  it.scoped("one that breaks down again and again as soon as it is up is given up", () =>
    Effect.gen(function* () {
      let lives = 0
      const died = new ActorDied({ party: "cloud0", code: defectStatus, lastLines: ["internal error: x"] })
      const launch = Effect.sync((): Living<ActorDied> => ({ pid: ++lives, exit: Effect.fail(died) }))
      const { ended } = yield* supervise<Living<ActorDied>, ActorDied>({
        party: "cloud0",
        launch,
        crashed: ({ crashed }) => crashed
      })
      const waiting = yield* Effect.fork(Effect.flip(ended))
      yield* TestClock.adjust("10 minutes")
      expect(yield* Fiber.join(waiting)).toBe(died)
      expect(lives).toBe(8)
    })
  )
})
