import { mkdtemp, readdir, rename, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { startActor } from "../../../runtime/processes/process.ts"
import { holdFolder } from "../../../runtime/storage/folder-lock.ts"
import { patienceMs } from "../../support/patience.ts"

const entry = fileURLToPath(new URL("../../support/actor-child.mjs", import.meta.url))

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-lock-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** How long a holder waits for a folder that another has. */
const waitMs = 1_000

/** Another process that holds the folder. */
const holder = (path: string) =>
  startActor({ party: "cloud0", entry, args: ["hold", path, String(waitMs)], readyTimeoutMs: patienceMs })

const filesIn = (path: string) => Effect.promise(() => readdir(path))

describe("a folder of one process", () => {
  it.scopedLive("is refused to a second one, which hears of the folder, the first and the remedy", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const { pid } = yield* holder(path)
      const error = yield* Effect.flip(holdFolder(path, waitMs))
      expect(error).toMatchObject({ _tag: "FolderInUse", folder: path, pid, retryable: false })
      expect(error.message).toBe(
        `the folder ${path} is in use by process ${pid}, and two would spoil each other's state; end that process first, or give this one a folder of its own`
      )
      expect(yield* filesIn(path)).toHaveLength(1)
    })
  )

  it.scopedLive("is taken over from one that was killed, while it is waited for", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const { exit, pid } = yield* holder(path)
      const killed = Effect.sync(() => process.kill(pid, "SIGKILL"))
      yield* Effect.all([holdFolder(path), Effect.delay(killed, "50 millis")], { concurrency: "unbounded" })
      expect(Exit.isFailure(yield* Effect.exit(exit))).toBe(true)
      expect(yield* filesIn(path)).toEqual([expect.stringContaining(`-${process.pid}-`)])
    })
  )

  it.scopedLive("is free when its holder has let it go", () =>
    Effect.gen(function* () {
      const path = yield* folder
      yield* Effect.scoped(holdFolder(path))
      expect(yield* filesIn(path)).toEqual([])
      yield* holder(path)
    })
  )

  it.scopedLive("is not held by a process that has only the id of one that is gone", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const { pid } = yield* holder(path)
      const [name] = yield* filesIn(path)
      // As if the machine had been started again: the same id, another beginning.
      yield* Effect.promise(() => rename(join(path, name!), join(path, `.held-${pid}-earlier`)))
      yield* holdFolder(path)
      expect(yield* filesIn(path)).toEqual([expect.stringContaining(`-${process.pid}-`)])
    })
  )

  it.scopedLive("is held by no more than one of many who come at once", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const exits = yield* Effect.forEach(Array.from({ length: 4 }), () => Effect.exit(holder(path)), {
        concurrency: "unbounded"
      })
      expect(exits.filter(Exit.isSuccess)).toHaveLength(1)
    })
  )
})
