import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Redacted, Schedule } from "effect"
import { actorNames } from "../../../protocol/messages/subjects.ts"
import { findServer, passedOver } from "../../../runtime/broker/find.ts"
import { integrityOf } from "../../../runtime/broker/install.ts"
import {
  drawCredentials,
  operator,
  serverIsThere,
  startBroker,
  startOwnBroker
} from "../../../runtime/broker/start.ts"
import { within } from "../../../runtime/deadline.ts"
import { withEnvironment, withVariables } from "../../support/environment.ts"
import { patienceMs } from "../../support/patience.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-find-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** A program that stands in for the server. */
const program = (path: string, script: string) =>
  Effect.promise(async () => {
    await writeFile(path, `#!/bin/sh\n${script}\n`)
    await chmod(path, 0o755)
    return path
  })

const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe("the broker of a run", () => {
  it.live("has fresh NKEYs for every role, and ends with the scope", () =>
    Effect.gen(function* () {
      const start = Effect.scoped(
        Effect.map(startOwnBroker(), (broker) => {
          expect(alive(broker.pid)).toBe(true)
          return broker
        })
      )
      const [one, two] = [yield* start, yield* start]
      expect(Object.keys(one.credentials).sort()).toEqual([...actorNames, operator].sort())
      const seeds = [one, two].flatMap(({ credentials }) =>
        Object.values(credentials).map(({ nkey }) => Redacted.value(nkey))
      )
      expect(new Set(seeds).size).toBe(2 * (actorNames.length + 1))
      expect(JSON.stringify(one)).not.toContain(seeds[0])
      expect([one.pid, two.pid].map(alive)).toEqual([false, false])
    })
  )

  it.scopedLive("that was killed comes back at the same address, as another process", () =>
    Effect.gen(function* () {
      const back = yield* Deferred.make<void>()
      const broker = yield* startOwnBroker({
        onEvent: (event) => {
          if (event._tag === "Back") Deferred.unsafeDone(back, Effect.void)
        }
      })
      const { pid, url } = broker
      process.kill(pid, "SIGKILL")
      yield* Deferred.await(back)
      expect(broker.url).toBe(url)
      expect(broker.pid).not.toBe(pid)
      expect([pid, broker.pid].map(alive)).toEqual([false, true])
    })
  )

  it.scopedLive("that does not start again at once, because its port is taken, is tried again", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const second =
        "echo x >> starts; [ $(wc -l < starts) -ne 2 ] || { echo 'address already in use' >&2; exit 1; }"
      const script = `cd ${path}; ${second}; exec ${findServer()} "$@"`
      const back = yield* Deferred.make<void>()
      const reasons: Array<string> = []
      const broker = yield* startOwnBroker({
        server: yield* program(join(path, "nats-server"), script),
        onEvent: (event) => {
          if (event._tag === "Died") reasons.push(event.reason)
          if (event._tag === "Back") Deferred.unsafeDone(back, Effect.void)
        }
      })
      process.kill(broker.pid, "SIGKILL")
      yield* Effect.raceFirst(Deferred.await(back), broker.lost)
      expect(reasons.map((reason) => /SIGKILL|already in use/.exec(reason)?.[0])).toEqual([
        "SIGKILL",
        "already in use"
      ])
      expect(alive(broker.pid)).toBe(true)
    })
  )

  it.scopedLive("ends when the process that started it is gone, also without any program on the PATH", () =>
    Effect.gen(function* () {
      const entry = fileURLToPath(new URL("../../support/orphan-broker.mjs", import.meta.url))
      const child = spawn(process.execPath, [entry, findServer()!], { stdio: ["ignore", "pipe", "inherit"] })
      const [line] = (yield* Effect.promise(() => once(child.stdout, "data"))) as [Buffer]
      const pid = Number(line.toString())
      yield* Effect.repeat(
        Effect.sync(() => alive(pid)),
        { until: (up) => !up, schedule: Schedule.spaced("20 millis") }
      ).pipe(within(patienceMs, () => new Error("the broker goes on")))
    })
  )

  it.scopedLive("is the one at NATS_URL where that is set, with the users that are known", () =>
    Effect.gen(function* () {
      const { user2 } = drawCredentials()
      const given = yield* startBroker({ credentials: { user2: user2! } }).pipe(
        withVariables({ NATS_URL: "nats://broker.example:4222" })
      )
      expect(given).toEqual({ url: "nats://broker.example:4222", credentials: { user2 } })
    })
  )

  it.scopedLive("that ends at once is an error with what it said", () =>
    Effect.gen(function* () {
      const server = yield* program(join(yield* folder, "nats-server"), "echo 'no such option' >&2; exit 1")
      const error = yield* Effect.flip(startOwnBroker({ server }))
      expect(error).toMatchObject({ _tag: "BrokerNotStarted" })
      expect(error.message).toContain("no such option")
    })
  )

  it.scopedLive(
    "whose program can't be run, is another or is too old is an error that says so, and soon",
    () =>
      Effect.gen(function* () {
        const path = yield* folder
        const server = join(path, "nats-server")
        const started = Effect.flip(Effect.scoped(startOwnBroker({ server })))
        expect((yield* started).message).toContain(`${server} can't be run (ENOENT)`)
        yield* Effect.promise(() => writeFile(server, "no program"))
        expect((yield* started).message).toContain(`${server} can't be run (EACCES)`)
        yield* program(server, "echo 'I am a teapot'; while :; do sleep 0.1; done")
        const begun = performance.now()
        expect((yield* started).message).toContain(
          `${server} is no nats-server: to --version it says "I am a teapot"`
        )
        expect(performance.now() - begun).toBeLessThan(10_000)
        yield* program(server, "echo 'nats-server: v2.1.9'; [ \"$1\" = --version ]")
        const error = yield* started
        expect(error._tag).toBe("BrokerNotStarted")
        expect(error.message).toContain("is nats-server 2.1.9, and 2.10 or later is needed")
        yield* withEnvironment({ PATH: path })
        expect((yield* Effect.flip(serverIsThere)).message).toContain("2.1.9")
      })
  )

  it.scopedLive("is sought on the PATH first, and what only has its name is passed over and told", () =>
    Effect.gen(function* () {
      const [path, other] = [yield* folder, yield* folder]
      expect(findServer(path)).not.toBe(join(path, "nats-server"))
      yield* Effect.promise(() => mkdir(join(path, "nats-server")))
      yield* Effect.promise(() => writeFile(join(other, "nats-server"), "", { mode: 0o644 }))
      expect(passedOver(`${path}:${other}:/nowhere`)).toEqual([
        `${join(path, "nats-server")} is a folder`,
        `${join(other, "nats-server")} may not be executed`
      ])
      yield* program(join(other, "nats-server"), "exit 0")
      expect(findServer(`/nowhere:${path}:${other}`)).toBe(join(other, "nats-server"))
    })
  )

  it("a download is known by its digest", () => {
    // SHA-512 of "abc", FIPS 180-4.
    expect(integrityOf(new TextEncoder().encode("abc"))).toBe(
      "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="
    )
  })
})
