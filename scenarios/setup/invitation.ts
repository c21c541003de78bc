/**
 * An invitation: all that one party needs to take part in a run, signed by the inviter, and nothing secret of anybody's but a
 * token by which the inviter knows the reply for one to this invitation. The invitee makes its own keys and replies
 * with their public text. Pure.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { Data, Either, Option } from "effect"
import { CanonicalWriter } from "../../protocol/canonical.ts"
import { fingerprintOf } from "../../protocol/channels/fingerprint.ts"
import {
  type PartyIdentity,
  publicIdentity,
  publicTextLength,
  publicTextOf
} from "../../protocol/channels/identity.ts"
import { hasSigned, signStatement } from "../../protocol/channels/nkey.ts"
import { actorNames, isRunName } from "../../protocol/messages/subjects.ts"
import { Schema } from "../../protocol/schema.ts"
import type { Trust } from "../../runtime/transport/trust.ts"

/** A file that should be an invitation or a reply is none, or is not what its signature says. */
export class InvitationUnfit extends Data.TaggedError("InvitationUnfit")<{
  readonly file: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file} ${this.reason}`
  }
}

const Actor = Schema.Literal(...actorNames)

const Invitation = Schema.Struct({
  format: Schema.Literal("bicameral invitation"),
  version: Schema.Literal(1),
  /** The version of the inviter's program. */
  program: Schema.String,
  /** When it was made, by the inviter's clock. */
  madeMs: Schema.Number,
  run: Schema.String.pipe(Schema.filter(isRunName)),
  /** The party that is invited. */
  party: Actor,
  broker: Schema.Struct({
    url: Schema.String.pipe(Schema.filter((url) => URL.canParse(url))),
    /** Certificates (PEM) of the authorities that sign the broker's; Node's own where left out. */
    authorities: Schema.optionalWith(Schema.String, { exact: true }),
    /** The name that the broker's certificate is for; the address's host where left out. */
    serverName: Schema.optionalWith(Schema.String, { exact: true })
  }),
  /** The scenario's text, with the identities that are known so far. */
  scenario: Schema.String,
  /** What the reply is proved with. */
  token: Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_-]{43}$/))
})
export type Invitation = typeof Invitation.Type

const Signed = Schema.parseJson(
  Schema.Struct({ signed: Invitation, signer: Schema.String, signature: Schema.String })
)
const decodeSigned = Schema.decodeUnknownOption(Signed)

/** What is signed: the text of the fields in their order. */
const statementOf = (invitation: Invitation): Uint8Array =>
  new CanonicalWriter().string("bicameral invitation").string(JSON.stringify(invitation)).finish()

/** An invitation that its signer has signed. Who the signer is, its fingerprint says to those who have compared it. */
export interface SignedInvitation extends Invitation {
  /** The public text of the inviter's identity. */
  readonly signer: string
}

/** A new token. */
export const drawToken = (): string => randomBytes(32).toString("base64url")

/** The text of an invitation's file. What is signed has the order of fields in which it is read again. */
export const invitationText = (invitation: Invitation, inviter: PartyIdentity): string => {
  const signed = inOrder(invitation)
  const signature = Buffer.from(signStatement(inviter.nkey, statementOf(signed))).toString("base64url")
  return `${JSON.stringify({ signed, signer: publicTextOf(inviter), signature }, undefined, 2)}\n`
}

const inOrder = Schema.decodeSync(Invitation)

/** Whether a text is meant as an invitation. */
export const isLikeInvitation = (text: string): boolean =>
  /^\s*\{/.test(text) && text.includes('"bicameral invitation"')

/** What a file's text invites to; what is verified is what is used, not the text that it was read from. */
export const invitationIn = (
  text: string,
  file: string
): Either.Either<SignedInvitation, InvitationUnfit> => {
  const unfit = (reason: string) => Either.left(new InvitationUnfit({ file, reason }))
  const read = decodeSigned(text)
  if (Option.isNone(read))
    return unfit(
      "is no invitation of this version; ask the inviter for one that bicameral invite has written"
    )
  const { signature, signed, signer } = read.value
  const key = publicIdentity(signer)?.nkey
  const bytes = new Uint8Array(Buffer.from(signature, "base64url"))
  return key !== undefined && hasSigned(key, statementOf(signed), bytes)
    ? Either.right({ ...signed, signer })
    : unfit("was changed after the inviter signed it; ask the inviter for it again, over another way")
}

/** What all parties of a run must have alike: the same text, and so the same identities. */
export const runFingerprint = ({ run, scenario }: Pick<Invitation, "run" | "scenario">): string =>
  fingerprintOf(JSON.stringify([run, scenario]))

/** A fingerprint as one word, for commands. */
export const asWord = (fingerprint: string): string => fingerprint.replaceAll(" ", "-")

/** Whether two texts are the same fingerprint, however they are spaced or written. */
export const sameFingerprint = (one: string, other: string): boolean => {
  const plain = (text: string) => text.toLowerCase().replace(/[\s-]/g, "")
  return plain(one) === plain(other)
}

/** How the invitee trusts the broker. Another address, such as a tunnel's, must still lead to the broker of this name. */
export const brokerTrust = ({ broker }: Invitation): Trust => ({
  ...(broker.authorities === undefined ? {} : { authoritiesText: broker.authorities }),
  serverName: broker.serverName ?? new URL(broker.url).hostname.replace(/^\[(.*)\]$/, "$1")
})

const Reply = Schema.Struct({
  format: Schema.Literal("bicameral reply"),
  version: Schema.Literal(1),
  run: Schema.String,
  party: Actor,
  /** The public text of the party's identity. */
  identity: Schema.String.pipe(
    Schema.maxLength(publicTextLength),
    Schema.filter((text) => publicIdentity(text) !== undefined)
  ),
  /** That it is made by somebody who has the invitation: an HMAC under its token. */
  proof: Schema.String
})
export type Reply = typeof Reply.Type
const decodeReply = Schema.decodeUnknownOption(Schema.parseJson(Reply))

const proofOf = (
  token: string,
  { identity, party, run }: Pick<Reply, "identity" | "party" | "run">
): Buffer =>
  createHmac("sha256", Buffer.from(token, "base64url"))
    .update(JSON.stringify(["bicameral reply", run, party, identity]))
    .digest()

/** The text of the file with which a party replies. */
export const replyText = ({ party, run, token }: Invitation, identity: string): string => {
  const reply: Reply = {
    ...{ format: "bicameral reply", version: 1, run, party, identity },
    proof: proofOf(token, { run, party, identity }).toString("base64url")
  }
  return `${JSON.stringify(reply, undefined, 2)}\n`
}

/** What a text replies, whoever has written it. */
export const replyIn = (text: string, file: string): Either.Either<Reply, InvitationUnfit> =>
  Either.fromOption(
    decodeReply(text),
    () =>
      new InvitationUnfit({
        file,
        reason: "is no reply of this version; bicameral join writes one, NAME.reply"
      })
  )

/** Whether a reply was made by somebody who has this invitation. */
export const isReplyTo = (reply: Reply, invitation: Invitation): boolean => {
  const { party, run, token } = invitation
  if (reply.party !== party || reply.run !== run) return false
  const [expected, proof] = [proofOf(token, reply), Buffer.from(reply.proof, "base64url")]
  return proof.length === expected.length && timingSafeEqual(proof, expected)
}
