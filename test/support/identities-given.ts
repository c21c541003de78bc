/** The identities of parties as their processes, and those who run them on one machine, have them in the environment. */
import { Redacted } from "effect"
import type { Identities } from "../../actors/party/identities.ts"
import { identityVariable } from "../../scenarios/run/identities.ts"

export const identitiesGiven = (identities: Identities): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(identities).map(([actor, secret]) => [identityVariable(actor), Redacted.value(secret)])
  )
