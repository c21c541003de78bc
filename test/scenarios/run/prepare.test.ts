/** What is prepared of one user's own files. */
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { prepareOwn } from "../../../scenarios/run/prepare.ts"
import { splits, writeScenario } from "../../support/small-scenario.ts"

describe("one user's rows", () => {
  it.scopedLive("are read from its files alone", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* writeScenario(splits.rows)
      yield* Effect.promise(() => rm(join(folder, "south-0.csv")))
      const { table } = yield* prepareOwn(file, "north").pipe(Effect.provide(nodeContext))
      expect(table.rows).toBe(16)
    })
  )

  it.scopedLive("are not whole where others have columns, whatever these are scaled by", () =>
    Effect.gen(function* () {
      const data = {
        features: ["length", "width", "veins", "weight"],
        label: { column: "kind", values: ["ash", "elm"] }
      }
      const reveal = ["accuracy", "heldOutRows", "column-statistics"]
      const { file } = yield* writeScenario(splits.columns, { data, reveal })
      for (const user of ["north", "west"]) {
        const error = yield* Effect.flip(prepareOwn(file, user).pipe(Effect.provide(nodeContext)))
        expect(error).toMatchObject({ _tag: "NoWholeRow", user })
      }
    })
  )
})
