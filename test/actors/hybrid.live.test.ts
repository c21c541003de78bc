/** Whole runs with the hybrid forms of upload and output: the same model as with the packed forms, and what is left at rest. */
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { archiveEntry } from "../../actors/clouds/transformation/at-cloud1.ts"
import { decodeArchive } from "../../protocol/archive/archive.ts"
import { pieceEntry } from "../../protocol/archive/pieces.ts"
import { wordBytes } from "../../protocol/bytes.ts"
import { countCells } from "../../protocol/data/rows.ts"
import { within } from "../../scenarios/run/run-result.ts"
import { allOwn, runInMemory, type Split, splits, writeScenario } from "../support/small-scenario.ts"

const short = { seed: 5, training: { epochs: 2, batch: 8, rate: 0.25 } }
const security = { modulusBits: 512, insecure: true }

const run = (split: Split, changes: object = {}) =>
  Effect.gen(function* () {
    const { file, out } = yield* writeScenario(split, { ...short, ...changes })
    const result = yield* runInMemory(file, out)
    const read = (...path: ReadonlyArray<string>) =>
      Effect.promise(async () => new Uint8Array(await readFile(join(out, ...path))))
    return { result, out, read, model: Buffer.from(yield* read("model.json")).toString() }
  })

describe("run - hybrid", () => {
  it.scopedLive("gives the very model of the packed forms, however the table is split", () =>
    Effect.gen(function* () {
      const packed = yield* run(splits.rows)
      for (const forms of [
        { upload: "hybrid" },
        { output: "hybrid" },
        { upload: "hybrid", output: "hybrid" }
      ]) {
        const { model, result } = yield* run(splits.blocks, { security: { ...security, ...forms } })
        expect(model).toBe(packed.model)
        expect(result.maxWeightDeviation).toBe(0)
        expect(result.rounds.measured).toBe(result.rounds.predicted)
        expect(within(result.bytes, 0.05)).toBe(true)
      }
    })
  )

  it.scopedLive("leaves the users' seeds under pk and C1's share in encrypted pieces", () =>
    Effect.gen(function* () {
      const leaving = { placement: { usersLeaveAfterUpload: true } }
      const forms = { security: { ...security, upload: "hybrid", output: "hybrid" } }
      const { out, read, result } = yield* run(splits.columns, { ...forms, ...leaving })
      const archive = yield* decodeArchive(yield* read("parties", "cloud1", archiveEntry))
      let cells = 0
      for (const { user, blocks, share0, share1 } of archive.uploads) {
        expect(share0).toHaveLength(256)
        expect(share1).toHaveLength(0)
        const name = { run: archive.run, user, piece: 0 }
        const piece = yield* read("parties", "cloud1", pieceEntry(name))
        expect(piece.length).toBeGreaterThan(wordBytes * countCells(blocks))
        cells += countCells(blocks)
      }
      expect(cells).toBe(result.rows.training * 6)
      const filesOf = (party: string) =>
        Effect.promise(async () => (await readdir(join(out, "parties", party))).sort())
      const pieces = archive.uploads.map(({ user }) => pieceEntry({ user, piece: 0 }))
      // Neither the key of the pieces nor the encrypted model outlives the run there.
      expect(yield* filesOf("cloud1")).toEqual(["archive", ...pieces, "ended", "events.jsonl"].sort())
      expect(yield* filesOf("cloud0")).toEqual(["ended", "events.jsonl"])
      yield* allOwn(out)
    })
  )

  it.scopedLive("tests on the rows of files that are marked, and trains on all others", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.rows, {
        ...short,
        heldOut: "marked",
        reveal: ["accuracy"],
        users: [
          { name: "north", holds: [{ file: "north-0.csv" }] },
          { name: "south", holds: [{ file: "south-0.csv" }, { file: "west-0.csv", heldOut: true }] }
        ]
      })
      const result = yield* runInMemory(file, out)
      expect(result.rows).toEqual({ training: 45, heldOut: 15 })
      expect(result.tested?.total).toBe(15)
      expect(result.maxWeightDeviation).toBe(0)
    })
  )
})
