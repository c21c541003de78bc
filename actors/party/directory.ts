/**
 * Whom a process takes for whom: the public keys of the parties of a run, as the scenario lists them. A process
 * begins sessions with those alone (`runtime/transport/sealed.ts`). A member of a process group knows its own party at first, and
 * the others once its main process has admitted it.
 */
import { createHash } from "node:crypto"
import { Context, Data, Effect } from "effect"
import { CanonicalWriter } from "../../protocol/canonical.ts"
import type { Identity } from "../../protocol/channels/noise.ts"
import { actorOf } from "../../protocol/messages/subjects.ts"
import type { SealedOptions } from "../../runtime/transport/sealed.ts"
import { type Agreement, actorsOf, agreementDigest } from "./agreement.ts"

/** The public keys of parties, 32 bytes each, by their names on the wire. */
export type PartyKeys = ReadonlyMap<string, Uint8Array>

/** What a member has to learn of a run before it can talk to other parties. */
export interface Acquaintance {
  readonly agreement: Agreement
  readonly keys: PartyKeys
}

export interface DirectoryService
  extends Pick<SealedOptions, "name" | "run" | "identity" | "keyOf" | "agreed"> {
  readonly learn: (acquaintance: Acquaintance) => void
  /** All that is known; undefined at a member that has not been admitted. */
  readonly known: () => Acquaintance | undefined
}

export class Directory extends Context.Tag("actors/Directory")<Directory, DirectoryService>() {}

const nothing = new Uint8Array(0)

/** What both ends of a channel must have alike: the agreement, and whom each takes for whom in its run. */
const digestOf = ({ agreement, keys }: Acquaintance): Uint8Array => {
  const writer = new CanonicalWriter().string("bicameral acquaintance").string(agreementDigest(agreement))
  for (const actor of ["director", ...actorsOf(agreement)])
    writer.string(actor).bytes(keys.get(actor) ?? nothing)
  return new Uint8Array(createHash("sha256").update(writer.finish()).digest())
}

/**
 * The directory of a process. Both ends of a channel between two parties must have the same agreement and the same keys of all parties; the processes of one party
 * need not have it yet.
 */
export const directoryOf = (
  { name, run }: { readonly name: string; readonly run: string },
  identity: Identity,
  acquaintance?: Acquaintance
): DirectoryService => {
  const own = actorOf(name)
  let known = acquaintance
  let digest: Uint8Array = nothing
  const learn = (learnt: Acquaintance) => {
    known = learnt
    digest = digestOf(learnt)
  }
  if (acquaintance !== undefined) learn(acquaintance)
  return {
    name,
    run,
    identity,
    keyOf: (actor) => (actor === own ? identity.publicKey : known?.keys.get(actor)),
    agreed: (peer) => (actorOf(peer) === own ? nothing : digest),
    learn,
    known: () => known
  }
}

/** The scenario lists another key for the party than it has. */
export class OtherIdentity extends Data.TaggedError("OtherIdentity")<{ readonly party: string }> {
  readonly retryable = false
  override get message(): string {
    return `the scenario lists another identity for ${this.party} than the one that it was started with; put the public key that \`bicameral identity\` prints for it into the scenario of all parties`
  }
}

/** The scenario lists no key for these parties. */
export class IdentitiesMissing extends Data.TaggedError("IdentitiesMissing")<{
  readonly parties: ReadonlyArray<string>
}> {
  readonly retryable = false
  override get message(): string {
    return `the scenario lists no identity of ${this.parties.join(", ")}; have each owner make one with \`bicameral identity\`, and put the public keys into the scenario of all parties`
  }
}

/** Refuses keys that do not cover a run, or that are not this party's. */
export const checkKeys = (
  keys: PartyKeys,
  parties: ReadonlyArray<string>,
  party: string,
  identity: Identity
): Effect.Effect<void, IdentitiesMissing | OtherIdentity> =>
  Effect.suspend((): Effect.Effect<void, IdentitiesMissing | OtherIdentity> => {
    const missing = parties.filter((actor) => !keys.has(actor))
    if (missing.length > 0) return new IdentitiesMissing({ parties: missing })
    return Buffer.compare(keys.get(party)!, identity.publicKey) === 0
      ? Effect.void
      : new OtherIdentity({ party })
  })
