/**
 * What a party keeps when a run ends, so that the archive can be opened again without any user: its keys, what the KGC
 * published, and what the parties had agreed on when the users uploaded. A later training may differ from that in
 * everything that is not in the uploaded cells or in the keys.
 */
import { Data, Effect, Option } from "effect"
import { needsStatistics } from "../../protocol/data/preparation.ts"
import { PublishedOnWire } from "../../protocol/messages/enrolment.ts"
import type { Format } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import { Kept } from "../../runtime/storage/kept.ts"
import type { Agreement } from "./agreement.ts"

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

/**
 * What shows more, if it is asked for now and was not at the upload. The users need not be there before the output, so the clouds
 * hold a training against what they agreed to. All else that `reveal` names comes from the users themselves, who then take part; it
 * takes all of them to open or to serve a model that they agreed to have otherwise; and the steps that the clouds have
 * reached say nothing of cells.
 */
const disclosures: ReadonlyArray<{
  readonly in: (agreement: Agreement) => boolean
  readonly says: { readonly field: string; readonly why: string; readonly remedy: string }
}> = [
  {
    in: ({ seed }) => seed !== undefined,
    says: {
      field: "seed",
      why: "masks that follow from it are known to both clouds, so each could work out all cells",
      remedy: "leave it out"
    }
  },
  {
    in: ({ security }) => security.dealing !== "clouds",
    says: {
      field: "security.dealing",
      why: "the KGC, and a cloud with what the KGC deals, could together read all cells during the training",
      remedy: "put back clouds"
    }
  },
  {
    in: ({ reveal }) => reveal.curve === true,
    says: {
      field: "reveal: curve",
      why: "clouds and director learn how the model does on rows that are set apart",
      remedy: "leave it out"
    }
  }
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
  const more = disclosures.find((each) => each.in(now) && !each.in(uploaded))
  return more === undefined ? Effect.void : new ShowsMore(more.says)
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
