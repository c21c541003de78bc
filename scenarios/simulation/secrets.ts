/**
 * The secrets of a simulated run that are known from the start: parties' roots, what follows from them,
 * cells, ids.
 */
import { createHash } from "node:crypto"
import { Effect } from "effect"
import type { Agreement } from "../../actors/party/agreement.ts"
import { rootFrom } from "../../actors/party/root.ts"
import { digestsDeclared, digestsKnowing } from "../../actors/users/join.ts"
import { userJoinSecret } from "../../actors/users/private-join.ts"
import { maskSecret } from "../../actors/users/statistics.ts"
import { tablesDigest } from "../../actors/users/tables-digest.ts"
import { digestUpload } from "../../actors/users/upload-digest.ts"
import { wordBytes } from "../../protocol/bytes.ts"
import { readRows } from "../../protocol/data/cells.ts"
import type { EncodedTable, HeldTable } from "../../protocol/data/encoding.ts"
import { needsStatistics, noStatistics, statisticsNeeded } from "../../protocol/data/preparation.ts"
import { pointOf } from "../../protocol/join/points.ts"
import { seededKey } from "../../protocol/seeding.ts"
import { expandSeed } from "../../protocol/sharing/split.ts"
import { toVector } from "../../protocol/statistics/masks.ts"
import { firstLayout, ownSums, secondLayout } from "../../protocol/statistics/statistics.ts"
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

/** What each user's shares are derived for, and its parts of the keys of masks. */
interface Covered {
  readonly upload: Uint8Array
  readonly sums: Uint8Array
}

/** What the secrets of each user are derived for, in the order of the users. */
const coveredOf = (
  { agreement, tables }: Company,
  digestsOf: (ids: ReadonlyArray<string>) => Uint8Array,
  { statistics }: JoinedTables
) =>
  Effect.gen(function* () {
    const declared = yield* digestsDeclared(agreement, tables, digestsOf)
    return yield* Effect.forEach(tables, (held) =>
      Effect.map(
        tablesDigest(held),
        (digest): Covered => ({
          upload: digestUpload(digest, declared, statistics),
          sums: digestUpload(digest, declared, noStatistics)
        })
      )
    )
  })

/** The secrets that are the same in every run of an agreement on these data. */
export const secretsOf = ({ agreement, tables }: Company) => {
  const digestsOf = digestsKnowing(agreement, (user) => rootFrom(rootOf(user)))
  const joined = joinTables(agreement, tables, digestsOf)
  return Effect.map(coveredOf({ agreement, tables }, digestsOf, joined), (covered) => {
    const secrets = secretsWith({ agreement, tables: joined.tables }, covered)
    if (needsStatistics(agreement.data)) addSums(secrets, agreement, joined, covered)
    return secrets
  })
}

interface Encoded {
  readonly agreement: Agreement
  readonly tables: ReadonlyArray<ReadonlyArray<EncodedTable>>
}

/** What nobody may see of joint statistics: parts of keys, and sums as they are before they are under masks. */
const addSums = (
  secrets: Secrets,
  { data, users }: Agreement,
  { summed, statistics }: JoinedTables,
  covered: ReadonlyArray<Covered>
): void => {
  const needed = statisticsNeeded(data)
  for (const [i, { actor }] of users.entries()) {
    const root = rootFrom(rootOf(actor))
    for (const other of users)
      if (other.actor !== actor)
        secrets.add(
          `the part of ${actor} in the key of its masks with ${other.actor}`,
          maskSecret(root, covered[i]!.sums, other.actor)
        )
    const sums = ownSums(needed, summed[i]!, statistics)
    // A count looks like other small numbers.
    for (const [layout, numbers] of [
      [firstLayout(needed), sums[1]],
      [secondLayout(needed), sums[2]]
    ] as const)
      for (const [at, bytes] of layout.entries())
        if (bytes > wordBytes && numbers[at] !== 0n)
          secrets.add(`a sum of ${actor}`, toVector([bytes], [numbers[at]!]))
  }
}

const secretsWith = ({ agreement, tables }: Encoded, covered: ReadonlyArray<Covered>): Secrets => {
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
    const share = root("share", covered[i]!.upload)
    secrets.add(`the seed of the shares of ${user.actor}`, share)
    secrets.add(`the key of the randomizers of ${user.actor}`, root("randomizers", covered[i]!.upload))
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
  for (const id of new Set(tables.flatMap(({ ids }) => ids)))
    secrets.add(`the point of id ${id} of ${user}`, pointOf(id))
}

const addWords = (secrets: Secrets, what: string, words: Uint8Array) => {
  for (let at = 0; at < words.length; at += wordBytes) secrets.add(what, words.slice(at, at + wordBytes))
}
