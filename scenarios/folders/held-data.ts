/**
 * The data of a run, file by file, as `run.json` keeps them: a run may be resumed with other data than it
 * began with. Parties that have not uploaded yet check their own (`actors/users/user.ts`). This is for the
 * references, which are trained on what the files hold at the end.
 */
import { Data, Effect } from "effect"
import { tablesDigest } from "../../actors/users/tables-digest.ts"
import type { HeldTable } from "../../protocol/data/encoding.ts"
import type { Scenario } from "../description/schema.ts"
import { listed } from "../text/units.ts"
import type { HeldData } from "./run-mark.ts"

/** Rows or columns were added or removed since the run began. */
export class DataChanged extends Data.TaggedError("DataChanged")<{ readonly files: ReadonlyArray<string> }> {
  readonly retryable = false
  override get message(): string {
    return `other rows or columns than when the run began are in ${listed(this.files)}; put back what was there, or run the scenario again`
  }
}

/** What each user holds of each file; `tables` are the checked ones, in the scenario's order. */
export const heldData = (
  { users }: Pick<Scenario, "users">,
  tables: ReadonlyArray<ReadonlyArray<HeldTable>>
): Effect.Effect<ReadonlyArray<HeldData>> =>
  Effect.forEach(
    users.flatMap(({ name, holds }, user) =>
      holds.map(({ file }, holding) => ({ user: name, file, table: tables[user]![holding]! }))
    ),
    ({ user, file, table }) =>
      Effect.map(tablesDigest([table]), (digest) => ({
        user,
        file,
        rows: table.ids.length,
        columns: table.columns.length,
        digest
      }))
  )

/**
 * Why references trained on the present data would not be references of the run; undefined if they would be.
 * `begun` are the data with which it began.
 */
export const whyNoReference = (
  begun: ReadonlyArray<HeldData> | undefined,
  now: ReadonlyArray<HeldData>
): Effect.Effect<string | undefined, DataChanged> => {
  if (begun === undefined)
    return Effect.succeed("the version of bicameral that began the run kept no digest of the data")
  const differing = (differ: (one: HeldData | undefined, other: HeldData) => boolean) =>
    now.flatMap((held, i) => (differ(begun[i], held) ? [`${held.file} of user ${held.user}`] : []))
  const resized = differing(
    (before, held) =>
      before?.user !== held.user || before.rows !== held.rows || before.columns !== held.columns
  )
  if (resized.length > 0 || begun.length !== now.length)
    return new DataChanged({ files: resized.length > 0 ? resized : ["the files of the scenario"] })
  const changed = differing((before, held) => before?.digest !== held.digest)
  return Effect.succeed(
    changed.length === 0 ? undefined : `the data in ${listed(changed)} changed after the run began`
  )
}
