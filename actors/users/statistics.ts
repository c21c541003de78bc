/**
 * How the users find joint statistics of their columns among themselves, once the rows are joined and before any cell
 * is encoded (`protocol/statistics/`). Each user sends all others its sums under masks and adds up what all have sent.
 * Of another user's sums it learns what the joint ones tell; with fewer than three contributors to a column that is
 * much, and a user takes no part unless the scenario reveals it.
 *
 * What a user sends is the same after a restart: its secrets follow from its root, and what it received is stored and
 * not replaced. A mask serves one content whatever happens: the secrets of a user are derived for its data and for what
 * all declare, and the masks of the second pass for all that was sent in the first.
 */
import { Data, Effect, Option } from "effect"
import { derive } from "../../protocol/aead.ts"
import { sameBytes } from "../../protocol/canonical.ts"
import { RareClass } from "../../protocol/data/class-weights.ts"
import {
  needsStatistics,
  noStatistics,
  prepare,
  type StatisticsNeeded,
  statisticsNeeded
} from "../../protocol/data/preparation.ts"
import { MaskedSums, MaskSecret } from "../../protocol/messages/statistics.ts"
import {
  digestOf,
  type Layout,
  type Mask,
  masked,
  maskKey,
  secretBytes,
  sumOf,
  vectorBytes
} from "../../protocol/statistics/masks.ts"
import {
  firstLayout,
  firstSums,
  jointStatistics,
  leastContributors,
  meansOf,
  NoValues,
  neededColumns,
  type OwnCells,
  SumsDoNotFit,
  secondLayout,
  secondSums,
  trainingCells,
  ValueTooLarge
} from "../../protocol/statistics/statistics.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { type Agreement, displayName, partTimeoutMs } from "../party/agreement.ts"
import { type Gathering, gather } from "../party/gathering.ts"
import { NotExpected, onFrom } from "../party/handlers.ts"
import type { Root } from "../party/root.ts"
import { raised } from "../party/typed-throws.ts"
import { yieldTurn } from "../party/yield-turn.ts"
import type { AgreedRows } from "./rows.ts"
import { digestUpload } from "./upload-digest.ts"

/** Joint statistics of a column tell one contributor of the other, and nobody has agreed to that. */
export class TellsOfOthers extends Data.TaggedError("TellsOfOthers")<{
  readonly column: string
  readonly contributors: number
}> {
  readonly retryable = false
  override get message(): string {
    const whose =
      this.contributors === 1 ? "are those of its one owner" : "tell each of its two owners the other's"
    return `joint statistics of column ${this.column} ${whose}; give it a range and a value to fill in, or its classes weights in numbers, or add column-statistics to reveal`
  }
}

/** What a user sent is no vector of sums. */
export class SumsRefused extends Data.TaggedError("SumsRefused")<{
  readonly user: string
  readonly bytes: number
  readonly expected: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.user} sent masked sums of ${this.bytes} bytes where ${this.expected} are due; start every party with the same scenario`
  }
}

/** What a user has when the rows are joined. */
export interface JoinedCells {
  readonly own: OwnCells
  /** Training rows of the joint table. */
  readonly rows: number
  /** How many users hold training rows of each column. */
  readonly contributors: ReadonlyMap<string, number>
  /** What each user declares, as digests, in the order of the users. */
  readonly declared: ReadonlyArray<Uint8Array>
  /** A digest of what this user's secrets are derived for: of its data and of what all declare. */
  readonly covered: Uint8Array
}

/** What a user has of the columns that need statistics, once the rows are agreed on. `tables` is the digest of its tables. */
export const joinedCells = (
  { data }: Agreement,
  { joint, own, contributors, declared }: AgreedRows,
  tables: string
): JoinedCells => ({
  own: trainingCells(statisticsNeeded(data), own.tables, own.digests, joint),
  rows: joint.training,
  contributors,
  declared,
  covered: digestUpload(tables, declared, noStatistics)
})

/** A user's part of the key of its masks with another. */
export const maskSecret = (root: Root, covered: Uint8Array, other: string): Uint8Array =>
  derive(root("statistics", covered), "", `bicameral mask secret ${other}`, secretBytes)

type Secret = Effect.Effect.Success<ReturnType<typeof MaskSecret.payload.decode>>
type Sums = Effect.Effect.Success<ReturnType<typeof MaskedSums.payload.decode>>

/** Takes what a user sends once, and the same again. */
const putOnce = <A extends Secret | Sums>(gathering: Gathering<A>, what: string) => {
  const bytesOf = (value: Secret | Sums) => ("secret" in value ? value.secret : value.sums)
  const oneAtATime = Effect.unsafeMakeSemaphore(1)
  return (value: A, from: string) =>
    Effect.suspend(() => {
      const before = gathering.of(from)
      if (Option.isNone(before)) return gathering.put(from, value)
      return sameBytes(bytesOf(before.value), bytesOf(value))
        ? Effect.void
        : new NotExpected({ what: `${what} again, and another`, party: from })
    }).pipe(oneAtATime.withPermits(1))
}

/** A user's part in finding statistics; none where the columns need none. */
export const statisticsAmong = (agreement: Agreement, root: Root) =>
  needsStatistics(agreement.data)
    ? findingAmong(agreement, root)
    : Effect.succeed({ found: () => Effect.succeed(noStatistics), handlers: [] })

const findingAmong = (agreement: Agreement, root: Root) =>
  Effect.gen(function* () {
    const party = yield* Party
    const others = agreement.users.map(({ actor }) => actor).filter((actor) => actor !== party.name)
    const needed = statisticsNeeded(agreement.data)
    const layouts = { 1: firstLayout(needed), 2: secondLayout(needed) }
    const received: Received = {
      secrets: yield* gather("its part of the keys of masks", others, "mask-secret", MaskSecret.payload),
      1: yield* gather("its masked sums", others, "masked-sums-1", MaskedSums.payload),
      2: yield* gather("its masked sums of squares", others, "masked-sums-2", MaskedSums.payload)
    }
    const put = {
      secret: putOnce(received.secrets, "its part of a key"),
      1: putOnce(received[1], "masked sums"),
      2: putOnce(received[2], "masked sums of squares")
    }
    return {
      /** The statistics of the joined rows. Fails before anything is sent where they tell more than is agreed on. */
      found: (cells: JoinedCells) =>
        Effect.zipRight(
          requireContributors(agreement, needed, cells),
          find({ agreement, needed, layouts, others, received }, root, cells)
        ).pipe(Effect.withSpan("user.agreeOnStatistics")),
      handlers: [
        onFrom(others, MaskSecret, (secret, from) => Effect.as(put.secret(secret, from), {})),
        onFrom(others, MaskedSums, (sums, from) =>
          Effect.gen(function* () {
            const [bytes, expected] = [sums.sums.length, vectorBytes(layouts[sums.pass])]
            if (bytes !== expected)
              return yield* new SumsRefused({ user: displayName(agreement, from), bytes, expected })
            yield* put[sums.pass](sums, from)
            return {}
          })
        )
      ]
    }
  })

/** What the others have sent. */
interface Received {
  readonly secrets: Gathering<Secret>
  readonly 1: Gathering<Sums>
  readonly 2: Gathering<Sums>
}

interface Finding {
  readonly agreement: Agreement
  readonly needed: StatisticsNeeded
  readonly layouts: { readonly 1: Layout; readonly 2: Layout }
  readonly others: ReadonlyArray<string>
  readonly received: Received
}

const requireContributors = (
  { reveal }: Agreement,
  needed: StatisticsNeeded,
  { contributors }: JoinedCells
): Effect.Effect<void, TellsOfOthers> => {
  const few = neededColumns(needed)
    .map((column) => ({ column, contributors: contributors.get(column) ?? 0 }))
    .find(({ contributors }) => contributors < leastContributors)
  return few === undefined || reveal.columnStatistics ? Effect.void : new TellsOfOthers(few)
}

const find = (finding: Finding, root: Root, { own, rows, declared, covered }: JoinedCells) =>
  Effect.gen(function* () {
    const { agreement, needed, layouts, others, received } = finding
    const party = yield* Party
    const ask = { deadlineMs: partTimeoutMs(agreement), phase: "upload" }
    const toOthers = <A>(send: (other: string) => Effect.Effect<unknown, A>) =>
      Effect.forEach(others, send, { concurrency: "unbounded", discard: true })

    yield* toOthers((other) =>
      party.ask(other, MaskSecret, { secret: maskSecret(root, covered, other) }, ask)
    )
    const secrets = yield* received.secrets.all(ask.deadlineMs)
    const actors = agreement.users.map(({ actor }) => actor)
    const self = actors.indexOf(party.name)

    /** The masks of a pass with the others. */
    const masksOf = (pass: 1 | 2, about: Uint8Array): ReadonlyArray<Mask> =>
      others.map((other, i) => {
        const [mine, theirs] = [maskSecret(root, covered, other), secrets[i]!.secret]
        const use = { run: party.run, pass, about }
        return self < actors.indexOf(other)
          ? { key: maskKey([mine, theirs], { ...use, pair: [party.name, other] }), sign: 1n }
          : { key: maskKey([theirs, mine], { ...use, pair: [other, party.name] }), sign: -1n }
      })

    /** The masked sums of all users, in their order. */
    const exchange = (pass: 1 | 2, about: Uint8Array, numbers: ReadonlyArray<bigint>) =>
      Effect.gen(function* () {
        const sums = masked(layouts[pass], numbers, masksOf(pass, about))
        yield* toOthers((other) => party.ask(other, MaskedSums, { pass, sums }, ask))
        const all = (yield* received[pass].all(ask.deadlineMs)).map((each) => each.sums)
        return all.toSpliced(self, 0, sums)
      })

    const about = digestOf("bicameral sums", declared)
    const vectors = yield* exchange(1, about, yield* inTurns(firstSums(needed, own)))
    const first = sumOf(layouts[1], vectors)
    const means = yield* raised(unfit, () => meansOf(needed, first, rows))
    const squares =
      layouts[2].length === 0
        ? []
        : yield* exchange(
            2,
            digestOf("bicameral sums of squares", [about, ...vectors]),
            yield* inTurns(secondSums(needed, own, means))
          )
    return yield* raised(unfit, () => {
      const found = jointStatistics(needed, { first, second: sumOf(layouts[2], squares) }, rows)
      // Here, where the user can still say so: classes may be too rare to be balanced.
      prepare(agreement.data, found)
      return found
    })
  })

/** What may be wrong with the sums of all users together, and with a user's cells. */
const unfit = [SumsDoNotFit, NoValues, RareClass, ValueTooLarge] as const

/** Runs a long computation, and serves messages between its turns. */
const inTurns = <A>(work: Generator<void, A>) =>
  Effect.gen(function* () {
    for (;;) {
      const { done, value } = yield* raised(unfit, () => work.next())
      if (done) return value
      yield* yieldTurn
    }
  })
