/**
 * A data owner (U_i of the paper). It agrees with the other users on the rows, splits its cells into two
 * shares, encrypts both and uploads one to each cloud; after that it may leave. At the end the users decrypt
 * the model together and test it on the rows that they held out. Cells and keys leave this actor only
 * encrypted.
 */
import { Deferred, Effect } from "effect"
import type { HeldTable } from "../../protocol/data/encoding.ts"
import { MalformedRows } from "../../protocol/data/rows.ts"
import { Enrol, OpenModel, RollCall, Upload } from "../../protocol/messages/control.ts"
import { HeldOutCells, PartialDecryptions } from "../../protocol/messages/output.ts"
import { Declaration } from "../../protocol/messages/upload.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { type Agreement, agreementDigest, opensModel, reopens, servesModel } from "../party/agreement.ts"
import { erasing } from "../party/erasure.ts"
import { type Gathering, gather } from "../party/gathering.ts"
import { onDirector, onFrom } from "../party/handlers.ts"
import type { Membership } from "../party/handouts.ts"
import { lifecycle, OtherScenario } from "../party/lifecycle.ts"
import { once } from "../party/once.ts"
import { reached } from "../party/prerequisites.ts"
import { partyRoot, type Root, unchanged } from "../party/root.ts"
import { raised } from "../party/typed-throws.ts"
import { enrolmentAtUser, keepForArchive, keptState, remainsAtUser, uploadedEntry } from "./archived.ts"
import { exchangeOfPartials } from "./exchange.ts"
import { joinOf } from "./join.ts"
import { decryptModel, testModel, writePreparation } from "./output.ts"
import { agreeOnRows, logTreated, placeRows } from "./rows.ts"
import { blocksFromWire, type UserState, userStateFormat } from "./state.ts"
import { joinedCells, statisticsAmong } from "./statistics.ts"
import { tablesDigest } from "./tables-digest.ts"
import { upload } from "./upload.ts"
import type { Declared } from "./upload-digest.ts"

export interface UserOptions {
  readonly agreement: Agreement
  /** What this user holds, checked before the actor starts. */
  readonly tables: ReadonlyArray<HeldTable>
}

/** What the other users send to this one. */
const gatherFromUsers = (others: ReadonlyArray<string>) =>
  Effect.all({
    declarations: gather("a declaration of its cells", others, "declaration", Declaration.payload),
    partials: gather("its partial decryptions", others, "partials", PartialDecryptions.payload),
    heldOut: gather("its held-out cells", others, "held-out", HeldOutCells.payload)
  })

/** The ways in which a user agrees with the others before it uploads. */
interface Agreeing {
  readonly join: Effect.Effect.Success<ReturnType<typeof joinOf>>
  readonly statistics: Effect.Effect.Success<ReturnType<typeof statisticsAmong>>
  readonly declarations: Gathering<Declared>
}

/** Agrees with the other users on rows and statistics, and uploads; returns what is needed of that at the output. */
const agreeAndUpload = (
  { agreement, tables }: UserOptions,
  membership: Membership,
  root: Root,
  { join, statistics, declarations }: Agreeing
) =>
  Effect.gen(function* () {
    const digest = yield* tablesDigest(tables)
    yield* unchanged("tables", "The data in this user's files", digest)
    const agreed = yield* agreeOnRows(agreement, tables, join, declarations)
    const found = yield* statistics.found(joinedCells(agreement, agreed, digest))
    yield* logTreated(agreement, tables, agreed, found)
    const rows = placeRows(agreement, agreed, found)
    const sizes = yield* upload(agreement, membership, rows, digest, root)
    const { total, uploaded } = rows.joint
    const state: UserState = {
      rows: { total, uploaded },
      heldOut: rows.placed.heldOut,
      testers: rows.testers,
      statistics: found,
      ...sizes
    }
    return state
  })

/** Serves as one user of one run, until the director releases it. */
export const user = (options: UserOptions) =>
  Effect.gen(function* () {
    const { agreement } = options
    const party = yield* Party
    const others = agreement.users.map(({ actor }) => actor).filter((actor) => actor !== party.name)

    const root = yield* partyRoot(agreement)
    const enrolling = yield* enrolmentAtUser(agreement)
    const join = yield* joinOf(agreement, root)
    const statistics = yield* statisticsAmong(agreement, root)
    const gathered = yield* gatherFromUsers(others)

    const uploading = yield* once(
      uploadedEntry,
      userStateFormat,
      Effect.gen(function* () {
        if (reopens(agreement)) return yield* keptState(agreement)
        const { membership } = yield* reached(enrolling.outcome, "upload", "it had enrolled")
        return yield* agreeAndUpload(options, membership, root, { join, statistics, ...gathered })
      })
    )
    const partials = exchangeOfPartials(agreement, gathered.partials)
    // As the director has named them last.
    let among: ReadonlyArray<string> = agreement.users.map(({ actor }) => actor)
    const opening = yield* once(
      "opened",
      OpenModel.reply,
      Effect.gen(function* () {
        const state = yield* reached(uploading.outcome, "open the model", "it had uploaded")
        const enrolled = yield* reached(enrolling.outcome, "open the model", "it had enrolled")
        if (servesModel(agreement)) yield* writePreparation(agreement, state.statistics)
        if (!opensModel(agreement)) return {}
        const opening = { among, partials }
        const { model, rejected } = yield* decryptModel(agreement, enrolled, state.statistics, opening)
        const tested = yield* testModel(agreement, state, model, gathered.heldOut, opening.among)
        return {
          ...(tested === undefined ? {} : { tested }),
          ...(rejected.length === 0 ? {} : { rejected })
        }
      })
    )

    const keepSecretKey = Effect.gen(function* () {
      yield* reached(opening.outcome, "erase", "it had opened the model")
      const enrolled = yield* reached(enrolling.outcome, "erase", "it had enrolled")
      if (agreement.archive === "keep") yield* keepForArchive(agreement, enrolled)
    })
    const life = yield* lifecycle(agreement, erasing(remainsAtUser(agreement), keepSecretKey))
    // All that it takes is here: it comes for the output alone.
    if (reopens(agreement)) yield* Effect.zipRight(enrolling.done, uploading.done)
    yield* party.serve([
      ...life.handlers,
      onDirector(Enrol, () => Effect.as(enrolling.done, {})),
      onDirector(Upload, () =>
        Effect.map(uploading.done, ({ rows, words, ciphertexts }) => ({
          rows: rows.uploaded,
          words,
          ciphertexts
        }))
      ),
      onDirector(RollCall, ({ agreement: digest }) =>
        digest === agreementDigest(agreement)
          ? Effect.map(Deferred.isDone(uploading.outcome), (able) => ({ able }))
          : new OtherScenario({ party: party.name })
      ),
      onDirector(OpenModel, (openers) =>
        Effect.gen(function* () {
          among = openers.among ?? among
          const openedBefore = yield* Deferred.isDone(opening.outcome)
          return yield* Effect.tap(opening.done, () => partials.handOverLate(among, openedBefore))
        })
      ),
      ...join.handlers,
      ...statistics.handlers,
      onFrom(others, Declaration, (cells, from) => Effect.as(gathered.declarations.put(from, cells), {})),
      onFrom(others, PartialDecryptions, (partials, from) =>
        Effect.as(gathered.partials.put(from, partials), {})
      ),
      onFrom(others, HeldOutCells, (cells, from) =>
        Effect.gen(function* () {
          yield* raised([MalformedRows], () => blocksFromWire(cells.blocks))
          yield* gathered.heldOut.put(from, cells)
          return {}
        })
      )
    ])
    yield* life.announced
    yield* life.finished
  })
