/**
 * The salted join: the users share a salt, and the digests of their ids are under it. Any of them can test ids that
 * it guesses (`private-join.ts` lets none).
 */
import { createHash } from "node:crypto"
import { Effect } from "effect"
import { concatenate } from "../../protocol/bytes.ts"
import type { HeldTable } from "../../protocol/data/encoding.ts"
import { digestIds } from "../../protocol/data/rows.ts"
import { RowSalt } from "../../protocol/messages/upload.ts"
import { seededKey } from "../../protocol/seeding.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import type { Agreement } from "../party/agreement.ts"
import { NotExpected, onFrom } from "../party/handlers.ts"
import { type Root, unchanged } from "../party/root.ts"
import { yieldTurn } from "../party/yield-turn.ts"

/** The salt, which the first user draws; in a reproducible run it is derived from the seed. */
export const rowSalt = ({ seed }: Agreement, root: Root): Uint8Array =>
  seed === undefined ? root("salt") : seededKey(seed, "rows")

/** Asks the first user for the salt. */
const askRowSalt = (agreement: Agreement) =>
  Effect.gen(function* () {
    const party = yield* Party
    const first = agreement.users[0]!.actor
    const options = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "upload" }
    return (yield* party.ask(first, RowSalt, {}, options)).salt
  })

export const saltedJoin = (agreement: Agreement, root: Root) =>
  Effect.gen(function* () {
    const party = yield* Party
    const [first, ...others] = agreement.users
    const own = party.name === first!.actor ? rowSalt(agreement, root) : undefined
    return {
      /** The digests of the ids of each table, in their order. Fails if the salt is another than before. */
      digests: (tables: ReadonlyArray<HeldTable>) =>
        Effect.gen(function* () {
          const salt = own ?? (yield* askRowSalt(agreement))
          const given = createHash("sha256").update(salt).digest("hex")
          yield* unchanged("salt", `The salt that ${first!.name} gives`, given)
          return yield* Effect.forEach(tables, ({ ids }) => digested(salt, ids))
        }),
      /** What others have declared needs no look. */
      examine: () => Effect.void,
      handlers: [
        onFrom(
          others.map(({ actor }) => actor),
          RowSalt,
          (_, from) =>
            own === undefined
              ? new NotExpected({ what: "a request that only the first user can answer", party: from })
              : Effect.succeed({ salt: own })
        )
      ]
    }
  })

/** Ids that are digested in a turn of some ten milliseconds. */
const idsATurn = 4096

/** The digests of the ids, in turns. */
const digested = (salt: Uint8Array, ids: ReadonlyArray<string>): Effect.Effect<Uint8Array> =>
  Effect.gen(function* () {
    const parts: Array<Uint8Array> = []
    for (let first = 0; first < ids.length; first += idsATurn) {
      parts.push(digestIds(salt, ids.slice(first, first + idsATurn)))
      yield* yieldTurn
    }
    return concatenate(parts)
  })
