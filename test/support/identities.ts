/** Identities of actors, made up once a process, and channels between processes that have them. */
import type { Layer } from "effect"
import { drawIdentity, type Identity } from "../../protocol/channels/noise.ts"
import { actorNames, actorOf } from "../../protocol/messages/subjects.ts"
import { sealed } from "../../runtime/transport/sealed.ts"
import type { Transport } from "../../runtime/transport/transport.ts"

const identities = new Map<string, Identity>(actorNames.map((actor) => [actor, drawIdentity()]))

export const identityOf = (actor: string): Identity => identities.get(actor)!

/** The transport of a process with the identity of its actor. */
export const channelsOf = <E, R>(
  name: string,
  run: string,
  transport: Layer.Layer<Transport, E, R>,
  identity: Identity = identityOf(actorOf(name))
): Layer.Layer<Transport, E, R> =>
  sealed(
    {
      name,
      run,
      identity,
      keyOf: (actor) => identities.get(actor)?.publicKey,
      agreed: () => new Uint8Array(0)
    },
    transport
  )
