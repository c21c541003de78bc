import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Redacted } from "effect"
import { actorNames } from "../../../protocol/messages/subjects.ts"
import { findServer } from "../../../runtime/broker/find.ts"
import { integrityOf } from "../../../runtime/broker/install.ts"
import { operator, passwordVariable, startBroker, startOwnBroker } from "../../../runtime/broker/start.ts"

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

const withEnvironment = (values: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => Object.assign(process.env, values)),
    () =>
      Effect.sync(() => {
        for (const key of Object.keys(values)) delete process.env[key]
      })
  )

const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe("the broker of a run", () => {
  it.live("has fresh passwords for every role, and ends with the scope", () =>
    Effect.gen(function* () {
      const start = Effect.scoped(
        Effect.map(startOwnBroker(), (broker) => {
          expect(alive(broker.pid)).toBe(true)
          return broker
        })
      )
      const [one, two] = [yield* start, yield* start]
      expect(Object.keys(one.credentials).sort()).toEqual([...actorNames, operator].sort())
      const passwords = [one, two].flatMap(({ credentials }) =>
        Object.values(credentials).map(({ password }) => Redacted.value(password))
      )
      expect(new Set(passwords).size).toBe(2 * (actorNames.length + 1))
      expect(JSON.stringify(one)).not.toContain(passwords[0])
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

  it.scopedLive("is the one at NATS_URL where that is set, with the passwords of the environment", () =>
    Effect.gen(function* () {
      yield* withEnvironment({ NATS_URL: "nats://broker.example:4222", [passwordVariable("user2")]: "p-two" })
      const { url, credentials } = yield* startBroker()
      expect(url).toBe("nats://broker.example:4222")
      expect(Redacted.value(credentials.user2!.password)).toBe("p-two")
      expect(credentials.user3).toBeUndefined()
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

  it.scopedLive("whose program can't be run is an error", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(startOwnBroker({ server: join(yield* folder, "nothing-here") }))
      expect(error.message).toContain("ENOENT")
    })
  )

  it.scopedLive("is sought on the PATH first", () =>
    Effect.gen(function* () {
      const path = yield* folder
      expect(findServer(path)).not.toBe(join(path, "nats-server"))
      yield* program(join(path, "nats-server"), "exit 0")
      expect(findServer(`/nowhere:${path}`)).toBe(join(path, "nats-server"))
    })
  )

  it("a download is known by its digest", () => {
    // SHA-512 of "abc", FIPS 180-4.
    expect(integrityOf(new TextEncoder().encode("abc"))).toBe(
      "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="
    )
  })
})
