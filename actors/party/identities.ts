/** The identities of parties as texts, and those that are made up for a trial in which one machine plays all parties. */
import { Record, Redacted } from "effect"
import {
  drawIdentity,
  type Identity,
  identityOf,
  keyFromText,
  keyText
} from "../../protocol/channels/noise.ts"
import { actorNames, actorOf } from "../../protocol/messages/subjects.ts"
import { type Acquaintance, directoryOf, type PartyKeys } from "./directory.ts"

/** The identities of a trial, by actor: their private keys as texts. */
export type TrialIdentities = Readonly<Record<string, Redacted.Redacted>>

/** An identity for every actor that there may be. */
export const drawIdentities = (): TrialIdentities =>
  Record.fromEntries(
    actorNames.map((actor) => [actor, Redacted.make(keyText(Redacted.value(drawIdentity().privateKey)))])
  )

/** The identity of a private key as a text. */
export const identityFromText = (text: string): Identity | undefined => {
  const key = keyFromText(text.trim())
  return key === undefined ? undefined : identityOf(key)
}

/** The public keys of a trial. */
export const keysOf = (identities: TrialIdentities): PartyKeys =>
  new Map(
    Object.entries(identities).map(([actor, text]) => [
      actor,
      identityFromText(Redacted.value(text))!.publicKey
    ])
  )

/** The directory of a party of a trial in this process. */
export const directoryOfTrial = (
  acquaintance: Acquaintance,
  process: { readonly name: string; readonly run: string },
  identities: TrialIdentities
) => directoryOf(process, identityFromText(Redacted.value(identities[actorOf(process.name)]!))!, acquaintance)
