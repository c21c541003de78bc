/**
 * The digest of a user's own tables. The user alone stores it, so that a run is not resumed with other data.
 */
import { createHash } from "node:crypto"
import { Effect } from "effect"
import { readRows } from "../../protocol/data/cells.ts"
import { type HeldTable, rawCells } from "../../protocol/data/encoding.ts"
import { yieldTurn } from "../party/yield-turn.ts"

/** Cells that are hashed in a turn. */
const cellsATurn = 2 ** 17

/** Hexadecimal SHA-256 of ids, columns, marks and cells. */
export const tablesDigest = (tables: ReadonlyArray<HeldTable>) =>
  Effect.gen(function* () {
    const hash = createHash("sha256")
    for (const table of tables) {
      const { ids, columns, heldOut } = table
      const cells = rawCells(table)
      hash.update(JSON.stringify([ids, Array.from(columns), heldOut ?? null]))
      const rows = Math.max(1, Math.floor(cellsATurn / Math.max(1, cells.width)))
      for (let first = 0; first < cells.rows; first += rows) {
        hash.update(new Uint8Array(readRows(cells, first, Math.min(rows, cells.rows - first)).buffer))
        yield* yieldTurn
      }
    }
    return hash.digest("hex")
  })
