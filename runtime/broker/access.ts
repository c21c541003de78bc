/** How a party that runs by itself finds the broker: the address, from the environment. It is let in by its NKEY. */
import { Data, Effect, type Redacted } from "effect"
import { variable } from "../environment.ts"
import { type Trust, trustFromEnvironment } from "../transport/trust.ts"
import type { Broker, Credentials } from "./start.ts"

/** The environment lacks the broker's address. */
export class BrokerAccessMissing extends Data.TaggedError("BrokerAccessMissing")<{
  readonly actor: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.actor} needs the environment variable NATS_URL, which names the broker: write it as nats://HOST:PORT or tls://HOST:PORT`
  }
}

/** What one party needs to connect. */
export interface BrokerAccess extends Credentials {
  readonly url: string
  readonly trust: Trust
}

/** From `NATS_URL` and the variables of `Trust`. */
export const accessFromEnvironment = (
  actor: string,
  nkey: Redacted.Redacted
): Effect.Effect<BrokerAccess, BrokerAccessMissing> =>
  Effect.gen(function* () {
    const url = yield* variable("NATS_URL")
    if (url === undefined) return yield* new BrokerAccessMissing({ actor })
    return { url, user: actor, nkey, trust: yield* trustFromEnvironment }
  })

/** What one of a broker's users needs to connect. */
export const accessTo = ({ url, credentials }: Broker, user: string): Effect.Effect<BrokerAccess> =>
  Effect.map(trustFromEnvironment, (trust) => ({ url, trust, ...credentials[user]! }))
