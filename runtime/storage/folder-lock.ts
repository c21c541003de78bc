/**
 * A folder that one process at a time may hold: two that resumed from the same state would spoil each
 * other's. A holder keeps a file in it, named after its process id and start time; a lock left by a dead
 * process is ignored. All processes that share a folder must see each other: those of one host, outside
 * containers or in the same one.
 */
import { execFile } from "node:child_process"
import { lstat, mkdir, open, readdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { Data, Duration, Effect, Random, type Scope } from "effect"
import { within } from "../deadline.ts"
import { environment } from "../environment.ts"
import { fileReason } from "../file-reason.ts"
import { StoreFailed } from "./store.ts"

/** Another process holds the folder. */
export class FolderInUse extends Data.TaggedError("FolderInUse")<{
  readonly folder: string
  readonly pid: number
}> {
  readonly retryable = false
  override get message(): string {
    return `the folder ${this.folder} is in use by process ${this.pid}, and two would spoil each other's state; end that process first, or give this one a folder of its own`
  }
}

/** How long a holder may take to end: a party ends when it finds that its parent is gone. */
const endingMs = 5_000
const [shortestPauseMs, longestPauseMs] = [20, 100]

/**
 * Holds a folder, which is made if necessary, until the scope or this process ends. Waits some seconds for a
 * holder that is ending.
 */
export const holdFolder = (
  folder: string,
  patienceMs = endingMs
): Effect.Effect<void, FolderInUse | StoreFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const attempt = <A>(run: () => Promise<A>) =>
      Effect.tryPromise({
        try: run,
        catch: (cause) =>
          new StoreFailed({
            operation: "hold",
            place: folder,
            reason: fileReason(cause)
          })
      })
    const own = nameOf({ pid: process.pid, began: (yield* attempt(() => beganAt(process.pid))) ?? "" })
    yield* attempt(() => mkdir(folder, { recursive: true }))
    const letGo = Effect.ignore(attempt(() => rm(join(folder, own), { force: true })))
    const other = attempt(() => otherHolder(folder, own))
    /**
     * Claims the folder unless another process holds it. The claim precedes the second look: of two
     * simultaneous claims at least one sees the other.
     */
    const take = Effect.gen(function* () {
      const before = yield* other
      if (before !== undefined) return before
      yield* attempt(async () => (await open(join(folder, own), "wx", 0o600)).close())
      const meanwhile = yield* Effect.onError(other, () => letGo)
      yield* meanwhile === undefined ? Effect.addFinalizer(() => letGo) : letGo
      return meanwhile
    }).pipe(Effect.uninterruptible)
    let holder = yield* take
    const taken = Effect.gen(function* () {
      while (holder !== undefined) {
        // Of different length, for two processes that have seen each other.
        yield* Effect.sleep(Duration.millis(yield* Random.nextIntBetween(shortestPauseMs, longestPauseMs)))
        holder = yield* take
      }
    })
    yield* taken.pipe(within(patienceMs, () => new FolderInUse({ folder, pid: holder! })))
  })

interface Holder {
  readonly pid: number
  /** Distinguishes it from a later process with the same id. */
  readonly began: string
}

/** Whether a file of this name names a present or former holder of its folder. */
export const isHoldersFile = (name: string): boolean => holderIn(name) !== undefined

const nameOf = ({ pid, began }: Holder): string => `.held-${pid}-${began}`
const holderIn = (name: string): Holder | undefined => {
  const match = /^\.held-(\d+)-([0-9a-z-]+)$/.exec(name)
  return match === null ? undefined : { pid: Number(match[1]), began: match[2]! }
}

/** The id of another process that holds the folder. Files of dead holders are removed. */
const otherHolder = async (folder: string, own: string): Promise<number | undefined> => {
  for (const name of await readdir(folder)) {
    const holder = holderIn(name)
    if (holder === undefined || name === own) continue
    if ((await beganAt(holder.pid)) === holder.began) return holder.pid
    if (await isEmptyFile(join(folder, name))) await rm(join(folder, name), { force: true })
  }
  return undefined
}

/** Only empty files, as holders make them, are removed. */
const isEmptyFile = (path: string): Promise<boolean> =>
  lstat(path).then(
    (found) => found.isFile() && found.size === 0,
    () => false
  )

/**
 * When a process began, as letters, digits and hyphens that no other process with this id has; undefined if
 * there is none.
 */
const beganAt = (pid: number): Promise<string | undefined> =>
  process.platform === "linux" ? beganOnLinux(pid) : beganElsewhere(pid)

/** The ticks since the machine was started, and an id of that start. */
const beganOnLinux = async (pid: number): Promise<string | undefined> => {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined)
  if (text === undefined) return undefined
  // The second field is the program's name in brackets, which may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8")
  return isGone(fields[0]!) ? undefined : `${fields[19]}-${boot.slice(0, 8)}`
}

/** By `ps`, to the second. */
const beganElsewhere = async (pid: number): Promise<string | undefined> => {
  const env = { ...environment(), LC_ALL: "C", TZ: "UTC" }
  const said = await promisify(execFile)("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { env }).catch(
    () => undefined
  )
  const match = said && /^\s*(\S+)\s+(.*\S)\s*$/.exec(said.stdout)
  return match && !isGone(match[1]!) ? match[2]!.toLowerCase().replace(/[^0-9a-z]+/g, "-") : undefined
}

/** A zombie holds nothing: its parent has only not yet collected its status. */
const isGone = (state: string): boolean => /^[ZX]/.test(state)
