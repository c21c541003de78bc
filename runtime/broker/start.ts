/**
 * The broker of a run. With `NATS_URL` it is the broker at that address, which knows the parties' NKEYs.
 * Otherwise one is started on the loopback at a free port, with the NKEYs of this run alone, and ended with
 * the scope. If it dies, it is restarted at the same port with what it had stored; it ends when this process
 * is gone. `nats.conf` reads the public keys from the environment: `KGC_NKEY`, `CLOUD0_NKEY`, `CLOUD1_NKEY`,
 * `DIRECTOR_NKEY`, `USER1_NKEY` … `USER16_NKEY`, `OPERATOR_NKEY`.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { Data, Deferred, Duration, Effect, FiberId, type Redacted, type Scope } from "effect"
import { drawNkey, publicNkey } from "../../protocol/channels/nkey.ts"
import { actorNames } from "../../protocol/messages/subjects.ts"
import { within } from "../deadline.ts"
import { variable } from "../environment.ts"
import { endProcess } from "../processes/end-process.ts"
import { ActorDied } from "../processes/process.ts"
import { type LifeEvent, type Living, supervise } from "../processes/supervision.ts"
import {
  brokerConfiguration,
  findServer,
  howToGetOne,
  passedOver,
  storingConfiguration,
  unfitProgram
} from "./find.ts"

export interface Credentials {
  readonly user: string
  /** The seed of the NKEY that the broker lets the user in by. */
  readonly nkey: Redacted.Redacted
}

export interface Broker {
  readonly url: string
  /** By the names of its users; with `NATS_URL`, of those that are known here. */
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
/** A server is ready long before; a program that is not may be another one. */
const doubtMs = 1_500

/** The variable from which `nats.conf` reads the public NKEY of a user. */
export const nkeyVariable = (user: string): string => `${user.toUpperCase()}_NKEY`

/** A broker that this process has started. */
export interface OwnBroker extends Broker {
  /** Of its current or last process. */
  readonly pid: number
  /** Fails when it is given up: it died again and again, or must not be restarted. */
  readonly lost: Effect.Effect<never, ActorDied | BrokerNotStarted>
}

export interface BrokerOptions {
  /** The program; by default the one found on this machine. */
  readonly server?: string
  /** Its storage; by default a temporary folder, which is removed with the scope. */
  readonly folder?: string
  /** Whether it stores the clouds' checkpoints. */
  readonly storing?: boolean
  /** Its users; by default all there may be, with NKEYs that are drawn. */
  readonly credentials?: Broker["credentials"]
  /** Called when it died and when it is back. */
  readonly onEvent?: (event: LifeEvent) => void
}

/** The broker at `NATS_URL`, or one of this run's own. */
export const startBroker = (
  options: BrokerOptions = {}
): Effect.Effect<Broker | OwnBroker, BrokerNotStarted, Scope.Scope> =>
  Effect.flatMap(
    givenUrl,
    (url): Effect.Effect<Broker | OwnBroker, BrokerNotStarted, Scope.Scope> =>
      url === undefined
        ? startOwnBroker(options)
        : Effect.succeed({ url, credentials: options.credentials ?? {} })
  )

/** The address of the given broker, if there is one. */
export const givenUrl: Effect.Effect<string | undefined> = variable("NATS_URL")

/** The program of an own broker: the given one, or that of this machine. */
const serverProgram = (given?: string): Effect.Effect<string, BrokerNotStarted> =>
  Effect.suspend(() => {
    const server = given ?? findServer()
    const others = passedOver().map((other) => ` (${other})`)
    return server === undefined
      ? new BrokerNotStarted({ reason: `no nats-server found${others.join("")}`, remedy: howToGetOne })
      : Effect.succeed(server)
  })

/** Checks that there is a program for an own broker, and that it is a NATS server. */
export const serverIsThere: Effect.Effect<void, BrokerNotStarted> = Effect.suspend(() =>
  Effect.flatMap(serverProgram(), isServer)
)

const isServer = (server: string): Effect.Effect<void, BrokerNotStarted> =>
  Effect.flatMap(
    Effect.promise(() => unfitProgram(server)),
    (reason) => (reason === undefined ? Effect.void : new BrokerNotStarted({ reason, remedy: howToGetOne }))
  )

/** A broker of this process, on the loopback at a free port. */
export const startOwnBroker = (
  options: BrokerOptions = {}
): Effect.Effect<OwnBroker, BrokerNotStarted, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* serverProgram(options.server)
    const folder = options.folder ?? (yield* temporaryFolder)
    yield* Effect.promise(() => mkdir(folder, { recursive: true, mode: 0o700 }))
    const credentials = options.credentials ?? drawCredentials()
    let port: string | undefined
    let pid = 0
    const launch = Effect.gen(function* () {
      yield* Effect.promise(() => removePortFiles(folder))
      const running = yield* Effect.acquireRelease(
        Effect.sync(() => run(server, folder, credentials, port ?? "-1", options.storing ?? false)),
        ({ child, guard }) =>
          Effect.ensuring(
            endProcess(child),
            Effect.sync(() => guard?.kill("SIGKILL"))
          )
      )
      port = yield* readPort(server, folder, running)
      pid = running.child.pid!
      return { pid, exit: running.exit }
    })
    const broker = yield* supervise<Living<ActorDied | BrokerNotStarted>, ActorDied | BrokerNotStarted>({
      party: "broker",
      launch,
      // Whatever it ended with, and however often its port is not free again immediately: it was up and is
      // needed.
      crashed: () => port !== undefined,
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent })
    })
    yield* broker.ready.pipe(
      Effect.catchTag(
        "ActorDied",
        ({ message }) => new BrokerNotStarted({ reason: message, remedy: howToGetOne })
      )
    )
    return {
      url: `nats://127.0.0.1:${port}`,
      credentials,
      get pid() {
        return pid
      },
      lost: Effect.zipRight(broker.ended, Effect.never)
    }
  })

const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-broker-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** The user that makes the buckets of the clouds; not a party. */
export const operator = "operator"
/** All users of the broker. */
export const everyUser = [...actorNames, operator]

/** A new NKEY for every possible actor and for the operator. */
export const drawCredentials = (): Broker["credentials"] =>
  Object.fromEntries(everyUser.map((user) => [user, { user, nkey: drawNkey() }]))

/** The environment in which the broker reads the public NKEYs of its users. */
export const nkeysFor = (credentials: Broker["credentials"]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.values(credentials).map(({ user, nkey }) => [nkeyVariable(user), publicNkey(nkey)])
  )

interface Running {
  readonly child: ChildProcess
  /** Ends the server when this process is gone, for whatever reason. */
  readonly guard: ChildProcess | undefined
  readonly exit: Effect.Effect<void, ActorDied>
  /** The server's last output, to explain its end. */
  readonly said: () => string
  readonly ended: () => string | undefined
}

/** The parties run on this machine too: a server that uses every core takes theirs from them. */
const serverThreads = () => Math.max(1, availableParallelism() >> 1)

// It waits for the end of its standard input, to which this process never writes, and which ends with this
// process.
const guardScript = 'while read -r _; do :; done; kill "$1"'

const run = (
  server: string,
  folder: string,
  credentials: Broker["credentials"],
  port: string,
  storing: boolean
): Running => {
  const configuration = storing ? storingConfiguration : brokerConfiguration
  const args = ["-c", configuration, "-a", "127.0.0.1", "-p", port, "--ports_file_dir", folder]
  const child = spawn(server, args, {
    env: {
      ...nkeysFor(credentials),
      GOMAXPROCS: String(serverThreads()),
      // All that passes through it is garbage immediately: for 30 MB more, collecting it takes a quarter less
      // of a training step's time.
      GOGC: "400",
      // It needs freed memory again immediately: if it is kept, the pages are not cleared anew.
      GODEBUG: "madvdontneed=0",
      BROKER_STORE: join(folder, "jetstream")
    },
    stdio: ["ignore", "ignore", "pipe"]
  })
  let said = ""
  let ended: string | undefined
  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2_000)
  })
  child.on("error", ({ code, message }: NodeJS.ErrnoException) => {
    ended = `${server} can't be run (${code ?? message})`
  })
  const exited = Deferred.unsafeMake<void, ActorDied>(FiberId.none)
  child.on("exit", (code, signal) => {
    ended ??= `it ended with ${signal ?? `status ${code}`}`
    const lastLines = said.trim().split("\n").slice(-5)
    const died = new ActorDied({ party: "broker", code: signal ?? code ?? "unknown", lastLines })
    Deferred.unsafeDone(exited, Effect.fail(died))
  })
  const { pid } = child
  const guard =
    pid === undefined
      ? undefined
      : spawn("/bin/sh", ["-c", guardScript, "bicameral-guard", String(pid)], {
          stdio: ["pipe", "ignore", "ignore"]
        })
  guard?.on("error", () => undefined)
  return { child, guard, exit: Deferred.await(exited), said: () => said.trim(), ended: () => ended }
}

/** The server writes its ports once it listens. A program that does not may be another one of its name. */
const readPort = (server: string, folder: string, { said, ended }: Running) => {
  const remedy = `See that ${brokerConfiguration} is whole and that nats-server runs on this machine.`
  const look = Effect.gen(function* () {
    while (true) {
      const end = ended()
      if (end !== undefined) {
        yield* isServer(server)
        return yield* new BrokerNotStarted({ reason: [end, said()].filter(Boolean).join(": "), remedy })
      }
      const port = yield* Effect.promise(() => readPortFile(folder))
      if (port !== undefined) return port
      yield* Effect.sleep(Duration.millis(lookPauseMs))
    }
  })
  const doubt = Effect.zipRight(Effect.delay(isServer(server), Duration.millis(doubtMs)), Effect.never)
  return Effect.raceFirst(look, doubt).pipe(
    within(
      readyDeadlineMs,
      () => new BrokerNotStarted({ reason: `not ready within ${readyDeadlineMs} ms: ${said()}`, remedy })
    )
  )
}

/** Whether a file of this name holds the ports of a server: `nats-server_10635.ports`. */
export const isPortsFile = (name: string): boolean => /_\d+\.ports$/.test(name)

/** Files of an earlier start that was killed. */
const removePortFiles = async (folder: string): Promise<void> => {
  for (const name of await readdir(folder))
    if (isPortsFile(name)) await rm(join(folder, name), { force: true })
}

const readPortFile = async (folder: string): Promise<string | undefined> => {
  const file = (await readdir(folder)).find(isPortsFile)
  if (file === undefined) return undefined
  const text = await readFile(join(folder, file), "utf8")
  return /"nats:\/\/[^"]*:(\d+)"/.exec(text)?.[1]
}
