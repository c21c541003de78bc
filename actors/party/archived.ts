/**
 * What a party keeps when a run ends, so that the archive can be opened again without any user: its keys, what the KGC
 * published, and what the parties had agreed on when the users uploaded. A later training may differ from that in
 * everything that is not in the uploaded cells or in the keys, and shows nobody more than it would have (`disclosures`).
 */
import { Data, Effect, Option } from "effect"
import { needsStatistics } from "../../protocol/data/preparation.ts"
import { PublishedOnWire } from "../../protocol/messages/enrolment.ts"
import type { Format } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import { Kept } from "../../runtime/storage/kept.ts"
import { type Agreement, kgcDeals, opensModel } from "./agreement.ts"

/** What every party keeps, beside what is its own. */
export const archivedFields = {
  /** What the parties agreed on when the users uploaded, as JSON. */
  agreement: Schema.String,
  published: PublishedOnWire
}

/** This party was to open an archive again, and has not kept what that takes. */
export class NothingKept extends Data.TaggedError("NothingKept")<{
  readonly what: string
  readonly run: string
}> {
  readonly retryable = false
  override get message(): string {
    return `there is no ${this.what} of the run ${this.run} to train from: name the folder of this party in that run, which must have ended with archive: keep, and not be forgotten`
  }
}

/** Something is to be otherwise that was settled when the users uploaded. */
export class SettledByUpload extends Data.TaggedError("SettledByUpload")<{ readonly field: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.field} was settled when the users uploaded, and is in the cells or the keys of the archive; put back what it was, or have the users upload again with bicameral run`
  }
}

/** A training would show someone more than the users agreed to when they uploaded. */
export class ShowsMore extends Data.TaggedError("ShowsMore")<{
  readonly field: string
  readonly why: string
  readonly remedy: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.field} would show more than the users agreed to when they uploaded: ${this.why}; ${this.remedy}, or have the users upload again with bicameral run`
  }
}

/** This kind of training takes what no archive holds. */
export class NotFromArchive extends Data.TaggedError("NotFromArchive")<{ readonly field: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.field} is ciphertexts, and an archive is opened again as shares; train on shares, or have the users upload again with bicameral run`
  }
}

const settled: ReadonlyArray<readonly [field: string, of: (agreement: Agreement) => unknown]> = [
  ["users", ({ users }) => users],
  ["data.id", ({ data }) => data.id],
  ["data.features", ({ data }) => data.features],
  ["data.label, or training.classWeights,", ({ data }) => data.label],
  ["data.scaleTo", ({ data }) => data.scaleTo],
  ["data.missing", ({ data }) => data.missing],
  ["join", ({ join }) => join],
  ["heldOut", ({ heldOut }) => heldOut],
  ["security.modulusBits", ({ security }) => security.modulusBits],
  ["security.exponents", ({ security }) => security.exponents],
  ["security.fractionalBits", ({ security }) => security.fractionalBits],
  ["security.upload", ({ security }) => security.upload],
  ["decryption.threshold", ({ decryption }) => decryption?.threshold]
]

/** Something of the agreement that would show more, with why, and what to do about it. */
interface Disclosure {
  readonly field: string
  readonly why: string
  readonly remedy: string
  readonly shows: (now: Agreement, uploaded: Agreement) => boolean
}

/** What `reveal` names that is not agreed on by the upload may not be added. */
const revealed = (
  part: "accuracy" | "metrics" | "heldOutRows" | "curve",
  name: string,
  why: string
): Disclosure => ({
  ...{ field: `reveal: ${name}`, why, remedy: "leave it out" },
  shows: ({ reveal }, before) => reveal[part] === true && before.reveal[part] !== true
})

/**
 * What shows more than the users agreed to. No user need be there before the output, and with a threshold some need not be there
 * at all, so each party holds a training against what it kept of the upload, however its scenario came to it.
 *
 * What may change, and why it shows no more:
 * - `network`, `training`, `validation`: the users agreed to a model of their cells. How much of a cell a model shows depends on how it
 *   is trained, and nobody bounds it; with a threshold, so many users decide for the others.
 * - `security.output`: another form of the same model, that nobody but the users opens. `security.insecure` permits a modulus, and that
 *   is settled.
 * - `model`, to one that is served: users ask for answers where they would have had the weights, and they alone admit others.
 * - `reveal`: `progress` counts steps, whatever the cells are; `column-statistics` is over with the upload, which finds them.
 * - `archive` is `none` in a training from one. `scenario`, `deadlines` and `decryption.absenceTimeoutMs` are names and waits.
 *
 * Not in the agreement, and each party's own affair: its placement, and the identities that it believes.
 */
const disclosures: ReadonlyArray<Disclosure> = [
  {
    field: "seed",
    why: "masks that follow from it are known to both clouds, so each could work out all cells",
    remedy: "leave it out",
    shows: ({ seed }, before) => seed !== undefined && before.seed === undefined
  },
  {
    field: "security.dealing",
    why: "the KGC, and a cloud with what the KGC deals, could together read all cells during the training",
    remedy: "put back clouds",
    shows: (now, before) => kgcDeals(now) && !kgcDeals(before)
  },
  {
    field: "model",
    why: "they would open it, and some of them could without the others; they agreed on one that nobody opens",
    remedy: "put back served",
    shows: (now, before) => opensModel(now) && !opensModel(before)
  },
  revealed("curve", "curve", "clouds and director learn how the model does on rows that are set apart"),
  {
    field: "validation",
    why: "the clouds would learn how the model does on fewer rows at a time, which tells more of each",
    remedy: "put back what it was, or more",
    shows: ({ reveal, validation = 0 }, before) =>
      reveal.curve === true && validation < (before.validation ?? 0)
  },
  revealed("heldOutRows", "heldOutRows", "one user learns the rows that the others held out"),
  revealed("metrics", "metrics", "the director learns how the model does on rows that are held out"),
  revealed("accuracy", "accuracy", "the director learns how many held-out rows the model gets right")
]

/** Whether cells depend on which rows are for the validation: by statistics of the others, or by weights of theirs. */
const treatsValidationApart = ({ data }: Agreement): boolean =>
  needsStatistics(data) || ("weights" in data.label && data.label.weights !== undefined)

/** Refuses a training that an archive does not serve; `uploaded` is what the parties agreed on in the users' run. */
export const requireSettled = (
  uploaded: Agreement,
  now: Agreement
): Effect.Effect<void, SettledByUpload | ShowsMore | NotFromArchive> => {
  const onCiphertexts = [uploaded, now].some(({ training }) => training.on === "ciphertexts")
  if (onCiphertexts) return new NotFromArchive({ field: "training.on" })
  const same = (of: (agreement: Agreement) => unknown) =>
    JSON.stringify(of(uploaded)) === JSON.stringify(of(now))
  const other = settled.find(([, of]) => !same(of))
  if (other !== undefined) return new SettledByUpload({ field: other[0] })
  if (treatsValidationApart(now) && !same(({ validation }) => validation))
    return new SettledByUpload({ field: "validation" })
  const more = disclosures.find(({ shows }) => shows(now, uploaded))
  if (more === undefined) return Effect.void
  const { field, why, remedy } = more
  return new ShowsMore({ field, why, remedy })
}

/** The folder of the users' run. */
export const keptOf = (agreement: Agreement, what: string) =>
  Effect.gen(function* () {
    const kept = yield* Kept
    const { reopens: run = "" } = agreement
    if (Option.isNone(kept) || kept.value.run !== run) return yield* new NothingKept({ what, run })
    return kept.value
  })

/** What this party kept of the users' run in an entry of its stable storage. Refuses a training that it does not serve. */
export const keptEntry = <A extends { readonly agreement: string }>(
  agreement: Agreement,
  what: string,
  entry: string,
  format: Format<A>
) =>
  Effect.gen(function* () {
    const { run, stable } = yield* keptOf(agreement, what)
    const bytes = yield* stable.get(entry)
    if (Option.isNone(bytes)) return yield* new NothingKept({ what, run })
    const kept = yield* format.decode(bytes.value)
    yield* requireSettled(JSON.parse(kept.agreement) as Agreement, agreement)
    return kept
  })
