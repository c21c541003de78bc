/**
 * The end of a run at a user: it fetches the encrypted model from C1, makes sure with C0 that its first
 * components are C0's, exchanges partial decryptions and their proofs with all other users, decrypts the
 * model, and tests it on the held-out rows. Only all users together can decrypt it, or with a threshold any
 * so many of them that are there (`exchange.ts`); each of them then has the whole model.
 */
import { Effect } from "effect"
import { featureCount, labelCount } from "../../protocol/data/description.ts"
import { assembleWhole } from "../../protocol/data/joint.ts"
import { prepare, type Statistics } from "../../protocol/data/preparation.ts"
import type { FilledBlock } from "../../protocol/data/rows.ts"
import {
  type Model,
  modelOf,
  modelVersion,
  modelWords,
  type Preparation
} from "../../protocol/learning/model.ts"
import { leavesRange } from "../../protocol/learning/range.ts"
import type { TestedOnWire } from "../../protocol/messages/control.ts"
import { FetchModel, HeldOutCells, ModelDigest } from "../../protocol/messages/output.ts"
import { correctOf, tallyOf, tallyToBytes } from "../../protocol/metrics/tally.ts"
import { Ring } from "../../protocol/ring/ring.ts"
import { requireSealedByCloud0 } from "../../protocol/sharing/sealed-model.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { Store } from "../../runtime/storage/store.ts"
import { type Agreement, isTested, lossOf, networkOf, planOfBatch } from "../party/agreement.ts"
import type { Enrolled } from "../party/enrolment.ts"
import type { Gathering } from "../party/gathering.ts"
import type { Membership } from "../party/handouts.ts"
import { sharingOf } from "../sharing/forms.ts"
import { askAtOutput, doingWithout, type ExchangeOfPartials, type Secrets } from "./exchange.ts"
import { blocksFromWire, blocksToWire, type UserState } from "./state.ts"

/** What users send each other. */
type HeldOut = Effect.Effect.Success<ReturnType<typeof HeldOutCells.payload.decode>>

/** The entry of the decrypted model, as JSON, in a user's store. */
export const modelEntry = "model.json"

/**
 * The encrypted model from C1, of so many words. Refused unless C0 states that its first components are those
 * that it made: they will be raised to this user's secret key, and nothing else ever is.
 */
const fetchModel = (agreement: Agreement, { parameters }: Membership, words: number) =>
  Effect.gen(function* () {
    const party = yield* Party
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "output" }
    const sealed = yield* party.ask("cloud1", FetchModel, {}, ask)
    const { digest } = yield* party.ask("cloud0", ModelDigest, {}, ask)
    const ciphertexts = sharingOf(agreement).output.ciphertexts(words, parameters.bits)
    yield* requireSealedByCloud0(parameters, sealed, ciphertexts, digest)
    return sealed
  })

/** Who decrypts the model, and how what they send each other is exchanged. */
export interface Opening {
  readonly among: ReadonlyArray<string>
  readonly partials: ExchangeOfPartials
}

/**
 * Decrypts the model together with the other users, and stores it; with the users whose part was rejected.
 */
export const decryptModel = (
  agreement: Agreement,
  { membership, secrets }: Enrolled<Secrets>,
  statistics: Statistics,
  { among, partials }: Opening
) =>
  Effect.gen(function* () {
    const { run } = yield* Party
    const network = networkOf(agreement)
    const size = modelWords(network)
    const sealed = yield* fetchModel(agreement, membership, size)
    const decrypted = { run, published: membership, mode: agreement.security.exponents, sealed }
    const { rejected, valid } = yield* partials.exchange(decrypted, secrets, among)
    const words = yield* sharingOf(agreement).output.decrypt(sealed, {
      parameters: membership.parameters,
      users: agreement.users.map(({ actor }) => actor),
      partials: valid,
      threshold: agreement.decryption?.threshold,
      words: size
    })
    const ring = yield* Effect.promise(() => Ring.load())
    const { fractionalBits } = agreement.security
    const values = ring.decode(ring.from(1, size, words), fractionalBits)
    const data = prepare(agreement.data, statistics)
    const model = modelOf({ data, network, loss: lossOf(agreement), fractionalBits }, values)
    // The director is not told: it may not learn what the model is like.
    if (leavesRange(model, planOfBatch(agreement)))
      yield* Effect.logWarning("the model leaves the range of the fixed-point numbers: its training diverged")
    const store = yield* Store
    yield* store.put(modelEntry, new TextEncoder().encode(`${JSON.stringify(model)}\n`))
    return { model, rejected }
  }).pipe(Effect.withSpan("user.openModel"))

/** How rows are prepared for a model that is served, and what its outputs mean: all of the model but its numbers. */
export const preparationEntry = "preparation.json"

/** Writes that for who asks the clouds. */
export const writePreparation = (agreement: Agreement, statistics: Statistics) =>
  Effect.gen(function* () {
    const preparation: Preparation = {
      format: "bicameral preparation",
      version: modelVersion,
      data: prepare(agreement.data, statistics),
      network: networkOf(agreement),
      loss: lossOf(agreement),
      fractionalBits: agreement.security.fractionalBits
    }
    const store = yield* Store
    yield* store.put(preparationEntry, new TextEncoder().encode(`${JSON.stringify(preparation)}\n`))
  })

/** What this user tells the director of a test. */
type Tested = typeof TestedOnWire.Type

/**
 * Tests the model on held-out rows. If the scenario pools them, the tester tests on all rows, and the others
 * send it their cells and report nothing; otherwise each user tests on its own rows. Without some of the
 * users it tests on the rows that are whole without them, and nobody does where nobody is there that holds
 * labels.
 */
export const testModel = (
  agreement: Agreement,
  state: UserState,
  model: Model,
  pooled: Gathering<HeldOut>,
  among: ReadonlyArray<string>
) =>
  Effect.gen(function* () {
    if (!isTested(agreement)) return undefined
    if (!agreement.reveal.heldOutRows) return testOn(agreement, state, model, state.heldOut)
    const { decryption, deadlines } = agreement
    const party = yield* Party
    const tester = state.testers.find((actor) => among.includes(actor))
    if (tester === undefined) return undefined
    if (party.name === tester) {
      const others = among.filter((actor) => actor !== tester)
      const received =
        decryption === undefined
          ? yield* pooled.all(deadlines.replyTimeoutMs)
          : (yield* pooled.arrived(others, decryption.absenceTimeoutMs)).values()
      return testOn(agreement, state, model, [
        ...state.heldOut,
        ...[...received].flatMap(({ blocks }) => blocksFromWire(blocks))
      ])
    }
    const own = { blocks: blocksToWire(state.heldOut) }
    yield* doingWithout(agreement)(party.ask(tester, HeldOutCells, own, askAtOutput(agreement)))
    return undefined
  }).pipe(Effect.withSpan("user.testModel"))

/** Tests on the rows for which the blocks hold every cell. */
const testOn = (
  agreement: Agreement,
  { rows }: UserState,
  model: Model,
  blocks: ReadonlyArray<FilledBlock>
): Tested => {
  const table = assembleWhole(blocks, {
    firstRow: rows.uploaded,
    rows: rows.total - rows.uploaded,
    features: featureCount(agreement.data),
    labels: labelCount(agreement.data)
  })
  const tally = tallyOf(model, table)
  return {
    ...(agreement.reveal.accuracy ? { correct: correctOf(agreement.data, tally) } : {}),
    total: table.rows,
    ...(agreement.reveal.metrics ? { tally: tallyToBytes(tally) } : {})
  }
}
