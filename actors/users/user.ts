/**
 * A data owner (U_i of the paper): agrees with the other users on the rows, splits its cells, encrypts both shares under
 * its own key and uploads one to each cloud; may leave then. At the end the users open the model together, and test it
 * on the rows that they held out. Cells and keys leave this actor only encrypted or sealed.
 */
import { Effect, Redacted } from "effect"
import type { EncodedTable } from "../../protocol/data/encoding.ts"
import { MalformedRows } from "../../protocol/data/rows.ts"
import { Enrol, OpenModel, Upload } from "../../protocol/messages/control.ts"
import { UserSecrets } from "../../protocol/messages/enrolment.ts"
import {
  HeldOutCells,
  HeldOutSecret,
  PartialDecryptions,
  PartialsSecret
} from "../../protocol/messages/output.ts"
import { Declaration, DeclaredCells, RowSalt, RowSaltSecret } from "../../protocol/messages/upload.ts"
import { on, Party } from "../../runtime/messaging/contract.ts"
import { enrolment, type MemberOptions, openFrom, sealTo } from "../party/enrolment.ts"
import { gather, NotExpected } from "../party/gathering.ts"
import { directorOnly, lifecycle } from "../party/lifecycle.ts"
import { once } from "../party/once.ts"
import { awaited, reached } from "../party/phase.ts"
import { partyRoot, unchanged } from "../party/root.ts"
import { raised } from "../party/typed-throws.ts"
import { openModel, testModel } from "./output.ts"
import { agreeOnRows, rowSalt } from "./rows.ts"
import { blocksFromWire, keptState, type UserState } from "./state.ts"
import { tablesDigest } from "./tables-digest.ts"
import { upload } from "./upload.ts"

export interface UserOptions extends MemberOptions {
  /** The cells this user holds, encoded; checked before the actor starts. */
  readonly tables: ReadonlyArray<EncodedTable>
}

/** Serves as one user of one run, until it is told to finish. */
export const user = (options: UserOptions) =>
  Effect.gen(function* () {
    const { agreement, tables } = options
    const party = yield* Party
    const others = agreement.users.map(({ actor }) => actor).filter((actor) => actor !== party.name)

    const root = yield* partyRoot(agreement)
    const enrolling = yield* enrolment(options, UserSecrets)
    const ownSalt = party.name === agreement.users[0]!.actor ? rowSalt(agreement, root) : undefined
    const declarations = yield* gather("a declaration of its cells", others, "declaration", DeclaredCells)
    const partials = yield* gather("its partial decryptions", others, "partials", PartialsSecret)
    const pooled = yield* gather("its held-out cells", others, "held-out", HeldOutSecret)

    const uploading = yield* once(
      "uploaded",
      keptState,
      Effect.gen(function* () {
        const { membership } = yield* reached(enrolling.outcome, "upload", "it had enrolled")
        yield* unchanged("tables", "the data in this user's files", yield* tablesDigest(tables))
        const agreed = yield* agreeOnRows(agreement, membership, tables, ownSalt, declarations)
        const sizes = yield* upload(agreement, membership, agreed, root("share"))
        const { total, training } = agreed.joint
        const { placed, tester } = agreed
        const state: UserState = { rows: { total, training }, heldOut: placed.heldOut, tester, ...sizes }
        return state
      })
    )
    const opening = yield* once(
      "opened",
      OpenModel.reply,
      Effect.gen(function* () {
        const state = yield* reached(uploading.outcome, "open the model", "it had uploaded")
        const { membership, secrets } = yield* reached(enrolling.outcome, "open the model", "it had enrolled")
        const secretKey = Redacted.make(Redacted.value(secrets).secretKey)
        const model = yield* openModel(agreement, membership, secretKey, partials)
        const tested = yield* testModel(agreement, membership, state, model, pooled)
        return tested === undefined ? {} : { tested }
      })
    )

    const standing = awaited(
      enrolling.outcome,
      "take part",
      "it had enrolled",
      agreement.deadlines.replyTimeoutMs
    )
    const life = yield* lifecycle(agreement)
    yield* party.serve([
      ...life.handlers,
      on(Enrol, (_, from) => Effect.zipRight(directorOnly(from), Effect.as(enrolling.done, {}))),
      on(RowSalt, (_, from) =>
        Effect.gen(function* () {
          if (!others.includes(from)) {
            return yield* new NotExpected({ what: "a request for the row salt", party: from })
          }
          if (ownSalt === undefined) {
            return yield* new NotExpected({
              what: "a request that is the first user's to answer",
              party: from
            })
          }
          const { membership } = yield* standing
          return { sealed: yield* sealTo(membership, from, RowSalt.tag, RowSaltSecret, { salt: ownSalt }) }
        })
      ),
      on(Declaration, ({ sealed }, from) =>
        Effect.gen(function* () {
          const { membership } = yield* standing
          yield* declarations.put(
            from,
            yield* openFrom(membership, from, Declaration.tag, DeclaredCells, sealed)
          )
          return {}
        })
      ),
      on(Upload, (_, from) =>
        Effect.zipRight(
          directorOnly(from),
          Effect.map(uploading.done, ({ rows, words, ciphertexts }) => ({
            rows: rows.training,
            words,
            ciphertexts
          }))
        )
      ),
      on(PartialDecryptions, ({ sealed }, from) =>
        Effect.gen(function* () {
          const { membership } = yield* standing
          yield* partials.put(
            from,
            yield* openFrom(membership, from, PartialDecryptions.tag, PartialsSecret, sealed)
          )
          return {}
        })
      ),
      on(HeldOutCells, ({ sealed }, from) =>
        Effect.gen(function* () {
          const { membership } = yield* standing
          const cells = yield* openFrom(membership, from, HeldOutCells.tag, HeldOutSecret, sealed)
          yield* raised([MalformedRows], () => blocksFromWire(cells.blocks))
          yield* pooled.put(from, cells)
          return {}
        })
      ),
      on(OpenModel, (_, from) => Effect.zipRight(directorOnly(from), opening.done))
    ])
    yield* life.announced
    yield* life.finished
  })
