/** How a party that is started by itself finds the broker: its address and the party's own password, from the environment. */
import { Data, Effect, Redacted } from "effect"
import { type Trust, trustFromEnvironment } from "../transport/trust.ts"
import { type Broker, type Credentials, passwordVariable } from "./start.ts"

/** The environment does not say where the broker is, or not the party's password. */
export class BrokerAccessMissing extends Data.TaggedError("BrokerAccessMissing")<{
  readonly actor: string
  readonly variable: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.actor} needs the environment variable ${this.variable}: NATS_URL names the broker, ${passwordVariable(this.actor)} is the password that its nats.conf has for ${this.actor}`
  }
}

/** What one party needs to connect. */
export interface BrokerAccess extends Credentials {
  readonly url: string
  readonly trust: Trust
}

/** From `NATS_URL`, the variable of the actor's password, and those that say whom to trust. */
export const accessFromEnvironment = (actor: string): Effect.Effect<BrokerAccess, BrokerAccessMissing> =>
  Effect.suspend(() => {
    const read = (variable: string) => {
      const value = process.env[variable]
      return value === undefined || value === ""
        ? Effect.fail(new BrokerAccessMissing({ actor, variable }))
        : Effect.succeed(value)
    }
    return Effect.map(Effect.all([read("NATS_URL"), read(passwordVariable(actor))]), ([url, password]) => ({
      url,
      user: actor,
      password: Redacted.make(password),
      trust: trustFromEnvironment()
    }))
  })

/** What an actor needs to connect to a broker whose credentials are at hand. */
export const accessTo = (broker: Broker, actor: string): Effect.Effect<BrokerAccess, BrokerAccessMissing> => {
  const credentials = broker.credentials[actor]
  return credentials === undefined
    ? new BrokerAccessMissing({ actor, variable: passwordVariable(actor) })
    : Effect.succeed({ url: broker.url, trust: trustFromEnvironment(), ...credentials })
}
