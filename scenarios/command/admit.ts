/**
 * `bicameral admit`: the users of a run admit an asker to the model that the clouds serve. The first of them begins a file,
 * each adds its signature, and everyone sees what is signed, by whom, and whose signature is missing.
 */
import { Clock, Data, Effect, Option } from "effect"
import { agreementDigest } from "../../actors/party/agreement.ts"
import { IdentitiesMissing } from "../../actors/party/directory.ts"
import { fingerprintOf } from "../../protocol/channels/fingerprint.ts"
import { publicTextOf } from "../../protocol/channels/identity.ts"
import {
  type Admission,
  type AdmissionStatement,
  type AdmissionTerms,
  isNobodyElse,
  NotAdmitted,
  requireInTime,
  signedBy,
  signersOf
} from "../../protocol/serving/admission.ts"
import { timeText } from "../../protocol/serving/admission-text.ts"
import { agreementWith, identitiesOfScenario } from "../description/agreement.ts"
import { loadScenario } from "../description/load.ts"
import { checkRunName } from "../description/run-name.ts"
import { AdmissionFileUnfit, findAdmission, writeAdmission } from "../folders/admission-file.ts"
import { readIdentity } from "../folders/identity-file.ts"
import { readPreparation } from "../model/preparation-file.ts"
import type { Answer } from "../text/answer.ts"
import { count } from "../text/units.ts"
import type { AdmitRequest } from "./serving-commands.ts"

/** The identity that is to sign is none of a user's. */
export class NoUserSigns extends Data.TaggedError("NoUserSigns")<{
  readonly scenario: string
  readonly identity: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.identity} is the identity of none of the users of ${this.scenario}, and only users admit; sign with that of a user that the scenario lists`
  }
}

/** The preparation is not the one that the statement names. */
export class OtherPreparation extends Data.TaggedError("OtherPreparation")<{ readonly file: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.file} is not the preparation that the admission names: compare where it comes from with the user that began the admission, or begin another`
  }
}

/** What is said of a new admission. */
const toBegin = "--run, --as, --asker, --until, --preparation, and --rows or --rows-a-day or both"

/** The run as the scenario of this user has it. */
const ownTerms = Effect.fn("Admit.terms")(function* (request: AdmitRequest) {
  const { scenario } = yield* loadScenario(request.scenario)
  const agreement = agreementWith(scenario, request)
  const parties = identitiesOfScenario(scenario)
  const missing = agreement.users.map(({ actor }) => actor).filter((actor) => !parties.has(actor))
  if (missing.length > 0) return yield* new IdentitiesMissing({ parties: missing })
  const nameOf = (actor: string) => agreement.users.find((user) => user.actor === actor)?.name ?? actor
  return { agreement: agreementDigest(agreement), parties, scenario: scenario.name, nameOf }
})

type Terms = Omit<AdmissionTerms, "run"> & {
  readonly scenario: string
  readonly nameOf: (actor: string) => string
}

/** The statement of a new admission, from what is said on the command line. */
const begun = (request: AdmitRequest, { agreement }: Terms) =>
  Effect.gen(function* () {
    const { file, run, as, asker, until, preparation, rows, rowsADay } = request
    const said = Option.all({ run, as, asker, until, preparation })
    if (Option.isNone(said) || (Option.isNone(rows) && Option.isNone(rowsADay)))
      return yield* new AdmissionFileUnfit({
        file,
        reason: `there is no such file; to begin an admission, give ${toBegin}`
      })
    yield* checkRunName(said.value.run)
    const statement: AdmissionStatement = {
      ...{ run: said.value.run, agreement, until: said.value.until },
      preparation: (yield* readPreparation(said.value.preparation)).digest,
      asker: { actor: said.value.as, identity: said.value.asker },
      quota: {
        ...(Option.isSome(rows) && { rows: rows.value }),
        ...(Option.isSome(rowsADay) && { rowsADay: rowsADay.value })
      }
    }
    const admission: Admission = { statement, signatures: [] }
    return admission
  })

/** An admission that is there is not changed, but for signatures. */
const continued = (request: AdmitRequest, admission: Admission) =>
  Effect.gen(function* () {
    const { file, run, as, asker, until, rows, rowsADay, preparation } = request
    const said = {
      "--run": run,
      "--as": as,
      "--asker": asker,
      "--until": until,
      "--rows": rows,
      "--rows-a-day": rowsADay
    }
    const [changed] =
      Object.entries<Option.Option<unknown>>(said).find(([, value]) => Option.isSome(value)) ?? []
    if (changed !== undefined)
      return yield* new AdmissionFileUnfit({
        file,
        reason: `it is an admission already, and what it says stays as it is; leave out ${changed}, or name a new file`
      })
    if (Option.isSome(preparation)) {
      const { digest } = yield* readPreparation(preparation.value)
      if (digest !== admission.statement.preparation)
        return yield* new OtherPreparation({ file: preparation.value })
    }
    return admission
  })

/** Refuses what no user should sign. */
const requireFit = (admission: Admission, { agreement, parties }: Terms) =>
  Effect.gen(function* () {
    const { statement } = admission
    const refused = (why: NotAdmitted["why"], users: ReadonlyArray<string> = []) =>
      new NotAdmitted({ asker: statement.asker.actor, why, users })
    if (statement.agreement !== agreement) return yield* refused("other-agreement")
    if (!isNobodyElse(statement.asker, parties)) return yield* refused("another-party")
    const { forged } = signersOf(admission, parties)
    if (forged.length > 0) return yield* refused("forged", forged)
    const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    return yield* requireInTime(statement, now)
  })

/** Adds the signature of the user whose identity this is. */
const signedWith = (admission: Admission, request: AdmitRequest, terms: Terms) =>
  Effect.gen(function* () {
    const { file, identity, preparation, scenario } = request
    if (Option.isNone(identity)) return admission
    if (Option.isNone(preparation))
      return yield* new AdmissionFileUnfit({
        file,
        reason: "with a signature you vouch for the preparation of rows, too; give yours with --preparation"
      })
    const own = yield* readIdentity(identity.value)
    const text = publicTextOf(own)
    const user = [...terms.parties].find(
      ([actor, { nkey }]) => actor.startsWith("user") && text.endsWith(`.${nkey}`)
    )?.[0]
    if (user === undefined) return yield* new NoUserSigns({ scenario, identity: identity.value })
    return signedBy(admission, user, own.nkey)
  })

/** What an admission says, for people. */
const shown = (file: string, admission: Admission, terms: Terms): Answer => {
  const { statement } = admission
  const { asker, quota } = statement
  const { signed } = signersOf(admission, terms.parties)
  const users = [...terms.parties.keys()].filter((actor) => actor.startsWith("user"))
  const missing = users.filter((actor) => !signed.includes(actor))
  const names = (actors: ReadonlyArray<string>) => actors.map(terms.nameOf).join(", ")
  const rows = [
    ...(quota.rows === undefined ? [] : [`${count(quota.rows)} rows in all`]),
    ...(quota.rowsADay === undefined ? [] : [`${count(quota.rowsADay)} rows a day`])
  ]
  const text = [
    `asker        ${asker.actor}, fingerprint ${fingerprintOf(asker.identity)}`,
    `identity     ${asker.identity}`,
    `may ask      the model of run ${statement.run} of ${terms.scenario}`,
    `quota        ${rows.join(", ")}`,
    `until        ${timeText(statement.until)}`,
    `preparation  ${statement.preparation}`,
    ...(signed.length === 0 ? [] : [`signed by    ${names(signed)}`]),
    missing.length === 0
      ? `all users have signed: give ${file} to both clouds and to the asker`
      : `missing      ${names(missing)}: each compares the fingerprint with the asker and runs bicameral admit ${file} with --identity`
  ].join("\n")
  const value = {
    ...{ file, statement: { ...statement, until: timeText(statement.until) } },
    ...{ fingerprint: fingerprintOf(asker.identity), signed, missing }
  }
  return { text, value }
}

/** Begins an admission, or takes one that is there; signs it where there is an identity to sign with. Returns what it says. */
export const admitAsker = Effect.fn("Admit.asker")(function* (request: AdmitRequest) {
  const { file } = request
  const terms: Terms = yield* ownTerms(request)
  const found = yield* findAdmission(file)
  const admission = Option.isNone(found)
    ? yield* begun(request, terms)
    : yield* continued(request, found.value)
  yield* requireFit(admission, terms)
  const signed = yield* signedWith(admission, request, terms)
  if (Option.isNone(found) || signed !== admission) yield* writeAdmission(file, signed)
  return shown(file, signed, terms)
})
