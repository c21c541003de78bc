/**
 * A run of ciphertexts or words that comes in pieces, at a receiver who may die: a piece is in stable storage before it is
 * confirmed, and one that comes again is confirmed again. The first version of a piece stays.
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
  /** It, until it is in stable storage. */
  unkept: Uint8Array | undefined
  readonly turn: Effect.Semaphore
}

/** A run that is being put together; with `keptRun`. */
export type KeptRun = Effect.Effect.Success<ReturnType<typeof keptRun>>

/** The run of this name, with the pieces that an earlier process has kept of it. */
export const keptRun = (name: string, assembly: RunAssembly) =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const entry = (first: number) => `${name}-${first}`
    /** By their first place. */
    const placed = new Map<number, Placed>()

    for (const each of yield* stable.list) {
      if (!each.startsWith(`${name}-`)) continue
      const bytes = yield* stable.get(each)
      if (bytes._tag === "None") continue
      const first = Number(each.slice(name.length + 1))
      yield* assembly.place({ first, ciphertexts: bytes.value })
      const { length } = bytes.value
      placed.set(first, { length, unkept: undefined, turn: Effect.unsafeMakeSemaphore(1) })
    }

    const place = (piece: CiphertextPiece | WordPiece) =>
      Effect.gen(function* () {
        const { first } = piece
        const bytes = "words" in piece ? piece.words : piece.ciphertexts
        const known = placed.get(first)
        const again = known !== undefined && known.length === bytes.length
        if (!again) yield* assembly.place(piece)
        const here = again
          ? known
          : { length: bytes.length, unkept: bytes, turn: Effect.unsafeMakeSemaphore(1) }
        placed.set(first, here)
        // Whoever sends another version meanwhile waits for this one: what is kept is what is in memory.
        yield* here.turn.withPermits(1)(
          Effect.suspend(() =>
            here.unkept === undefined ? Effect.void : stable.put(entry(first), here.unkept)
          ).pipe(
            Effect.tap(() => {
              here.unkept = undefined
            })
          )
        )
      })

    return {
      place,
      length: assembly.length,
      /** Whether every piece is here and kept. */
      complete: () =>
        assembly.received === assembly.length &&
        Array.from(placed.values()).every(({ unkept }) => unkept === undefined),
      /** All of it, not a copy; or the first gap. */
      whole: Effect.suspend((): Effect.Effect<Uint8Array, PieceMissing> => assembly.whole()),
      /** Removes it from stable storage. */
      forget: Effect.suspend(() =>
        Effect.forEach(placed.keys(), (first) => stable.remove(entry(first)), { discard: true })
      )
    }
  })
