/**
 * The private join: no user can test ids that it guesses. The digest of a row is a function of its id and of secrets
 * of all users, a Diffie–Hellman pseudo-random function (Huberman, Franklin and Hogg, 1999): the id's point of
 * Curve25519, raised to the secret of each. Every user has its own ids raised by all others, in a circle. First it
 * commits to them to all others; a user raises nothing before it has everybody's commitment, and of each list no
 * more than was committed to. So a user that guesses has to guess before it has learnt anything, and each guess is a
 * row that it must declare.
 *
 * Of a list, others see how many ids it has, and points under the owner's secret. What was raised is not stored:
 * the same points give the same bytes again, since a user's secret follows from its root.
 */
import { createHash } from "node:crypto"
import { Data, Effect, Option } from "effect"
import { derive } from "../../protocol/aead.ts"
import { concatenate } from "../../protocol/bytes.ts"
import { sameBytes } from "../../protocol/canonical.ts"
import type { HeldTable } from "../../protocol/data/encoding.ts"
import { joinRows, MalformedRows, MarkedByOneOnly, pickDigests } from "../../protocol/data/rows.ts"
import {
  ascending,
  type Commitment,
  commitTo,
  isCommitted,
  isWhole,
  piecePoints,
  piecesOf,
  pointsOfPiece
} from "../../protocol/join/lists.ts"
import { digestPoints, joinSecret, pointBytes } from "../../protocol/join/points.ts"
import { Bytes, format } from "../../protocol/messages/message.ts"
import { CommitIds, RaiseIds } from "../../protocol/messages/upload.ts"
import { Schema } from "../../protocol/schema.ts"
import { seededKey } from "../../protocol/seeding.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { type Agreement, displayName, partTimeoutMs } from "../party/agreement.ts"
import { BcpPool, piecesAtOnce } from "../party/bcp-pool.ts"
import { gather, type StillMissing } from "../party/gathering.ts"
import { NotExpected, onFrom } from "../party/handlers.ts"
import { remembered } from "../party/once.ts"
import { type Root, unchanged } from "../party/root.ts"
import { raised } from "../party/typed-throws.ts"
import { yieldTurn } from "../party/yield-turn.ts"
import type { Declared } from "./upload-digest.ts"

/** A list of ids, or a part of one, is not what its owner has committed to. */
export class ListRefused extends Data.TaggedError("ListRefused")<{
  /** The user that sent it. */
  readonly party: string
  /** The user whose ids they are. */
  readonly owner: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    const whose = this.party === this.owner ? "its ids" : `the ids of ${this.owner}`
    return `${this.party} sent a list of ${whose} that ${this.reason}; a list is committed to before any id is raised, and raised as it was: find out what runs as ${this.party}, and start a new run`
  }
}

/** A user has other rows than it had ids raised. */
export class DeclaresOtherRows extends Data.TaggedError("DeclaresOtherRows")<{
  readonly user: string
  readonly committed: number
  readonly declared: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.user} declares ${this.declared} rows and had ${this.committed} ids raised: with the others it could test ids that it guesses; find out what runs as ${this.user}, and start a new run`
  }
}

/** The secret to which a user raises points; in a reproducible run it is derived from the seed. */
export const userJoinSecret = ({ seed }: Agreement, root: Root, user: string): Uint8Array =>
  joinSecret(
    seed === undefined ? root("join") : derive(seededKey(seed, "join"), "bicameral private join", user, 16)
  )

const JoinedIds = format("digests of ids", Schema.Struct({ digests: Bytes }))

export const privateJoin = (agreement: Agreement, root: Root) =>
  Effect.gen(function* () {
    const party = yield* Party
    const circle = circleOf(agreement, party.name)
    const secret = userJoinSecret(agreement, root, party.name)
    const what = "its commitment to its list of ids"
    const commitments = yield* gather(what, circle.others, "commitment", CommitIds.payload)
    const patience = { deadlineMs: partTimeoutMs(agreement), phase: "upload" }
    const joining: Joining = {
      agreement,
      circle,
      secret,
      everybody: Effect.map(
        commitments.all(patience.deadlineMs),
        (all) => new Map(circle.others.map((other, i) => [other, all[i]!]))
      ),
      patience
    }
    /** What is looked up and stored, one request at a time. */
    const oneAtATime = Effect.unsafeMakeSemaphore(1)
    return {
      /** The digests of the ids of each table, in their order: found out once, with the other users. */
      digests: (tables: ReadonlyArray<HeldTable>) =>
        Effect.gen(function* () {
          const { ids, places } = yield* differentIds(tables)
          const { digests } = yield* remembered("joined-ids", JoinedIds, joinIds(joining, ids))
          return places.map((own) => pickDigests(digests, own))
        }),
      examine: (declared: ReadonlyMap<string, Declared>) =>
        Effect.flatMap(joining.everybody, (lists) => examine(agreement, lists, declared)),
      handlers: [
        onFrom(circle.others, CommitIds, (list, from) =>
          Effect.gen(function* () {
            const before = commitments.of(from)
            yield* requireSame(agreement, from, list, Option.getOrUndefined(before))
            if (Option.isNone(before)) yield* commitments.put(from, list)
            return {}
          }).pipe(oneAtATime.withPermits(1))
        ),
        onFrom(circle.before, RaiseIds, (piece, from) =>
          Effect.gen(function* () {
            const lists = yield* joining.everybody
            const list = lists.get(piece.owner)
            if (list === undefined)
              return yield* new NotExpected({ what: `the ids of ${piece.owner}`, party: from })
            yield* requirePiece(agreement, list, piece, from)
            if (piece.owner !== from) yield* oneAtATime.withPermits(1)(raisedOnce(joining, piece, from))
            return yield* raiseOn(joining, piece, from)
          })
        )
      ]
    }
  })

/** The users in a circle, as one of them sees it. */
interface Circle {
  readonly self: string
  readonly others: ReadonlyArray<string>
  readonly before: string
  readonly after: string
}

const circleOf = ({ users }: Agreement, self: string): Circle => {
  const actors = users.map(({ actor }) => actor)
  const place = actors.indexOf(self)
  const at = (index: number) => actors[(index + actors.length) % actors.length]!
  return {
    self,
    others: actors.filter((actor) => actor !== self),
    before: at(place - 1),
    after: at(place + 1)
  }
}

/** What a user needs for its part in the join. */
interface Joining {
  readonly agreement: Agreement
  readonly circle: Circle
  readonly secret: Uint8Array
  /** The commitments of all others, once they are all there. */
  readonly everybody: Effect.Effect<ReadonlyMap<string, Commitment>, StillMissing>
  readonly patience: { readonly deadlineMs: number; readonly phase: string }
}

/** A piece of a list, as it travels. */
interface Piece {
  readonly owner: string
  readonly piece: number
  readonly points: Uint8Array
}

const refusal = (agreement: Agreement, party: string, owner: string, reason: string) =>
  new ListRefused({ party: displayName(agreement, party), owner: displayName(agreement, owner), reason })

/** Refuses a commitment without digests of all its pieces, and another one than before. */
const requireSame = (agreement: Agreement, from: string, list: Commitment, before: Commitment | undefined) =>
  Effect.gen(function* () {
    if (!isWhole(list))
      return yield* refusal(agreement, from, from, `has ${list.ids} ids and digests of others`)
    if (before === undefined) return
    if (before.ids !== list.ids || !sameBytes(before.digests, list.digests))
      return yield* refusal(agreement, from, from, "is another than it committed to before")
  })

/** Refuses what is no piece of the list. From the owner itself, it must be what it committed to. */
const requirePiece = (
  agreement: Agreement,
  list: Commitment,
  { owner, piece, points }: Piece,
  from: string
) => {
  const expected = pointsOfPiece(list.ids, piece)
  if (expected === 0 || points.length !== expected * pointBytes)
    return refusal(
      agreement,
      from,
      owner,
      `has ${points.length} bytes where those of ${expected} points are due`
    )
  return owner === from && !isCommitted(list, piece, points)
    ? refusal(agreement, from, owner, "is another than it committed to")
    : Effect.void
}

/**
 * Notes which points were raised for a piece that others have raised before, so that no process of this user ever
 * raises others in their place. Of what comes from the owner, its commitment says so.
 */
const raisedOnce = ({ agreement }: Joining, { owner, piece, points }: Piece, from: string) =>
  unchanged(`raised-${owner}-${piece}`, "A piece", createHash("sha256").update(points).digest("hex")).pipe(
    Effect.catchTag("RunChanged", () => refusal(agreement, from, owner, "is another than it sent before"))
  )

/** Raises a piece, and has the users between this one and the owner do so too. */
const raiseOn = ({ agreement, circle, secret, patience }: Joining, piece: Piece, from: string) =>
  Effect.gen(function* () {
    const party = yield* Party
    const pool = yield* BcpPool
    const { points } = yield* pool
      .run("raisePoints", { secret, points: piece.points })
      .pipe(
        Effect.mapError((failed) =>
          failed.error._tag === "NoPoint"
            ? refusal(agreement, from, piece.owner, `has what is none: ${failed.error.message}`)
            : failed
        )
      )
    if (circle.after === piece.owner) return { points }
    return yield* party.ask(circle.after, RaiseIds, { ...piece, points }, patience)
  }).pipe(Effect.withSpan("user.raisePiece"))

/** The digests of different ids, in their order. */
const joinIds = (joining: Joining, ids: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { agreement, circle, patience } = joining
    const party = yield* Party
    const own = yield* raiseOwn(joining, ids)
    const list = ascending(own)
    const pieces = piecesOf(list.points)
    const commitment = commitTo(pieces)
    yield* Effect.forEach(circle.others, (other) => party.ask(other, CommitIds, commitment, patience), {
      concurrency: "unbounded",
      discard: true
    })
    yield* joining.everybody
    const digests = yield* Effect.forEach(
      pieces.entries(),
      ([piece, points]) =>
        Effect.gen(function* () {
          const request = { owner: circle.self, piece, points }
          const { points: together } = yield* party.ask(circle.after, RaiseIds, request, patience)
          if (together.length !== points.length)
            return yield* refusal(agreement, circle.after, circle.self, "has another length than it was sent")
          return digestPoints(together)
        }),
      { concurrency: piecesAtOnce }
    )
    return { digests: pickDigests(concatenate(digests), list.places) }
  }).pipe(Effect.withSpan("user.joinIds"))

/** The own ids under the own secret, in their order. */
const raiseOwn = ({ secret }: Joining, ids: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const pool = yield* BcpPool
    const firsts = Array.from({ length: Math.ceil(ids.length / piecePoints) }, (_, i) => i * piecePoints)
    const parts = yield* Effect.forEach(
      firsts,
      (first) => pool.run("raiseIds", { secret, ids: ids.slice(first, first + piecePoints) }),
      { concurrency: "unbounded" }
    )
    return concatenate(parts.map(({ points }) => points))
  })

/** Ids that are looked up in a turn of some milliseconds. */
const idsATurn = 16_384

/** The ids of all tables, each once, and the place of each id of each table among them. */
const differentIds = (tables: ReadonlyArray<HeldTable>) =>
  Effect.gen(function* () {
    const placeOf = new Map<string, number>()
    const places = tables.map(({ ids }) => new Uint32Array(ids.length))
    for (const [table, { ids }] of tables.entries())
      for (const [row, id] of ids.entries()) {
        const place = placeOf.get(id) ?? placeOf.size
        placeOf.set(id, place)
        places[table]![row] = place
        if (row % idsATurn === 0) yield* yieldTurn
      }
    return { ids: [...placeOf.keys()], places }
  })

/** What others declare must be as many rows as they had ids raised. */
const examine = (
  agreement: Agreement,
  lists: ReadonlyMap<string, Commitment>,
  declared: ReadonlyMap<string, Declared>
) =>
  Effect.forEach(
    lists,
    ([other, { ids }]) =>
      Effect.gen(function* () {
        const { blocks } = declared.get(other)!
        const { total } = yield* raised([MalformedRows, MarkedByOneOnly], () => joinRows(blocks, 0))
        if (total === ids) return
        const user = displayName(agreement, other)
        return yield* new DeclaresOtherRows({ user, committed: ids, declared: total })
      }),
    { discard: true }
  )
