/**
 * A run of ciphertexts or words that arrives in pieces, at a receiver that may crash. A piece is stored
 * before it is confirmed; one that arrives again is confirmed again. The first version of a piece stays.
 */
import { Effect } from "effect"
import type {
  CiphertextPiece,
  PieceMissing,
  RunAssembly,
  WordPiece
} from "../../../protocol/sharing/upload.ts"
import { Stable } from "../../../runtime/storage/store.ts"

/** A piece that is in its place in memory. */
interface Placed {
  readonly length: number
  /** Its bytes, until they are in stable storage. */
  unstored: Uint8Array | undefined
  readonly turn: Effect.Semaphore
}

/** A run that is being put together. */
export type StoredRun = Effect.Effect.Success<ReturnType<typeof storedRun>>

/** The run of this name, with the pieces of it that an earlier process stored. */
export const storedRun = (name: string, assembly: RunAssembly) =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const entry = (first: number) => `${name}-${first}`
    /** By the place of their first item. */
    const placed = new Map<number, Placed>()
    const placedPiece = (length: number, unstored: Uint8Array | undefined): Placed => ({
      length,
      unstored,
      turn: Effect.unsafeMakeSemaphore(1)
    })

    for (const each of yield* stable.list) {
      if (!each.startsWith(`${name}-`)) continue
      const bytes = yield* stable.get(each)
      if (bytes._tag === "None") continue
      const first = Number(each.slice(name.length + 1))
      yield* assembly.place({ first, ciphertexts: bytes.value })
      placed.set(first, placedPiece(bytes.value.length, undefined))
    }

    const place = (piece: CiphertextPiece | WordPiece) =>
      Effect.gen(function* () {
        const { first } = piece
        const bytes = "words" in piece ? piece.words : piece.ciphertexts
        const known = placed.get(first)
        const again = known !== undefined && known.length === bytes.length
        if (!again) yield* assembly.place(piece)
        const here = again ? known : placedPiece(bytes.length, bytes)
        placed.set(first, here)
        // Another version that arrives meanwhile waits for this one: what is stored is what is in memory.
        yield* here.turn.withPermits(1)(
          Effect.suspend(() =>
            here.unstored === undefined ? Effect.void : stable.put(entry(first), here.unstored)
          ).pipe(
            Effect.tap(() => {
              here.unstored = undefined
            })
          )
        )
      })

    return {
      place,
      length: assembly.length,
      /** Whether every piece has arrived and is stored. */
      complete: () =>
        assembly.received === assembly.length &&
        Array.from(placed.values()).every(({ unstored }) => unstored === undefined),
      /** All of it, not a copy; or the first gap. */
      whole: Effect.suspend((): Effect.Effect<Uint8Array, PieceMissing> => assembly.whole()),
      /** Removes it from stable storage. */
      forget: Effect.suspend(() =>
        Effect.forEach(placed.keys(), (first) => stable.remove(entry(first)), { discard: true })
      )
    }
  })
