/** What the broker of a scenario has to know: the NKEYs of its parties, which are public. */
import { Effect } from "effect"
import { IdentitiesMissing } from "../../actors/party/directory.ts"
import { drawNkey, publicNkey } from "../../protocol/channels/nkey.ts"
import { everyUser, nkeyVariable } from "../../runtime/broker/start.ts"
import { identitiesOfScenario, partiesOf } from "../description/agreement.ts"
import type { Scenario } from "../description/schema.ts"

/** The variables that a broker with `nats.conf` reads: public keys, and of users that are not there some that nobody has. */
export const nkeysOfBroker = (
  scenario: Scenario
): Effect.Effect<ReadonlyArray<{ readonly name: string; readonly value: string }>, IdentitiesMissing> => {
  const known = identitiesOfScenario(scenario)
  const missing = partiesOf(scenario).filter((actor) => !known.has(actor))
  if (missing.length > 0) return new IdentitiesMissing({ parties: missing })
  return Effect.succeed(
    everyUser.map((user) => ({
      name: nkeyVariable(user),
      value: known.get(user)?.nkey ?? publicNkey(drawNkey())
    }))
  )
}
