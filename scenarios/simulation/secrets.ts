/**
 * The secrets of a simulated run that are known from the start: parties' roots, what follows from them,
 * cells, ids.
 */
import { createHash } from "node:crypto"
import { Effect } from "effect"
import type { Agreement } from "../../actors/party/agreement.ts"
import { rootFrom } from "../../actors/party/root.ts"
import { declaredOf, digestsKnowing, joinedTables } from "../../actors/users/join.ts"
import { userJoinSecret } from "../../actors/users/private-join.ts"
import { tablesDigest } from "../../actors/users/tables-digest.ts"
import { digestDeclared, digestUpload } from "../../actors/users/upload-digest.ts"
import { wordBytes } from "../../protocol/bytes.ts"
import { readRows } from "../../protocol/data/cells.ts"
import type { EncodedTable, HeldTable } from "../../protocol/data/encoding.ts"
import { pointBytes, Raiser } from "../../protocol/join/points.ts"
import { seededKey } from "../../protocol/seeding.ts"
import { expandSeed } from "../../protocol/sharing/split.ts"
import { type JoinedTables, joinTables } from "../description/joined.ts"
import { partiesOf } from "../faults-injected/plan.ts"
import { leastSecretBytes, Secrets } from "./checkers/secrets.ts"

/** The root of a party's secrets in every simulated run, so that the model is always the same. */
export const rootOf = (actor: string): Uint8Array =>
  new Uint8Array(createHash("sha256").update(`simulated root of ${actor}`).digest())

const drawnFromRoots = ["salt", "join", "weights", "dealer0", "dealer1", "archive"] as const
const seeded = ["dealer0", "dealer1", "initial0", "initial1", "rows", "join"] as const

interface Company {
  readonly agreement: Agreement
  readonly tables: ReadonlyArray<ReadonlyArray<HeldTable>>
}

/** What each user's shares are derived for, in the order of the users. */
const uploadsOf = (
  { agreement, tables }: Company,
  digestsOf: (ids: ReadonlyArray<string>) => Uint8Array,
  { statistics }: JoinedTables
) =>
  Effect.gen(function* () {
    const declared = yield* Effect.forEach(tables, (held) => {
      const own = joinedTables(agreement, held)
      return digestDeclared(
        declaredOf(
          agreement,
          own,
          own.map(({ ids }) => digestsOf(ids))
        )
      )
    })
    return yield* Effect.forEach(tables, (held) =>
      Effect.map(tablesDigest(held), (digest) => digestUpload(digest, declared, statistics))
    )
  })

/** The secrets that are the same in every run of an agreement on these data. */
export const secretsOf = ({ agreement, tables }: Company) => {
  const digestsOf = digestsKnowing(agreement, (user) => rootFrom(rootOf(user)))
  const joined = joinTables(agreement, tables, digestsOf)
  return Effect.map(uploadsOf({ agreement, tables }, digestsOf, joined), (uploads) =>
    secretsWith({ agreement, tables: joined.tables }, uploads)
  )
}

interface Encoded {
  readonly agreement: Agreement
  readonly tables: ReadonlyArray<ReadonlyArray<EncodedTable>>
}

const secretsWith = ({ agreement, tables }: Encoded, uploads: ReadonlyArray<Uint8Array>): Secrets => {
  const secrets = new Secrets()
  for (const actor of partiesOf(agreement)) {
    const root = rootOf(actor)
    secrets.add(`the root of ${actor}`, root)
    for (const purpose of drawnFromRoots) {
      secrets.add(`the key of ${actor} for ${purpose}`, rootFrom(root)(purpose))
    }
  }
  if (agreement.seed !== undefined)
    for (const purpose of seeded) secrets.add(`the key for ${purpose}`, seededKey(agreement.seed, purpose))
  for (const [i, user] of agreement.users.entries()) {
    const cells = tables[i]!.reduce((sum, table) => sum + table.cells.rows * table.cells.width, 0)
    const root = rootFrom(rootOf(user.actor))
    const share = root("share", uploads[i]!)
    secrets.add(`the seed of the shares of ${user.actor}`, share)
    secrets.add(`the key of the randomizers of ${user.actor}`, root("randomizers", uploads[i]!))
    addWords(secrets, `a share of a cell of ${user.actor}`, expandSeed(share, cells))
    if (agreement.join === "private") addJoin(secrets, agreement, user.actor, tables[i]!)
    for (const { ids, cells: encoded } of tables[i]!) {
      for (const id of ids) {
        const text = new TextEncoder().encode(id)
        if (text.length >= leastSecretBytes) secrets.add(`the id ${id} of ${user.actor}`, text)
      }
      for (const value of readRows(encoded)) {
        const fixed = BigInt(Math.round(value * 2 ** agreement.security.fractionalBits))
        // Round numbers, as labels are, look like other small numbers.
        if (fixed % 256n === 0n || (fixed < 2n ** 16n && fixed > -(2n ** 16n))) continue
        const word = new Uint8Array(wordBytes)
        new DataView(word.buffer).setBigInt64(0, fixed, true)
        secrets.add(`a cell of ${user.actor}`, word)
        const real = new Uint8Array(8)
        new DataView(real.buffer).setFloat64(0, value, true)
        secrets.add(`a cell of ${user.actor}`, real)
      }
    }
  }
  return secrets
}

/** What nobody may see of a private join: a user's secret, and the points of its ids before it raises them. */
const addJoin = (
  secrets: Secrets,
  agreement: Agreement,
  user: string,
  tables: ReadonlyArray<EncodedTable>
) => {
  secrets.add(`the secret of ${user} for the join`, userJoinSecret(agreement, rootFrom(rootOf(user)), user))
  const unraised = new Raiser(new Uint8Array(pointBytes).fill(1, pointBytes - 1))
  for (const id of new Set(tables.flatMap(({ ids }) => ids)))
    secrets.add(`the point of id ${id} of ${user}`, unraised.raiseIds([id]))
}

const addWords = (secrets: Secrets, what: string, words: Uint8Array) => {
  for (let at = 0; at < words.length; at += wordBytes) secrets.add(what, words.slice(at, at + wordBytes))
}
