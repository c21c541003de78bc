/**
 * The joint table of an archive, as both clouds know it: which cells are whose, and which rows are still whole. Where a
 * user has been withdrawn, the rows that it had a part in are left out.
 */
import { createHash } from "node:crypto"
import { Data, Effect } from "effect"
import { CanonicalWriter } from "../../../protocol/canonical.ts"
import { jointColumns } from "../../../protocol/data/description.ts"
import type { CellBlock } from "../../../protocol/data/rows.ts"
import { InvalidPlan } from "../../../protocol/learning/network.ts"
import { type Agreement, displayName, feasiblePlan } from "../../party/agreement.ts"
import { raised } from "../../party/typed-throws.ts"
import type { TableOutline } from "./joint-table.ts"

type Held = TableOutline["uploads"]

/** Of no row all cells are left. */
export class NoRowLeft extends Data.TaggedError("NoRowLeft")<{ readonly rows: number }> {
  readonly retryable = false
  override get message(): string {
    return `none of the ${this.rows} rows of the archive is whole any more, since users that had a part in each have been withdrawn; have the users upload again with bicameral run`
  }
}

/** A training was interrupted, and users were withdrawn from its archive before it went on. */
export class WithdrawnMeanwhile extends Data.TaggedError("WithdrawnMeanwhile")<{
  readonly users: ReadonlyArray<string>
}> {
  readonly retryable = false
  override get message(): string {
    return `the cells of ${this.users.join(", ")} were withdrawn from the archive after this training had opened it; delete its folder, and train again on what is left`
  }
}

/** The table that was opened, if the archive still has all of these users' cells: a training may have been moved from where it was noted. */
export const stillHeld = <E, R>(
  agreement: Agreement,
  opened: Effect.Effect<TableOutline, E, R>,
  held: Held
): Effect.Effect<TableOutline, E | WithdrawnMeanwhile, R> =>
  Effect.filterOrFail(
    opened,
    ({ uploads }) => missingOf(uploads, held).length === 0,
    ({ uploads }) =>
      new WithdrawnMeanwhile({
        users: missingOf(uploads, held).map(({ user }) => displayName(agreement, user))
      })
  )

const missingOf = (uploads: Held, held: Held): Held =>
  uploads.filter(({ user }) => !held.some((each) => each.user === user))

/** The rows of which all cells are there, ascending, and how many there may have been. */
export const wholeRows = (
  blocks: ReadonlyArray<CellBlock>,
  width: number
): { readonly of: number; readonly whole: Uint32Array } => {
  let of = 0
  for (const { rows } of blocks) for (const row of rows) of = Math.max(of, row + 1)
  const cells = new Uint32Array(of)
  for (const { rows, columns } of blocks) for (const row of rows) cells[row]! += columns.length
  const whole: Array<number> = []
  cells.forEach((count, row) => {
    if (count === width) whole.push(row)
  })
  return { of, whole: Uint32Array.from(whole) }
}

/** The table that is trained on: of these users' cells, of `ciphertexts`. */
export const reopenedTable = (agreement: Agreement, uploads: Held, ciphertexts: number) =>
  Effect.gen(function* () {
    const left = wholeRows(
      uploads.flatMap(({ blocks }) => blocks),
      jointColumns(agreement.data).length
    )
    const rows = left.whole.length
    if (rows === 0) return yield* new NoRowLeft({ rows: left.of })
    yield* raised([InvalidPlan], () => feasiblePlan(agreement, rows))
    const outline: TableOutline = { rows, ...(rows === left.of ? {} : { left }), ciphertexts, uploads }
    return outline
  })

/** SHA-256 of which cells are whose. */
export const cellsDigest = (uploads: Held): Uint8Array => {
  const writer = new CanonicalWriter().string("bicameral archive cells").u32(uploads.length)
  for (const { user, blocks } of uploads) {
    writer.string(user).u32(blocks.length)
    for (const { rows, columns } of blocks) writer.indices(rows).indices(columns)
  }
  return new Uint8Array(createHash("sha256").update(writer.finish()).digest())
}
