/** The ways in which users join their rows, salted and private, behind one interface. */
import { Effect } from "effect"
import { concatenate } from "../../protocol/bytes.ts"
import { jointColumns } from "../../protocol/data/description.ts"
import { sortDigests } from "../../protocol/data/digest-order.ts"
import type { HeldTable } from "../../protocol/data/encoding.ts"
import { digestIds, pickDigests, withoutOwnUnlabelled } from "../../protocol/data/rows.ts"
import { digestIdsUnder } from "../../protocol/join/points.ts"
import type { Agreement } from "../party/agreement.ts"
import type { Root } from "../party/root.ts"
import { privateJoin, userJoinSecret } from "./private-join.ts"
import { rowSalt, saltedJoin } from "./salted-join.ts"
import { type Declared, digestDeclared } from "./upload-digest.ts"

/** How this user joins its rows with the others'. */
export const joinOf = (agreement: Agreement, root: Root) =>
  agreement.join === "private" ? privateJoin(agreement, root) : saltedJoin(agreement, root)

/**
 * A user's tables as it joins them: without the rows that lack the label, as far as no other user has a cell of
 * them.
 */
export const joinedTables = (
  { data }: Agreement,
  tables: ReadonlyArray<HeldTable>
): ReadonlyArray<HeldTable> => withoutOwnUnlabelled(tables, jointColumns(data).length)

/**
 * What a user declares of its tables. In a private join the digests of each are in ascending order: that of the
 * file may say something of its ids.
 */
export const declaredOf = (
  { join }: Agreement,
  tables: ReadonlyArray<HeldTable>,
  digests: ReadonlyArray<Uint8Array>
): Declared => ({
  blocks: tables.map(({ columns, heldOut = false }, table) => ({
    digests: join === "private" ? sortDigests(digests[table]!) : digests[table]!,
    columns: [...columns],
    heldOut
  })),
  ...leftOutOf(join, tables, digests)
})

/** The rows that no user is to upload cells of, since their label is missing here. */
const leftOutOf = (
  join: Agreement["join"],
  tables: ReadonlyArray<HeldTable>,
  digests: ReadonlyArray<Uint8Array>
): Pick<Declared, "leftOut"> => {
  const out = concatenate(tables.map(({ unlabelled }, table) => pickDigests(digests[table]!, unlabelled)))
  if (out.length === 0) return {}
  return { leftOut: join === "private" ? sortDigests(out) : out }
}

/**
 * The digests of ids in a run of which one knows the roots of all users, or that has a seed: for simulations and
 * references.
 */
export const digestsKnowing = (agreement: Agreement, rootOf: (user: string) => Root) => {
  const { join, users } = agreement
  if (join === "salted") {
    const salt = rowSalt(agreement, rootOf(users[0]!.actor))
    return (ids: ReadonlyArray<string>) => digestIds(salt, ids)
  }
  const secrets = users.map(({ actor }) => userJoinSecret(agreement, rootOf(actor), actor))
  return (ids: ReadonlyArray<string>) => digestIdsUnder(secrets, ids)
}

/** The digests of what users with these tables declare, in their order, where one knows the tables of all of them. */
export const digestsDeclared = (
  agreement: Agreement,
  tables: ReadonlyArray<ReadonlyArray<HeldTable>>,
  digestsOf: (ids: ReadonlyArray<string>) => Uint8Array
) =>
  Effect.forEach(tables, (held) => {
    const own = joinedTables(agreement, held)
    const digests = own.map(({ ids }) => digestsOf(ids))
    return digestDeclared(declaredOf(agreement, own, digests))
  })
