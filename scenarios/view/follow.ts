/**
 * Follows the journal of a run while it grows, for as long as somebody looks: a few times a second the new lines are read, and
 * what is shown is handed on if it has changed. Costs the run itself nothing but that.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { join } from "node:path"
import { journalEntry } from "../folders/out-folder.ts"
import { journalLine } from "../report/journal.ts"
import { LiveRun, type Shown } from "./live.ts"

/** How often is looked. */
const pauseMs = 500
/** Read at a time. */
const chunkBytes = 64 * 1024

export interface Follows {
  readonly folder: string
  /** A journal that began earlier is of another run. In milliseconds since 1970; 0 for any. */
  readonly since: number
}

export class FollowedRun {
  readonly #file: string
  readonly #since: number
  #live = new LiveRun()
  /** Which file was read, and how far. */
  #inode = 0
  #offset = 0
  /** The beginning of a line whose end is not there yet. */
  #rest = Buffer.alloc(0)
  readonly #listeners = new Map<(shown: Shown) => void, string>()
  #timer: NodeJS.Timeout | undefined

  constructor({ folder, since }: Follows) {
    this.#file = join(folder, journalEntry)
    this.#since = since
  }

  /** Reads what has come. A journal that is another file than before, or shorter, is read from its beginning. */
  read(): void {
    let descriptor: number
    try {
      descriptor = openSync(this.#file, "r")
    } catch {
      return
    }
    try {
      const { ino, size } = fstatSync(descriptor)
      if (ino !== this.#inode || size < this.#offset) this.#restart(ino)
      const chunk = Buffer.alloc(chunkBytes)
      while (this.#offset < size) {
        const bytes = readSync(descriptor, chunk, 0, chunkBytes, this.#offset)
        if (bytes === 0) break
        this.#offset += bytes
        this.#take(chunk.subarray(0, bytes))
      }
    } catch {
      // What can't be read now may be readable later.
    } finally {
      closeSync(descriptor)
    }
  }

  #restart(inode: number): void {
    this.#inode = inode
    this.#offset = 0
    this.#rest = Buffer.alloc(0)
    this.#live = new LiveRun()
  }

  #take(bytes: Uint8Array): void {
    const all = Buffer.concat([this.#rest, bytes])
    const end = all.lastIndexOf(0x0a)
    this.#rest = Buffer.from(all.subarray(end + 1))
    for (const text of all
      .subarray(0, end + 1)
      .toString("utf8")
      .split("\n")) {
      const line = journalLine(text)
      if (line === undefined) continue
      const isOurs = line.event === "begin" ? line.time >= this.#since : this.#live.begun !== undefined
      if (isOurs) this.#live.add(line)
    }
  }

  shown(): Shown {
    const { begun } = this.#live
    return this.#live.shown(Date.now(), begun !== undefined && isAlive(begun.pid))
  }

  /** Calls with what is shown, now and whenever it changes. Returns what ends that. */
  subscribe(listener: (shown: Shown) => void): () => void {
    this.#listeners.set(listener, "")
    this.#timer ??= setInterval(() => this.look(), pauseMs)
    this.look()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  /** Looks now, and tells those who have not seen it. */
  look(): void {
    this.read()
    const shown = this.shown()
    const text = JSON.stringify(shown)
    for (const [listener, last] of this.#listeners) {
      if (last === text) continue
      this.#listeners.set(listener, text)
      listener(shown)
    }
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}
