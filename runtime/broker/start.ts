/**
 * The broker of a run. With `NATS_URL` set it is the one there, and each role's password is in the variable that `nats.conf` reads:
 * `KGC_PASSWORD`, `CLOUD0_PASSWORD`, `CLOUD1_PASSWORD`, `DIRECTOR_PASSWORD`, `USER1_PASSWORD` … `USER16_PASSWORD`.
 * Otherwise one is started on the loopback at a free port, with passwords drawn for this run, and ended with the scope.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { Data, Duration, Effect, Redacted, type Scope } from "effect"
import { actorNames } from "../../protocol/messages/subjects.ts"
import { endProcess } from "../end-process.ts"
import { brokerConfiguration, findServer, howToGetOne } from "./find.ts"

export interface Credentials {
  readonly user: string
  readonly password: Redacted.Redacted
}

export interface Broker {
  readonly url: string
  /** By actor's name; with `NATS_URL`, only those whose password the environment holds. */
  readonly credentials: Readonly<Record<string, Credentials>>
}

/** There is no broker and none can be started. */
export class BrokerNotStarted extends Data.TaggedError("BrokerNotStarted")<{
  readonly reason: string
  readonly remedy: string
}> {
  readonly retryable = false
  override get message(): string {
    return `no NATS broker could be started: ${this.reason}. ${this.remedy}`
  }
}

const readyDeadlineMs = 15_000
const lookPauseMs = 20

/** The variable that holds an actor's password, here and in `nats.conf`. */
export const passwordVariable = (actor: string): string => `${actor.toUpperCase()}_PASSWORD`

/** The broker at `NATS_URL`, or one of this run's own. */
export const startBroker: Effect.Effect<Broker, BrokerNotStarted, Scope.Scope> = Effect.suspend(() => {
  const url = process.env.NATS_URL
  return url === undefined || url === "" ? startOwnBroker() : Effect.succeed(givenBroker(url))
})

const givenBroker = (url: string): Broker => ({
  url,
  credentials: Object.fromEntries(
    actorNames.flatMap((user) => {
      const password = process.env[passwordVariable(user)]
      return password === undefined ? [] : [[user, { user, password: Redacted.make(password) }]]
    })
  )
})

/** A broker of this process, on the loopback at a free port. `server` is the program, else it is looked for. */
export const startOwnBroker = (
  server = findServer()
): Effect.Effect<Broker & { readonly pid: number }, BrokerNotStarted, Scope.Scope> =>
  Effect.gen(function* () {
    if (server === undefined)
      return yield* new BrokerNotStarted({ reason: "no nats-server found", remedy: howToGetOne })
    const folder = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-broker-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
    )
    const credentials = Object.fromEntries(
      actorNames.map((user) => [user, { user, password: Redacted.make(newPassword()) }])
    )
    const running = yield* Effect.acquireRelease(
      Effect.sync(() => run(server, folder, credentials)),
      ({ child }) => endProcess(child)
    )
    const port = yield* readPort(folder, running)
    return { url: `nats://127.0.0.1:${port}`, credentials, pid: running.child.pid ?? -1 }
  })

/** A letter first: the server would read a password such as 12e4 as a number. */
const newPassword = () => `p${randomBytes(24).toString("hex")}`

interface Running {
  readonly child: ChildProcess
  /** What the server said last, to say why it ended. */
  readonly said: () => string
  readonly ended: () => string | undefined
}

/** The parties are on this machine too: a server that runs on every core takes theirs from them. */
const serverThreads = () => Math.max(1, availableParallelism() >> 1)

const run = (server: string, folder: string, credentials: Broker["credentials"]): Running => {
  const passwords = Object.entries(credentials).map(([user, { password }]) => [
    passwordVariable(user),
    Redacted.value(password)
  ])
  const args = ["-c", brokerConfiguration, "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", folder]
  const child = spawn(server, args, {
    env: { ...Object.fromEntries(passwords), GOMAXPROCS: String(serverThreads()) },
    stdio: ["ignore", "ignore", "pipe"]
  })
  let said = ""
  let ended: string | undefined
  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2_000)
  })
  child.on("error", (error) => {
    ended = error.message
  })
  child.on("exit", (code, signal) => {
    ended ??= `it ended with ${signal ?? `status ${code}`}`
  })
  return { child, said: () => said.trim(), ended: () => ended }
}

/** The server writes its ports once it listens. */
const readPort = (folder: string, { said, ended }: Running) => {
  const remedy = `See that ${brokerConfiguration} is whole and that nats-server runs on this machine.`
  const look = Effect.gen(function* () {
    while (true) {
      const end = ended()
      if (end !== undefined) return yield* new BrokerNotStarted({ reason: `${end}: ${said()}`, remedy })
      const port = yield* Effect.promise(() => readPortFile(folder))
      if (port !== undefined) return port
      yield* Effect.sleep(Duration.millis(lookPauseMs))
    }
  })
  return look.pipe(
    Effect.timeoutFail({
      duration: Duration.millis(readyDeadlineMs),
      onTimeout: () =>
        new BrokerNotStarted({ reason: `not ready within ${readyDeadlineMs} ms: ${said()}`, remedy })
    })
  )
}

const readPortFile = async (folder: string): Promise<string | undefined> => {
  const file = (await readdir(folder)).find((name) => name.endsWith(".ports"))
  if (file === undefined) return undefined
  const text = await readFile(join(folder, file), "utf8")
  return /"nats:\/\/[^"]*:(\d+)"/.exec(text)?.[1]
}
