/**
 * How a party that runs by itself finds the broker: the address and its own password, from the environment.
 */
import { Data, Effect, Redacted } from "effect"
import { variable } from "../environment.ts"
import { type Trust, trustFromEnvironment } from "../transport/trust.ts"
import { type Broker, type Credentials, passwordVariable } from "./start.ts"

/** The environment lacks the broker's address or the party's password. */
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

/** From `NATS_URL`, the variable of the actor's password, and those of `Trust`. */
export const accessFromEnvironment = (actor: string): Effect.Effect<BrokerAccess, BrokerAccessMissing> =>
  Effect.gen(function* () {
    const required = (name: string) =>
      Effect.flatMap(variable(name), (value) =>
        value === undefined
          ? Effect.fail(new BrokerAccessMissing({ actor, variable: name }))
          : Effect.succeed(value)
      )
    const url = yield* required("NATS_URL")
    const password = Redacted.make(yield* required(passwordVariable(actor)))
    return { url, user: actor, password, trust: yield* trustFromEnvironment }
  })

/** What an actor needs to connect to a broker whose credentials are at hand. */
export const accessTo = (broker: Broker, actor: string): Effect.Effect<BrokerAccess, BrokerAccessMissing> => {
  const credentials = broker.credentials[actor]
  return credentials === undefined
    ? new BrokerAccessMissing({ actor, variable: passwordVariable(actor) })
    : Effect.map(trustFromEnvironment, (trust) => ({ url: broker.url, trust, ...credentials }))
}
