/** What a user announces is measured against the agreement before a cloud takes memory for it. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { intakeAt } from "../../../../actors/clouds/upload/intake.ts"
import { indicesToBytes } from "../../../../protocol/data/rows.ts"
import { memory } from "../../../../runtime/storage/store.ts"
import { agreed } from "../../../support/on-a-hub.ts"

const indices = (count: number, first = 0) =>
  indicesToBytes(Uint32Array.from({ length: count }, (_, i) => first + i))
const columns = (count: number) => Array.from({ length: count }, (_, i) => i)

describe("the announcement of an upload", () => {
  it.scoped("is refused where the agreed table can't be so large, whatever it would take to hold it", () =>
    Effect.gen(function* () {
      const agreement = yield* agreed
      // Four features and two labels.
      const announced = (rows: number, blocks: ReadonlyArray<{ rows: Uint8Array; columns: Array<number> }>) =>
        Effect.flatMap(intakeAt(agreement, 0), (intake) =>
          intake.announce("user1", { rows, ciphertexts: 1, blocks })
        ).pipe(Effect.provide(Layer.fresh(memory)))
      const refusal = (...args: Parameters<typeof announced>) =>
        Effect.map(Effect.flip(announced(...args)), (error) => {
          expect(error._tag).toBe("UploadsDisagree")
          return error.message
        })
      expect(yield* refusal(2 ** 40, [])).toContain(
        "announced 1099511627776 training rows, and no cloud has room"
      )
      expect(yield* refusal(10, [{ rows: indices(11), columns: [0] }])).toContain(
        "announced 11 rows in one block, of 10 in all"
      )
      for (const wrong of [[0, 0], [6], [2 ** 32], Array.from({ length: 100_000 }, () => 1)])
        expect(yield* refusal(10, [{ rows: indices(10), columns: wrong }])).toContain(
          "columns that are there twice or not at all, of 6"
        )
      const whole = { rows: indices(10), columns: columns(6) }
      expect(
        yield* refusal(
          10,
          Array.from({ length: 1000 }, () => whole)
        )
      ).toContain("announced 60000 cells of a table that has 60")
      // What fits is told how many ciphertexts it takes.
      expect(yield* refusal(10, [whole])).toMatch(/announced 1 ciphertexts for 60 cells, which take \d+/)
    })
  )
})
