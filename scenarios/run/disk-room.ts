/** Whether the disk has room for what a run stores, asked before anything is begun. */
import { statfs } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { Data, Effect } from "effect"
import { size } from "../text/units.ts"

/** The disk is too small for what cloud 1 stores before the training. */
export class DiskTooFull extends Data.TaggedError("DiskTooFull")<{
  readonly folder: string
  readonly neededBytes: number
  readonly freeBytes: number
}> {
  readonly retryable = false
  override get message(): string {
    return `the disk of ${this.folder} has ${size(this.freeBytes)} left, and cloud 1 stores ${size(this.neededBytes)} of corrections before the training; make room, choose another folder with --out, or set security.dealing to kgc`
  }
}

/** Bytes that are left on the disk of a folder, which may not be there yet; undefined where nobody knows. */
const freeBytesOf = async (folder: string): Promise<number | undefined> => {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    const above = dirname(folder)
    return above === folder ? undefined : freeBytesOf(above)
  }
}

/** Refuses a run whose folder has no room for `neededBytes`. */
export const requireRoom = (folder: string, neededBytes: number): Effect.Effect<void, DiskTooFull> =>
  Effect.flatMap(
    Effect.promise(() => freeBytesOf(resolve(folder))),
    (freeBytes) =>
      freeBytes !== undefined && freeBytes < neededBytes
        ? new DiskTooFull({ folder, neededBytes, freeBytes })
        : Effect.void
  )
