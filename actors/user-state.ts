/**
 * What a user keeps between the upload and the output, so that it can leave in between: its standing in the run, its
 * secret key, and the cells it held out for testing. Kept in the user's own store, which nobody else reads.
 */
import { Effect, Option, Redacted } from "effect"
import { denseCells, readRows } from "../protocol/data/cells.ts"
import { type FilledBlock, indicesFromBytes, indicesToBytes } from "../protocol/data/rows.ts"
import { ParametersOnWire } from "../protocol/messages/enrolment.ts"
import { Bytes, format } from "../protocol/messages/message.ts"
import { BlocksOnWire } from "../protocol/messages/output.ts"
import { Schema } from "../protocol/schema.ts"
import { Store } from "../runtime/store.ts"
import { checkStanding, type MemberOptions, type Membership } from "./membership.ts"

type Blocks = typeof BlocksOnWire.Type

export const blocksToWire = (blocks: ReadonlyArray<FilledBlock>): Blocks =>
  blocks.map(({ rows, columns, cells }) => ({
    rows: indicesToBytes(rows),
    columns: [...columns],
    cells: new Uint8Array(readRows(cells).buffer)
  }))

export const blocksFromWire = (blocks: Blocks): ReadonlyArray<FilledBlock> =>
  blocks.map(({ rows, columns, cells }) => ({
    rows: indicesFromBytes(rows),
    columns: Uint32Array.from(columns),
    cells: denseCells(columns.length, new Float64Array(cells.slice().buffer))
  }))

export interface UserState {
  readonly membership: Membership
  /** sk_i, fixed-width big-endian. */
  readonly secretKey: Redacted.Redacted<Uint8Array>
  /** Rows of the joint table: those trained on come first, the held-out ones after them. */
  readonly rows: { readonly total: number; readonly training: number }
  /** The user's own cells of held-out rows. */
  readonly heldOut: ReadonlyArray<FilledBlock>
  /** The user who tests on pooled held-out rows. */
  readonly tester: string
}

const Kept = format(
  "user state",
  Schema.Struct({
    parameters: ParametersOnWire,
    unifiedPublicKey: Bytes,
    orderKey: Bytes,
    roster: Bytes,
    sealing: Schema.Struct({ publicKey: Bytes, privateKey: Bytes }),
    secretKey: Bytes,
    rows: Schema.Struct({ total: Schema.Int, training: Schema.Int }),
    heldOut: BlocksOnWire,
    tester: Schema.String
  })
)

const entry = "user-state"

/** Writes the state, durably, before the upload is reported as done. */
export const keepUserState = (state: UserState) =>
  Effect.gen(function* () {
    const store = yield* Store
    const { wire, unifiedPublicKey, orderKey, signedRoster, sealing } = state.membership
    const packed = yield* Kept.encode({
      parameters: wire,
      unifiedPublicKey,
      orderKey,
      roster: signedRoster,
      sealing: { publicKey: sealing.publicKey, privateKey: Redacted.value(sealing.privateKey) },
      secretKey: Redacted.value(state.secretKey),
      rows: state.rows,
      heldOut: blocksToWire(state.heldOut),
      tester: state.tester
    })
    yield* store.put(entry, packed)
  })

/** The state that an earlier process of this user kept, if any. The roster is verified again. */
export const restoreUserState = (options: MemberOptions) =>
  Effect.gen(function* () {
    const store = yield* Store
    const packed = yield* store.get(entry)
    if (Option.isNone(packed)) return Option.none<UserState>()
    const kept = yield* Kept.decode(packed.value)
    const { parameters: wire, unifiedPublicKey, orderKey, roster: signedRoster, sealing } = kept
    const standing = yield* checkStanding(options, { wire, unifiedPublicKey, orderKey, signedRoster })
    const state: UserState = {
      membership: {
        ...standing,
        sealing: { publicKey: sealing.publicKey, privateKey: Redacted.make(sealing.privateKey) }
      },
      secretKey: Redacted.make(kept.secretKey),
      rows: kept.rows,
      heldOut: blocksFromWire(kept.heldOut),
      tester: kept.tester
    }
    return Option.some(state)
  })
