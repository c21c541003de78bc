import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { free } from "../../../protocol/bytes.ts"
import { exchange, type Rounds } from "../../../runtime/messaging/contract.ts"

describe("exchange", () => {
  it.effect(
    "gives the peer's part in memory of its own: freed, it leaves the rest of a chunk as it was",
    () =>
      Effect.gen(function* () {
        // As the socket reads them: two messages in a chunk, each a Buffer, whose own `slice` does not copy.
        const chunk = Buffer.alloc(65_536, 7)
        const [first, second] = [chunk.subarray(0, 30_000), chunk.subarray(30_000)]
        const rounds: Rounds = {
          drive: (_, computation) =>
            Effect.sync(() => {
              computation.next()
              const end = computation.next([first])
              if (!end.done) throw new Error("one round was expected")
              return { value: end.value, rounds: 1, waitedMs: 0 }
            })
        }
        const received = yield* exchange(rounds, 1, new Uint8Array(0))
        expect(received).toEqual(new Uint8Array(30_000).fill(7))
        free(received)
        expect(second.subarray(0, 1)[0]).toBe(7)
      })
  )
})
