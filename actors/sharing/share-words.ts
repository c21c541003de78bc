/** How shares are cut into parts. */
import { Effect } from "effect"
import { wordBytes } from "../../protocol/bytes.ts"

/** Words of a share that are made, placed or stored at a time: 4 MiB, some milliseconds of work. */
export const wordsAtATime = 2 ** 19

/** Cells that are encoded at a time, and that travel in a message of a hybrid upload: 1 MiB of words. */
export const cellsARun = 2 ** 17

/** Reads parts of a share that is in memory as a whole. */
export const partOf =
  (share: Uint8Array) =>
  (first: number, count: number): Effect.Effect<Uint8Array> =>
    Effect.succeed(share.subarray(first * wordBytes, (first + count) * wordBytes))
