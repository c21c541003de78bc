/**
 * The end of a run at a user: fetch the sealed model, exchange partial decryptions with all other users, open it, and
 * test it on the rows that were held out. Only all users together can open; each of them then has the whole model.
 */
import { Effect, type Redacted } from "effect"
import { pickRows } from "../../protocol/data/cells.ts"
import { featureCount } from "../../protocol/data/encoding.ts"
import { assemble } from "../../protocol/data/joint.ts"
import type { FilledBlock } from "../../protocol/data/rows.ts"
import { countCorrect, type Model, modelOf, modelWords } from "../../protocol/learning/model.ts"
import { leavesRange } from "../../protocol/learning/range.ts"
import {
  FetchModel,
  HeldOutCells,
  HeldOutSecret,
  PartialDecryptions,
  PartialsSecret
} from "../../protocol/messages/output.ts"
import { Ring } from "../../protocol/ring/ring.ts"
import { openHybridModel } from "../../protocol/sharing/hybrid-output.ts"
import { openModel as openSealed, partiallyDecrypt } from "../../protocol/sharing/model-output.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { Store } from "../../runtime/storage/store.ts"
import { type Agreement, networkOf } from "../party/agreement.ts"
import { BcpPool } from "../party/bcp-pool.ts"
import { type Membership, sealTo } from "../party/enrolment.ts"
import type { Gathering } from "../party/gathering.ts"
import { blocksFromWire, blocksToWire, type UserState } from "./state.ts"

/** What users send each other, as it travels under seal. */
type Partials = Effect.Effect.Success<ReturnType<typeof PartialsSecret.decode>>
type HeldOut = Effect.Effect.Success<ReturnType<typeof HeldOutSecret.decode>>

/** Under this name a user keeps the opened model, as JSON, in its store. */
export const modelEntry = "model.json"

/** Opens the model together with the other users and keeps it. `partials` gathers what they send, in their order. */
export const openModel = (
  agreement: Agreement,
  membership: Membership,
  secretKey: Redacted.Redacted<Uint8Array>,
  partials: Gathering<Partials>
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const pool = yield* BcpPool
    const { parameters } = membership
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "output" }
    const { ciphertexts: sealed, shares } = yield* party.ask("cloud1", FetchModel, {}, ask)
    const own = yield* partiallyDecrypt(pool, { parameters, secretKey }, sealed)
    const users = agreement.users.map(({ actor }) => actor)
    const others = users.filter((actor) => actor !== party.name)
    const secret = { partials: own }
    yield* Effect.forEach(
      others,
      (other) =>
        Effect.flatMap(sealTo(membership, other, PartialDecryptions.tag, PartialsSecret, secret), (bytes) =>
          party.ask(other, PartialDecryptions, { sealed: bytes }, ask)
        ),
      { concurrency: "unbounded", discard: true }
    )
    const received = yield* partials.all(agreement.deadlines.phaseTimeoutMs)
    const all = new Map([
      [party.name, own],
      ...others.map((other, i) => [other, received[i]!.partials] as const)
    ])
    const network = networkOf(agreement)
    const size = modelWords(network)
    const words = yield* shares === undefined
      ? openSealed(pool, parameters, { sealed, words: size }, users, all)
      : openHybridModel(pool, parameters, party.run, { keys: sealed, shares, words: size }, users, all)
    const ring = yield* Effect.promise(() => Ring.load())
    const values = ring.decode(ring.from(1, size, words), agreement.security.fractionalBits)
    const model = modelOf(agreement.data, network, values)
    // The director is not told: it may not learn what the model is like.
    if (leavesRange(model, agreement.security.fractionalBits))
      yield* Effect.logWarning("the model leaves the range of the fixed-point numbers: its training diverged")
    const store = yield* Store
    yield* store.put(modelEntry, new TextEncoder().encode(`${JSON.stringify(model)}\n`))
    return model
  }).pipe(Effect.withSpan("user.openModel"))

/** What a test on held-out rows says. */
export interface Tested {
  readonly correct: number
  readonly total: number
}

/**
 * Tests the model on held-out rows: where the scenario pools them, the tester on all of them (the others send it
 * their cells and report nothing), otherwise each user on its own.
 */
export const testModel = (
  agreement: Agreement,
  membership: Membership,
  state: UserState,
  model: Model,
  pooled: Gathering<HeldOut>
) =>
  Effect.gen(function* () {
    if (!agreement.reveal.accuracy) return undefined
    if (!agreement.reveal.heldOutRows) return testOn(agreement, state, model, state.heldOut)
    const party = yield* Party
    if (party.name === state.tester) {
      const others = yield* pooled.all(agreement.deadlines.replyTimeoutMs)
      return testOn(agreement, state, model, [
        ...state.heldOut,
        ...others.flatMap(({ blocks }) => blocksFromWire(blocks))
      ])
    }
    const own = { blocks: blocksToWire(state.heldOut) }
    const sealed = yield* sealTo(membership, state.tester, HeldOutCells.tag, HeldOutSecret, own)
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "output" }
    yield* party.ask(state.tester, HeldOutCells, { sealed }, ask)
    return undefined
  }).pipe(Effect.withSpan("user.testModel"))

/** Tests on the rows of which the blocks hold every cell. */
const testOn = (
  agreement: Agreement,
  { rows }: UserState,
  model: Model,
  blocks: ReadonlyArray<FilledBlock>
): Tested => {
  const features = featureCount(agreement.data)
  const labels = agreement.data.label.values.length
  const cellsOfRow = new Uint32Array(rows.total - rows.training)
  for (const block of blocks) {
    for (const row of block.rows) cellsOfRow[row - rows.training]! += block.columns.length
  }
  // Only whole rows: the others' cells are not there to be tested.
  let total = 0
  const placeOf = cellsOfRow.map((cells) => (cells === features + labels ? total++ : 0))
  const isWhole = (row: number) => cellsOfRow[row - rows.training] === features + labels
  const whole = blocks.map(({ rows: ofBlock, columns, cells }): FilledBlock => {
    const kept = Uint32Array.from(ofBlock.keys()).filter((place) => isWhole(ofBlock[place]!))
    return {
      rows: kept.map((place) => placeOf[ofBlock[place]! - rows.training]!),
      columns,
      cells: pickRows(cells, kept)
    }
  })
  const table = assemble(whole, { firstRow: 0, rows: total, features, labels })
  return { correct: countCorrect(model, table.features, table.labels), total }
}
