/**
 * How the processes of a bench reach each other: over sealed channels, as parties do. Their identities are the same in every process,
 * so that none has to be handed over; they are no secrets, since the broker is the bench's own and lets in nobody but this machine.
 */
import { createHash } from "node:crypto"
import { nkeySeed } from "../protocol/channels/nkey.ts"
import { type Identity, identityOf } from "../protocol/channels/noise.ts"
import { actorNames } from "../protocol/messages/subjects.ts"
import { type Broker, everyUser } from "../runtime/broker/start.ts"
import { layer as nats } from "../runtime/transport/nats.ts"
import { sealed } from "../runtime/transport/sealed.ts"

const keyFor = (what: string, actor: string): Uint8Array =>
  new Uint8Array(createHash("sha256").update(`bicameral bench: ${what} of ${actor}`).digest())

const identities = new Map<string, Identity>(
  actorNames.map((actor) => [actor, identityOf(keyFor("channels", actor))])
)

/** The users of the broker of a bench. */
export const benchUsers: Broker["credentials"] = Object.fromEntries(
  everyUser.map((user) => [user, { user, nkey: nkeySeed(keyFor("NKEY", user)) }])
)

/** The transport of an actor's process to those of others. */
export const channelsOf = (name: string, run: string, url: string) =>
  sealed(
    {
      name,
      run,
      identity: identities.get(name)!,
      keyOf: (actor) => identities.get(actor)?.publicKey,
      agreed: () => new Uint8Array(0)
    },
    nats({ servers: [url], ...benchUsers[name]! })
  )
