/**
 * What each party of a trial run holds of its own: from what it stored, and for users from their data. The audit knows all of
 * it, as it runs the trial.
 */
import { Effect, Option, Redacted } from "effect"
import { trainedFormat } from "../../actors/clouds/training/training.ts"
import { type Agreement, actorsOf } from "../../actors/party/agreement.ts"
import { type Identities, identityIn } from "../../actors/party/identities.ts"
import { type Root as RootOf, rootEntry, rootFrom } from "../../actors/party/root.ts"
import { digestsDeclared, digestsKnowing } from "../../actors/users/join.ts"
import { userJoinSecret } from "../../actors/users/private-join.ts"
import { rowSalt } from "../../actors/users/salted-join.ts"
import { maskSecret } from "../../actors/users/statistics.ts"
import { tablesDigest } from "../../actors/users/tables-digest.ts"
import { digestUpload } from "../../actors/users/upload-digest.ts"
import type { Held, HeldCells, HeldShare } from "../../protocol/audit/recording.ts"
import { concatenate, wordBytes } from "../../protocol/bytes.ts"
import { pickRows, readRows } from "../../protocol/data/cells.ts"
import type { HeldTable } from "../../protocol/data/encoding.ts"
import { needsStatistics, noStatistics, statisticsNeeded } from "../../protocol/data/preparation.ts"
import { cellsAt, digestIds } from "../../protocol/data/rows.ts"
import {
  Cloud0Secrets,
  Cloud1Secrets,
  PublishedOnWire,
  UserSecrets
} from "../../protocol/messages/enrolment.ts"
import { Bytes, format } from "../../protocol/messages/message.ts"
import { Ring } from "../../protocol/ring/ring.ts"
import { Schema } from "../../protocol/schema.ts"
import { splitWords } from "../../protocol/sharing/split.ts"
import { ownSums } from "../../protocol/statistics/statistics.ts"
import { type JoinedTables, joinTables } from "../description/joined.ts"
import type { Recorder } from "./recorder.ts"

const Root = format("root", Schema.Struct({ secret: Bytes }))

const RunKeys = format(
  "keys of the run",
  Schema.Struct({
    published: PublishedOnWire,
    secrets: Schema.ReadonlyMap({ key: Schema.String, value: Bytes })
  })
)

/** A trial, when it has ended. */
export interface Ended {
  readonly agreement: Agreement
  readonly tables: ReadonlyArray<ReadonlyArray<HeldTable>>
  readonly identities: Identities
  readonly recorder: Recorder
}

type Secrets = Map<string, Uint8Array>

/** The joint table, and the digests of ids of which it is made. */
interface Joint extends JoinedTables {
  readonly digestsOf: (ids: ReadonlyArray<string>) => Uint8Array
}

/** The root of a party; nothing where it did not get as far as to draw one. */
const rootOf = ({ recorder }: Ended, party: string) =>
  Effect.gen(function* () {
    const stored = recorder.stored(party, rootEntry)
    if (stored === undefined) return Option.none()
    const { secret } = yield* Root.decode(stored)
    return Option.some({ secret, root: rootFrom(secret) })
  })

/**
 * The rows of the joint table, by the digests of the run; of a run that ended before there were any, by those under
 * no salt.
 */
const joined = (ended: Ended) =>
  Effect.gen(function* () {
    const { agreement, tables } = ended
    const roots = new Map<string, RootOf>()
    for (const { actor } of agreement.users) {
      const own = yield* rootOf(ended, actor)
      if (Option.isSome(own)) roots.set(actor, own.value.root)
    }
    const digestsOf =
      roots.size === agreement.users.length
        ? digestsKnowing(agreement, (user) => roots.get(user)!)
        : (ids: ReadonlyArray<string>) => digestIds(new Uint8Array(16), ids)
    return { ...joinTables(agreement, tables, digestsOf), digestsOf }
  })

/** By party, what it holds; and the number of training rows. */
export const heldIn = (ended: Ended) =>
  Effect.gen(function* () {
    const { agreement, identities } = ended
    const joint = yield* joined(ended)
    const declared = yield* declaredIn(ended, joint)
    const secrets = yield* secretsOfRun(ended, joint, declared)
    const needed = statisticsNeeded(agreement.data)
    const ring = yield* Effect.promise(() => Ring.load())
    const held = new Map<string, Held>()
    for (const party of ["director", ...actorsOf(agreement)]) {
      const own = secrets.get(party) ?? new Map<string, Uint8Array>()
      own.set("identity", Redacted.value(identityIn(identities, party).channel.privateKey))
      const user = agreement.users.findIndex(({ actor }) => actor === party)
      const cells = user < 0 ? [] : cellsOf(ring, joint, user, agreement.security.fractionalBits)
      const shares = user < 0 ? yield* trainedShare(ended, party) : uploaded(cells, own.get("share"))
      const sums =
        user < 0 || !needsStatistics(agreement.data)
          ? {}
          : { sums: ownSums(needed, joint.summed[user]!, joint.statistics) }
      held.set(party, { secrets: own, cells, shares, ...sums })
    }
    const statistics = { needed, found: joint.statistics, declared }
    return { held, rows: joint.rows.uploaded, statistics }
  })

/** Digests of what each user declares. */
const declaredIn = ({ agreement, tables }: Ended, { digestsOf }: Joint) =>
  digestsDeclared(agreement, tables, digestsOf)

/** The secrets of all parties, from what they stored. */
const secretsOfRun = (ended: Ended, { statistics }: Joint, declared: ReadonlyArray<Uint8Array>) =>
  Effect.gen(function* () {
    const { agreement, tables } = ended
    const secrets = new Map<string, Secrets>()
    const of = (party: string): Secrets => {
      const own = secrets.get(party) ?? new Map<string, Uint8Array>()
      secrets.set(party, own)
      return own
    }
    const first = yield* rootOf(ended, agreement.users[0]!.actor)
    for (const party of actorsOf(agreement)) {
      const own = yield* rootOf(ended, party)
      if (Option.isNone(own)) continue
      const { secret, root } = own.value
      of(party).set("root", secret)
      const user = agreement.users.findIndex(({ actor }) => actor === party)
      if (user >= 0) {
        const digest = yield* tablesDigest(tables[user]!)
        const covered = digestUpload(digest, declared, statistics)
        if (agreement.join === "private") of(party).set("join", userJoinSecret(agreement, root, party))
        else if (Option.isSome(first)) of(party).set("salt", rowSalt(agreement, first.value.root))
        of(party).set("share", root("share", covered))
        of(party).set("randomizers", root("randomizers", covered))
        if (needsStatistics(agreement.data))
          addMaskSecrets(of(party), agreement, root, party, digestUpload(digest, declared, noStatistics))
      } else if (party === "kgc") {
        const dealt = agreement.security.dealing === "kgc" ? (["dealer0", "dealer1"] as const) : []
        for (const purpose of [...dealt, "order"] as const) of(party).set(purpose, root(purpose))
      } else {
        of(party).set("weights", root("weights"))
        if (agreement.security.dealing === "clouds")
          of(party).set("prgKey", root(party === "cloud0" ? "dealer0" : "dealer1"))
      }
    }
    yield* addRunKeys(ended, of)
    return secrets
  })

/** A user's parts of the keys of its masks, which are derived for what it had before there were statistics. */
const addMaskSecrets = (
  secrets: Secrets,
  { users }: Agreement,
  root: RootOf,
  user: string,
  covered: Uint8Array
): void => {
  for (const { actor } of users)
    if (actor !== user) secrets.set(`mask secret for ${actor}`, maskSecret(root, covered, actor))
}

/** What the KGC drew, at the KGC and at those to whom it handed it out. */
const addRunKeys = ({ agreement, recorder }: Ended, of: (party: string) => Secrets) =>
  Effect.gen(function* () {
    const stored = recorder.stored("kgc", "keys")
    if (stored === undefined) return
    const handedOut = (yield* RunKeys.decode(stored)).secrets
    for (const { actor } of agreement.users) {
      for (const [name, bytes] of Object.entries(yield* UserSecrets.decode(handedOut.get(actor)!))) {
        of(actor).set(name, bytes)
        of("kgc").set(`${name} of ${actor}`, bytes)
      }
    }
    const cloud0 = yield* Cloud0Secrets.decode(handedOut.get("cloud0")!)
    for (const [name, bytes] of [["p", cloud0.p] as const, ["q", cloud0.q] as const]) {
      of("cloud0").set(name, bytes)
      of("kgc").set(name, bytes)
    }
    const cloud1 = yield* Cloud1Secrets.decode(handedOut.get("cloud1")!)
    if (cloud0.prgKey !== undefined) of("cloud0").set("prgKey", cloud0.prgKey)
    if (cloud1.prgKey !== undefined) of("cloud1").set("prgKey", cloud1.prgKey)
  })

/** A user's cells as they are placed in the joint table, those to train on first. */
const cellsOf = (
  ring: Ring,
  { tables, digests, rows: joint }: JoinedTables,
  user: number,
  fractionalBits: number
): ReadonlyArray<HeldCells> => {
  const placed = tables[user]!.map((table, i) => {
    const { ids, columns } = table
    const rows = joint.indices(digests[user]![i]!)
    const cells = cellsAt(table, rows, joint)
    const order = Uint32Array.from(rows.keys()).sort((a, b) => rows[a]! - rows[b]!)
    return (heldOut: boolean): HeldCells => {
      const kept = order.filter((place) => rows[place]! >= joint.uploaded === heldOut)
      const values = readRows(pickRows(cells, kept))
      const mark = ring.mark()
      const matrix = ring.matrix(1, values.length)
      ring.encode(matrix, values, fractionalBits)
      const words = ring.words(matrix).slice()
      ring.release(mark)
      return {
        ids: Array.from(kept, (place) => ids[place]!),
        columns: [...columns],
        rows: heldOut ? [] : Array.from(kept, (place) => rows[place]!),
        heldOut,
        words
      }
    }
  })
  return [false, true].flatMap((heldOut) =>
    placed.map((some) => some(heldOut)).filter(({ words }) => words.length > 0)
  )
}

/** m_i0 and m_i1 of a user, by the seed of its shares. */
const uploaded = (
  cells: ReadonlyArray<HeldCells>,
  seed: Uint8Array | undefined
): ReadonlyArray<HeldShare> => {
  if (seed === undefined) return []
  const words = concatenate(
    cells
      .filter(({ heldOut }) => !heldOut)
      .map(({ words }) => new Uint8Array(words.buffer, words.byteOffset, words.byteLength))
  )
  const { share0, share1 } = splitWords(words, seed)
  return [
    { what: "upload0", words: wordsOf(share0) },
    { what: "upload1", words: wordsOf(share1) }
  ]
}

const wordsOf = (bytes: Uint8Array): BigUint64Array =>
  new BigUint64Array(bytes.slice().buffer, 0, bytes.length / wordBytes)

/** A cloud's share of the trained weights. */
const trainedShare = ({ recorder }: Ended, party: string) =>
  Effect.gen(function* () {
    const stored = recorder.stored(party, "trained")
    if (stored === undefined) return []
    const { words } = yield* trainedFormat.decode(stored)
    const share: HeldShare = { what: "weights", words: wordsOf(words) }
    return [share]
  })
