/**
 * The identities of a run's parties: where a process finds its own and the keys of the others. Each owner makes one with
 * `bicameral identity` and gives the public key to all; for a trial on one machine the runner makes them up.
 */
import { Data, Effect } from "effect"
import { type Agreement, actorsOf } from "../../actors/party/agreement.ts"
import { checkKeys, directoryOf, type PartyKeys } from "../../actors/party/directory.ts"
import { identityFromText } from "../../actors/party/identities.ts"
import { type Identity, keyFromText, keyText } from "../../protocol/channels/noise.ts"
import { actorOf } from "../../protocol/messages/subjects.ts"
import { variable } from "../../runtime/environment.ts"

/** The environment variable with the private key of an actor. */
export const identityVariable = (actor: string): string => `${actor.toUpperCase()}_IDENTITY`

/** The environment variable with the public keys of a trial, as JSON, in place of those of the scenario. */
export const keysVariable = "BICAMERAL_KEYS"

/** This process was started without the private key of its party, or with a text that is none. */
export class NoIdentity extends Data.TaggedError("NoIdentity")<{
  readonly actor: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.actor} has no identity: ${this.reason}; make one with \`bicameral identity FILE\`, and start ${this.actor} with ${identityVariable(this.actor)}="$(cat FILE)"`
  }
}

/** Public keys as the environment of a process holds them. */
export const keysText = (keys: PartyKeys): string =>
  JSON.stringify([...keys].map(([actor, key]) => [actor, keyText(key)]))

const keysFromText = (text: string): PartyKeys =>
  new Map(
    (JSON.parse(text) as ReadonlyArray<readonly [string, string]>).flatMap(([actor, key]) => {
      const bytes = keyFromText(key)
      return bytes === undefined ? [] : [[actor, bytes] as const]
    })
  )

/** The identity of this process's party. */
export const ownIdentity = (actor: string): Effect.Effect<Identity, NoIdentity> =>
  Effect.flatMap(variable(identityVariable(actor)), (text) => {
    if (text === undefined) return new NoIdentity({ actor, reason: `${identityVariable(actor)} is not set` })
    const identity = identityFromText(text)
    return identity === undefined
      ? new NoIdentity({ actor, reason: `${identityVariable(actor)} is no private key of 43 characters` })
      : Effect.succeed(identity)
  })

/** The keys of all parties: those of the trial that this process belongs to, else those of the scenario. */
export const partyKeys = (ofScenario: PartyKeys): Effect.Effect<PartyKeys> =>
  Effect.map(variable(keysVariable), (text) => (text === undefined ? ofScenario : keysFromText(text)))

/** The directory of a party's main process, from its environment and the scenario. */
export const directoryOfParty = (
  agreement: Agreement,
  process: { readonly name: string; readonly run: string },
  ofScenario: PartyKeys
) =>
  Effect.gen(function* () {
    const actor = actorOf(process.name)
    const identity = yield* ownIdentity(actor)
    const keys = yield* partyKeys(ofScenario)
    yield* checkKeys(keys, ["director", ...actorsOf(agreement)], actor, identity)
    return directoryOf(process, identity, { agreement, keys })
  })
