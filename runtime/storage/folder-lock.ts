/**
 * A folder that one process at a time may hold: two that went on from the same state would each spoil what the other has. A holder has a
 * file in it that is named after the process, by its id and when it began; that of a process which is gone counts for
 * nothing. All who share a folder must see each other's processes: those of one host, outside of containers or in the same.
 */
import { execFile } from "node:child_process"
import { lstat, mkdir, open, readdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { Data, Duration, Effect, Random, type Scope } from "effect"
import { within } from "../deadline.ts"
import { environment } from "../environment.ts"
import { fileReason } from "./file-reason.ts"
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

/** A holder that is on its way out may take so long: a party ends when it finds that the process which started it is gone. */
const endingMs = 5_000
const [shortestPauseMs, longestPauseMs] = [20, 100]

/** Holds a folder, which is made if it is not there, until the scope ends or this process does. Waits some seconds for a holder that is ending. */
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
    /** Says that this process holds it, unless another does. Said before it is looked again: of two who come at once at least one sees the other. */
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
        // Of different length, for two who have seen each other.
        yield* Effect.sleep(Duration.millis(yield* Random.nextIntBetween(shortestPauseMs, longestPauseMs)))
        holder = yield* take
      }
    })
    yield* taken.pipe(within(patienceMs, () => new FolderInUse({ folder, pid: holder! })))
  })

interface Holder {
  readonly pid: number
  /** Tells it from another process that has the same id later. */
  readonly began: string
}

/** Whether a file of this name says who holds its folder, or did. */
export const isHoldersFile = (name: string): boolean => holderIn(name) !== undefined

const nameOf = ({ pid, began }: Holder): string => `.held-${pid}-${began}`
const holderIn = (name: string): Holder | undefined => {
  const match = /^\.held-(\d+)-([0-9a-z-]+)$/.exec(name)
  return match === null ? undefined : { pid: Number(match[1]), began: match[2]! }
}

/** The id of another process that holds the folder. What those who are gone have left there is removed. */
const otherHolder = async (folder: string, own: string): Promise<number | undefined> => {
  for (const name of await readdir(folder)) {
    const holder = holderIn(name)
    if (holder === undefined || name === own) continue
    if ((await beganAt(holder.pid)) === holder.began) return holder.pid
    if (await isEmptyFile(join(folder, name))) await rm(join(folder, name), { force: true })
  }
  return undefined
}

/** As holders make them: nothing else of such a name is removed. */
const isEmptyFile = (path: string): Promise<boolean> =>
  lstat(path).then(
    (found) => found.isFile() && found.size === 0,
    () => false
  )

/** When a process began, as letters, digits and hyphens that no other process of this id has; nothing where there is none. */
const beganAt = (pid: number): Promise<string | undefined> =>
  process.platform === "linux" ? beganOnLinux(pid) : beganElsewhere(pid)

/** The ticks since the machine was started, and which of its starts that was. */
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

/** A zombie holds nothing; whoever started it has only not asked for its end. */
const isGone = (state: string): boolean => /^[ZX]/.test(state)
