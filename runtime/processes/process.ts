/**
 * Supervises parties in processes of their own: starts one, waits until it reports ready, watches its exit
 * and ends it with the scope. A child whose parent is gone ends itself. Secrets travel by the environment,
 * never the command line.
 */
import { spawn } from "node:child_process"
import { constants, getPriority, setPriority } from "node:os"
import { Data, Deferred, Effect, type Redacted, type Scope, Redacted as Secret } from "effect"
import { within } from "../deadline.ts"
import { environment } from "../environment.ts"
import { trustVariables } from "../transport/trust.ts"
import { endProcess } from "./end-process.ts"

/** Exit status after a reported error: restarting would not help. */
export const toldStatus = 1
/** Exit status after an unexpected error of the program (`EX_SOFTWARE` of sysexits.h). */
export const defectStatus = 70

/** A party's process ended unexpectedly, or did not become ready. */
export class ActorDied extends Data.TaggedError("ActorDied")<{
  readonly party: string
  /** The exit status, the signal that ended it, or what it failed to do. */
  readonly code: number | string
  /** Its last lines on standard error. */
  readonly lastLines: ReadonlyArray<string>
}> {
  readonly retryable = true
  /** Whether it was killed, crashed or hung, rather than ended after a reported error. */
  get crashed(): boolean {
    return typeof this.code === "string"
      ? /^(SIG[A-Z0-9]+$|not ready)/.test(this.code)
      : this.code !== toldStatus
  }
  /** Whether a signal ended it. */
  get killed(): boolean {
    return typeof this.code === "string" && this.code.startsWith("SIG")
  }
  override get message(): string {
    const last = this.lastLines.length === 0 ? "" : `; it said last:\n${this.lastLines.join("\n")}`
    return `the process of ${this.party} ended unexpectedly (${this.code})${last}`
  }
}

/** The current folder can't be found, so relative file names mean nothing. */
export class WorkingFolderGone extends Data.TaggedError("WorkingFolderGone")<object> {
  readonly retryable = false
  override get message(): string {
    return "the current folder is gone, or may not be looked at; change to another folder and start again"
  }
}

/** Fails if the folder that the program was started in was removed. */
export const workingFolder: Effect.Effect<string, WorkingFolderGone> = Effect.try({
  try: () => process.cwd(),
  catch: () => new WorkingFolderGone()
})

export interface ActorProcessOptions {
  readonly party: string
  /** The program's JavaScript file and its arguments. */
  readonly entry: string
  readonly args: ReadonlyArray<string>
  /** Added to `PATH`, `HOME` and the like of this process. */
  readonly env?: Readonly<Record<string, string>>
  readonly secrets?: Readonly<Record<string, Redacted.Redacted>>
  readonly readyTimeoutMs: number
  /** Called with each further line of JSON on its standard output. */
  readonly onLine?: (value: unknown) => void
  /** Called with what it waits for, if that takes long. */
  readonly onWaiting?: (reason: string) => void
  /** Options for Node itself, such as `--max-old-space-size=2048`. */
  readonly nodeOptions?: ReadonlyArray<string>
}

export interface ActorProcess {
  readonly party: string
  readonly pid: number
  /** The value in the ready line. */
  readonly ready: unknown
  /** Succeeds when the process ends with status 0; fails when it ends otherwise. */
  readonly exit: Effect.Effect<void, ActorDied>
}

const keptLines = 20

/** Node 20 offers `ArrayBuffer.transfer` only with this option. */
const transferOption = "--harmony-rab-gsab-transfer"
const hasTransfer = "transfer" in ArrayBuffer.prototype && !process.execArgv.includes(transferOption)

/**
 * A party's heap is small, but its messages are not and count towards it, so V8 collects often. On the few
 * cores that the parties share, one thread at a time and whole collections cost a third of the defaults. The
 * option for `ArrayBuffer.transfer` lets the PRG free its buffers.
 */
export const garbageCollection: ReadonlyArray<string> = [
  "--single-threaded-gc",
  "--no-incremental-marking",
  // Also if this process got the option and so has it: a child has not.
  ...(hasTransfer ? [] : [transferOption])
]

/**
 * Where the C library is glibc: memory that was given back stays with the process. The pieces in which messages are
 * sealed and opened are taken anew each time, and to have their pages from the system again costs several times
 * what the cipher does.
 */
export const keptMemory = {
  MALLOC_TRIM_THRESHOLD_: String(2 ** 28),
  MALLOC_MMAP_THRESHOLD_: String(2 ** 25)
}

/** What a child inherits: enough to run, and no secret of another party. */
const inherited = [
  ...["PATH", "HOME", "TMPDIR", "LANG", "TZ", "NODE_ENV", "OTEL_EXPORTER_OTLP_ENDPOINT"],
  // Folders in which a user's files may be.
  "BICAMERAL_DATA_ROOT",
  ...trustVariables
]

/** Starts a party's process and waits for its ready line. It is ended, by its id, with the scope. */
export const startActor = (
  options: ActorProcessOptions
): Effect.Effect<ActorProcess, ActorDied, Scope.Scope> =>
  Effect.gen(function* () {
    const { party, readyTimeoutMs } = options
    const ready = yield* Deferred.make<unknown>()
    const ended = yield* Deferred.make<void, ActorDied>()
    const { child, lastLines } = yield* Effect.acquireRelease(
      Effect.sync(() => launch(options, ready, ended)),
      (launched) => endProcess(launched.child)
    )
    const notReady = (code: string) => new ActorDied({ party, code, lastLines: lastLines() })
    const failedFirst = Effect.zipRight(
      Deferred.await(ended),
      Effect.suspend(() => notReady("ended before it was ready"))
    )
    const line = yield* Deferred.await(ready).pipe(
      Effect.raceFirst(failedFirst),
      within(readyTimeoutMs, () => notReady(`not ready within ${readyTimeoutMs} ms`))
    )
    return { party, pid: child.pid ?? -1, ready: line, exit: Deferred.await(ended) }
  })

const launch = (
  { party, entry, args, env, secrets, nodeOptions, onLine, onWaiting }: ActorProcessOptions,
  ready: Deferred.Deferred<unknown>,
  ended: Deferred.Deferred<void, ActorDied>
) => {
  const own = environment()
  const child = spawn(process.execPath, [...garbageCollection, ...(nodeOptions ?? []), entry, ...args], {
    env: {
      ...keptMemory,
      ...Object.fromEntries(inherited.flatMap((key) => (own[key] === undefined ? [] : [[key, own[key]]]))),
      ...env,
      ...Object.fromEntries(Object.entries(secrets ?? {}).map(([key, value]) => [key, Secret.value(value)])),
      [supervisedVariable]: "1"
    },
    // Its standard input stays open while this process lives: its end tells the child that we are gone.
    stdio: ["pipe", "pipe", "pipe"]
  })
  let lastLines: ReadonlyArray<string> = []
  const keep = (line: string) => {
    lastLines = [...lastLines, line].slice(-keptLines)
  }
  // If the system has no more descriptors, there are none: the error follows.
  eachLine(child.stdout, (line) => {
    const value = jsonOf(line)
    if (value === undefined) return
    if ("ready" in value) Deferred.unsafeDone(ready, Effect.succeed(value.ready))
    else if ("waiting" in value) {
      keep(`waiting: ${value.waiting}`)
      onWaiting?.(String(value.waiting))
    } else onLine?.(value)
  })
  eachLine(child.stderr, keep)
  const end = (code: number | string) =>
    Deferred.unsafeDone(
      ended,
      code === 0 ? Effect.void : Effect.fail(new ActorDied({ party, code, lastLines }))
    )
  child.on("error", (error) => end(error.message))
  // `close` comes after the last output.
  child.on("close", (code, signal) => end(code ?? signal ?? "unknown"))
  return { child, lastLines: () => lastLines }
}

const jsonOf = (line: string): object | undefined => {
  if (!line.startsWith("{")) return undefined
  try {
    return JSON.parse(line) as object
  } catch {
    return undefined
  }
}

const longestLine = 64 * 1024

const eachLine = (stream: NodeJS.ReadableStream | null | undefined, onLine: (line: string) => void) => {
  let rest = ""
  stream?.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n")
    rest = (lines.pop() ?? "").slice(-longestLine)
    for (const line of lines) onLine(line)
  })
  stream?.on("end", () => {
    if (rest !== "") onLine(rest)
  })
}

/**
 * In the child: gives way to the other processes of this machine, for processes that work ahead and take what
 * is left. A lower priority that it was started with stays, since a process may not raise its own.
 */
export const giveWay: Effect.Effect<void> = Effect.sync(() =>
  setPriority(Math.max(getPriority(), constants.priority.PRIORITY_BELOW_NORMAL))
)

const supervisedVariable = "BICAMERAL_SUPERVISED"

/** In the child: whether the process that started it supervises it, and restarts it if it dies. */
export const isSupervised = (): boolean => environment()[supervisedVariable] !== undefined

/** In the child: reports ready, on the line that its parent waits for. */
export const sayReady = (value: unknown): Effect.Effect<void> =>
  Effect.sync(() => {
    process.stdout.write(`${JSON.stringify({ ready: value })}\n`)
  })

/** In the child: reports what it waits for, to its supervisor or else to people. */
export const sayWaiting = (reason: string): Effect.Effect<void> =>
  Effect.sync(() => {
    if (isSupervised()) process.stdout.write(`${JSON.stringify({ waiting: reason })}\n`)
    else process.stderr.write(`bicameral: waiting: ${reason}\n`)
  })

/**
 * In the child: never returns while the parent lives; returns when it is gone. An unsupervised process waits
 * forever.
 */
export const parentGone: Effect.Effect<void> = Effect.suspend(() =>
  !isSupervised()
    ? Effect.never
    : Effect.async<void>((resume) => {
        const gone = () => resume(Effect.void)
        process.stdin.once("end", gone).once("close", gone).once("error", gone)
        process.stdin.resume()
        return Effect.sync(() => {
          process.stdin.pause()
        })
      })
)
