/**
 * A run of ciphertexts or words that comes in pieces, at a receiver who may die: a piece is in stable storage before it is
 * confirmed, and one that comes again is confirmed again. The first version of a piece stays.
 */
import { Effect } from "effect"
import type { CiphertextPiece, PieceMissing, RunAssembly, WordPiece } from "../protocol/sharing/upload.ts"
import { Stable } from "../runtime/store.ts"

/** A run that is being put together; with `keptRun`. */
export type KeptRun = Effect.Effect.Success<ReturnType<typeof keptRun>>

/** The run of this name, with the pieces that an earlier process has kept of it. */
export const keptRun = (name: string, assembly: RunAssembly) =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const entry = (first: number) => `${name}-${first}`
    /** By their first place: how long, and whether in stable storage. */
    const placed = new Map<number, { readonly bytes: number; kept: boolean }>()

    for (const each of yield* stable.list) {
      if (!each.startsWith(`${name}-`)) continue
      const bytes = yield* stable.get(each)
      if (bytes._tag === "None") continue
      const first = Number(each.slice(name.length + 1))
      yield* assembly.place({ first, ciphertexts: bytes.value })
      placed.set(first, { bytes: bytes.value.length, kept: true })
    }

    const place = (piece: CiphertextPiece | WordPiece) =>
      Effect.gen(function* () {
        const { first } = piece
        const bytes = "words" in piece ? piece.words : piece.ciphertexts
        const known = placed.get(first)
        const again = known !== undefined && known.bytes === bytes.length
        if (!again) yield* assembly.place(piece)
        const here = again ? known : { bytes: bytes.length, kept: false }
        placed.set(first, here)
        if (here.kept) return
        yield* stable.put(entry(first), bytes)
        here.kept = true
      })

    return {
      place,
      length: assembly.length,
      /** Whether every piece is here and kept. */
      complete: () =>
        assembly.received === assembly.length && Array.from(placed.values()).every(({ kept }) => kept),
      /** All of it, not a copy; or the first gap. */
      whole: Effect.suspend((): Effect.Effect<Uint8Array, PieceMissing> => assembly.whole()),
      /** Removes it from stable storage. */
      forget: Effect.suspend(() =>
        Effect.forEach(placed.keys(), (first) => stable.remove(entry(first)), { discard: true })
      )
    }
  })
