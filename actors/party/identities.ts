/** The identities of all parties of a run that one machine plays: a trial's are made up, others come from its environment. */
import { Record, Redacted } from "effect"
import { drawSecret, identityOfSecret, type PartyIdentity } from "../../protocol/channels/identity.ts"
import { actorNames, actorOf } from "../../protocol/messages/subjects.ts"
import { type Acquaintance, directoryOf, type PartyKeys } from "./directory.ts"

/** The secrets of parties as texts, by actor; each is one. */
export type Identities = Readonly<Record<string, Redacted.Redacted>>

/** An identity for every actor that there may be, and for others that are named. */
export const drawIdentities = (...others: ReadonlyArray<string>): Identities =>
  Object.fromEntries([...actorNames, ...others].map((name) => [name, drawSecret()]))

/** The identity of one of them. */
export const identityIn = (identities: Identities, actor: string): PartyIdentity =>
  identityOfSecret(Redacted.value(identities[actor]!))!

/** The public keys of their channels. */
export const keysOf = (identities: Identities): PartyKeys =>
  new Map(Object.keys(identities).map((actor) => [actor, identityIn(identities, actor).channel.publicKey]))

/** Who they are at the broker: the users of its configuration, each with its NKEY. */
export const usersOf = (identities: Identities) =>
  Record.map(identities, (_, user) => ({ user, nkey: identityIn(identities, user).nkey }))

/** The directory of a party of a trial in this process. */
export const directoryOfTrial = (
  acquaintance: Acquaintance,
  process: { readonly name: string; readonly run: string },
  identities: Identities
) => directoryOf(process, identityIn(identities, actorOf(process.name)).channel, acquaintance)
