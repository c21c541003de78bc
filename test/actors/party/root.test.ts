import { it } from "@effect/vitest"
import { Effect } from "effect"
import { describe, expect } from "vitest"
import type { Agreement } from "../../../actors/party/agreement.ts"
import { partyRoot, unchanged } from "../../../actors/party/root.ts"
import { tablesDigest } from "../../../actors/users/tables-digest.ts"
import { memoryStore, Stable } from "../../../runtime/storage/store.ts"
import { heldNumbers } from "../../support/held-table.ts"

// Only the digest of an agreement is looked at.
const agreement = (rate: number) => ({ scenario: "x", training: { rate } }) as unknown as Agreement
const table = (cell: number) => heldNumbers(["a", "b"], [0, 3], [1, 2, 3, cell])

describe("the root of a party", () => {
  it.effect("is the same at every start, and serves no other scenario", () =>
    Effect.gen(function* () {
      const first = yield* partyRoot(agreement(0.1))
      const again = yield* partyRoot(agreement(0.1))
      expect(again("share")).toEqual(first("share"))
      expect(again("share")).not.toEqual(first("weights"))
      const error = yield* Effect.flip(partyRoot(agreement(0.2)))
      expect(error).toMatchObject({
        _tag: "RunChanged",
        retryable: false,
        what: expect.stringContaining("scenario")
      })
    }).pipe(Effect.provideService(Stable, memoryStore()))
  )

  it.effect("is not used on other data than at first", () =>
    Effect.gen(function* () {
      const check = (cell: number) =>
        Effect.flatMap(tablesDigest([table(cell)]), (digest) => unchanged("tables", "the data", digest))
      yield* check(4)
      yield* check(4)
      expect(yield* Effect.flip(check(5))).toMatchObject({ _tag: "RunChanged", what: "the data" })
    }).pipe(Effect.provideService(Stable, memoryStore()))
  )
})
