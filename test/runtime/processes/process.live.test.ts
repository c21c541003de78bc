import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { constants, getPriority } from "node:os"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import {
  type ActorProcessOptions,
  garbageCollection,
  startActor
} from "../../../runtime/processes/process.ts"
import { withEnvironment } from "../../support/environment.ts"
import { patienceMs } from "../../support/patience.ts"

const entry = fileURLToPath(new URL("../../support/actor-child.mjs", import.meta.url))
const child = (what: string, options: Partial<ActorProcessOptions> = {}) =>
  startActor({ party: "cloud0", entry, args: [what], readyTimeoutMs: patienceMs, ...options })

const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Succeeds once the process is gone. */
const gone = (pid: number) =>
  Effect.repeat(
    Effect.delay(
      Effect.sync(() => alive(pid)),
      "20 millis"
    ),
    { while: (running) => running }
  )

describe("a child's memory", () => {
  // The process of this test has what a child is to get, and does not hand it on.
  it("can be freed by itself, also where its parent can do so", async () => {
    expect("transfer" in ArrayBuffer.prototype).toBe(true)
    const script = 'console.log("transfer" in ArrayBuffer.prototype)'
    const { stdout } = await promisify(execFile)(process.execPath, [...garbageCollection, "-e", script])
    expect(stdout.trim()).toBe("true")
  })
})

describe("supervision", () => {
  it.scopedLive("a child is ready when it says so, gets its secrets and nobody else's", () =>
    Effect.gen(function* () {
      yield* withEnvironment({ OTHERS_PASSWORD: "p-others" })
      const { ready } = yield* child("wait", { secrets: { A_SECRET: Redacted.make("12345") } })
      expect(ready).toEqual({ secret: 5 })
    })
  )

  it.live("a child is ended with the scope, even one that ignores the polite way", () =>
    Effect.gen(function* () {
      const pids = yield* Effect.scoped(
        Effect.all([
          Effect.map(child("wait"), ({ pid }) => pid),
          Effect.map(child("stubborn"), ({ pid }) => pid)
        ])
      )
      expect(pids.map(alive)).toEqual([false, false])
    })
  )

  it.scopedLive("an unexpected exit names the party, the status and what it said last", () =>
    Effect.gen(function* () {
      const { exit } = yield* child("fail-later")
      const error = yield* Effect.flip(exit)
      expect(error).toMatchObject({ _tag: "ActorDied", party: "cloud0", code: 7 })
      expect(error.lastLines.at(-1)).toBe("the last thing it said")
      expect(error.message).toContain("the last thing it said")
    })
  )

  it.scopedLive("a child that ends well is no error", () =>
    Effect.gen(function* () {
      const { exit } = yield* child("end")
      expect(Exit.isSuccess(yield* Effect.exit(exit))).toBe(true)
    })
  )

  it.scopedLive("a child that fails before it is ready, or never is, is an error", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(child("fail-early"))).toMatchObject({ _tag: "ActorDied", code: 4 })
      const late = yield* Effect.flip(child("never-ready", { readyTimeoutMs: 15_000 }))
      expect(late).toMatchObject({ _tag: "ActorDied", code: "not ready within 15000 ms" })
      expect(late.lastLines).toEqual(["a line before it was ready"])
    })
  )

  it.scopedLive("a program that is not there is an error", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(child("x", { entry: "/nowhere/main.js" }))
      expect(error._tag).toBe("ActorDied")
      expect(error.message).toContain("Cannot find module")
    })
  )

  it.live("a child that gives way goes after others, and no earlier than it was started to", () =>
    Effect.gen(function* () {
      const startedAt = (niceness: number) =>
        Effect.promise(async () => {
          const niced = ["-n", String(niceness), process.execPath, entry, "give-way"]
          const { stdout } = await promisify(execFile)("nice", niced)
          return Number(/"ready":(-?\d+)/.exec(stdout)?.[1])
        })
      const own = getPriority()
      expect(yield* startedAt(0)).toBe(Math.max(own, constants.priority.PRIORITY_BELOW_NORMAL))
      expect(yield* startedAt(15)).toBe(Math.min(19, own + 15))
    })
  )

  it.live("a child whose parent was killed ends itself", () =>
    Effect.gen(function* () {
      const parent = spawn(
        process.execPath,
        [fileURLToPath(new URL("../../support/orphan-parent.mjs", import.meta.url))],
        {
          stdio: ["ignore", "pipe", "inherit"]
        }
      )
      const [line] = (yield* Effect.promise(() => once(parent.stdout, "data"))) as [Buffer]
      yield* gone(Number(line.toString()))
    })
  )
})
