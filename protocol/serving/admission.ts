/**
 * Who may ask a model that the clouds serve. All users sign a statement over the asker's key and quota, each with the
 * Ed25519 key of its identity, and the clouds check it with the identities of the users that their scenario lists. The
 * statement is canonical bytes that name their kind, so a signature serves for nothing else; it is bound to the run and to what
 * its parties agreed on. Nothing here is secret.
 */
import { Data, Either, type Redacted } from "effect"
import { CanonicalWriter, sameBytes } from "../canonical.ts"
import { type PublicIdentity, publicIdentity } from "../channels/identity.ts"
import { hasSigned, signStatement } from "../channels/nkey.ts"
import type { Quota } from "./quota.ts"

/** What the users admit. */
export interface AdmissionStatement {
  /** The run that made the model. */
  readonly run: string
  /** What its parties agreed on, as a SHA-256 in hexadecimal digits (`agreementDigest`). */
  readonly agreement: string
  /** The SHA-256 of the file by which the asker prepares its rows, so that all users vouch for it. */
  readonly preparation: string
  readonly asker: {
    /** What it is called on the wire: `asker1`, or as a user of the run, `user1`. */
    readonly actor: string
    /** Its public text. */
    readonly identity: string
  }
  readonly quota: Quota
  /** Seconds since 1970: from then on it may not ask. */
  readonly until: number
}

export interface AdmissionSignature {
  /** The actor that signs, `user1`. */
  readonly user: string
  readonly signature: Uint8Array
}

export interface Admission {
  readonly statement: AdmissionStatement
  readonly signatures: ReadonlyArray<AdmissionSignature>
}

const kind = "bicameral admission"
const version = 1

/** The bytes that are signed. A part of the quota that is left out is 0, which no quota says. */
export const statementBytes = (statement: AdmissionStatement): Uint8Array => {
  const { run, agreement, preparation, asker, quota, until } = statement
  return new CanonicalWriter()
    .string(kind)
    .u32(version)
    .string(run)
    .string(agreement)
    .string(preparation)
    .string(asker.actor)
    .string(asker.identity)
    .u32(quota.rows ?? 0)
    .u32(quota.rowsADay ?? 0)
    .u32(until)
    .finish()
}

/** The admission with the signature of one more user; one that it has of it already is replaced. */
export const signedBy = (admission: Admission, user: string, seed: Redacted.Redacted): Admission => {
  const signature = signStatement(seed, statementBytes(admission.statement))
  return {
    ...admission,
    signatures: [...admission.signatures.filter((each) => each.user !== user), { user, signature }]
  }
}

/** An asker is not admitted. */
export class NotAdmitted extends Data.TaggedError("NotAdmitted")<{
  readonly asker: string
  readonly why: "forged" | "unsigned" | "other-run" | "other-agreement" | "expired" | "another-party"
  /** Those whose signatures are missing, or are none of theirs. */
  readonly users: ReadonlyArray<string>
}> {
  readonly retryable = false
  override get message(): string {
    const users = this.users.join(", ")
    const reason = {
      forged: `the signature of ${users} is none of that user's over this statement; begin a new admission`,
      unsigned: `${users} has not signed; each user signs with \`bicameral admit\``,
      "other-run": "the admission is for another run; have the users sign one for this run",
      "other-agreement":
        "the admission is for another scenario; have the users sign one for the scenario of the run",
      "another-party": "its key is that of another party of the run; give it an identity of its own",
      expired: "its time is over; have the users sign another"
    }[this.why]
    return `the asker ${this.asker} is not admitted: ${reason}`
  }
}

/** What an admission is held against. */
export interface AdmissionTerms {
  readonly run: string
  readonly agreement: string
  /** The identities of all parties of the run, by their actors: what its scenario lists. */
  readonly parties: ReadonlyMap<string, PublicIdentity>
}

const isUser = (actor: string): boolean => actor.startsWith("user")

/** The users that have signed, and those whose signatures are none of theirs. */
export const signersOf = (
  { statement, signatures }: Admission,
  parties: AdmissionTerms["parties"]
): { readonly signed: ReadonlyArray<string>; readonly forged: ReadonlyArray<string> } => {
  const bytes = statementBytes(statement)
  const isGood = ({ user, signature }: AdmissionSignature) => {
    const nkey = isUser(user) ? parties.get(user)?.nkey : undefined
    return nkey !== undefined && hasSigned(nkey, bytes, signature)
  }
  const [signed, forged] = [signatures.filter(isGood), signatures.filter((each) => !isGood(each))]
  return { signed: signed.map(({ user }) => user), forged: forged.map(({ user }) => user) }
}

/** Whether an asker is who it is called: a user by its own identity, and otherwise none of the parties. */
export const isNobodyElse = (
  { actor, identity }: AdmissionStatement["asker"],
  parties: AdmissionTerms["parties"]
): boolean => {
  const asker = publicIdentity(identity)
  if (asker === undefined) return false
  const owners = [...parties]
    .filter(([, { channelKey, nkey }]) => nkey === asker.nkey || sameBytes(channelKey, asker.channelKey))
    .map(([owner]) => owner)
  return isUser(actor) ? owners.join() === actor : owners.length === 0
}

/** What all users admit; refused where one of them does not. Its time is judged by `requireInTime`. */
export const admitted = (
  admission: Admission,
  { run, agreement, parties }: AdmissionTerms
): Either.Either<AdmissionStatement, NotAdmitted> => {
  const { statement } = admission
  const refused = (why: NotAdmitted["why"], users: ReadonlyArray<string> = []) =>
    Either.left(new NotAdmitted({ asker: statement.asker.actor, why, users }))
  if (statement.run !== run) return refused("other-run")
  if (statement.agreement !== agreement) return refused("other-agreement")
  if (!isNobodyElse(statement.asker, parties)) return refused("another-party")
  const { signed, forged } = signersOf(admission, parties)
  if (forged.length > 0) return refused("forged", forged)
  const users = [...parties.keys()].filter(isUser)
  const missing = users.filter((user) => !signed.includes(user))
  // Without users there is nobody to admit anybody.
  return missing.length > 0 || users.length === 0 ? refused("unsigned", missing) : Either.right(statement)
}

/** Whether an admission still holds; `now` in seconds since 1970. */
export const requireInTime = (
  { asker, until }: AdmissionStatement,
  now: number
): Either.Either<void, NotAdmitted> =>
  now < until ? Either.void : Either.left(new NotAdmitted({ asker: asker.actor, why: "expired", users: [] }))
