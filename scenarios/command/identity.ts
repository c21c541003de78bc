/**
 * `bicameral identity` makes the identity of a party, or shows that of a file, and says where its public text goes.
 * `bicameral nkeys` gives the broker of a scenario the NKEYs of its parties. Neither prints anything secret.
 */
import { Effect, Option } from "effect"
import { fingerprintOf } from "../../protocol/channels/fingerprint.ts"
import { publicTextOf } from "../../protocol/channels/identity.ts"
import { loadScenario } from "../description/load.ts"
import { identityAt, writeNkey } from "../folders/identity-file.ts"
import { nkeysOfBroker } from "../setup/broker-nkeys.ts"
import type { IdentityRequest } from "./commands.ts"

/** Gives the public text of the identity in a file, which is made if it is not there, and the lines for the scenario. */
export const showIdentity = Effect.fn("Identity.show")(function* ({ file, nkey }: IdentityRequest) {
  const { identity, made } = yield* identityAt(file)
  if (Option.isSome(nkey)) yield* writeNkey(nkey.value, identity)
  const text = publicTextOf(identity)
  const shown = [
    text,
    `fingerprint ${fingerprintOf(text)}`,
    "",
    "In the scenario of all parties, under parties (or cloud0, cloud1, director):",
    `  kgc: ${text}`,
    "or, of a user, next to its name:",
    `  identity: ${text}`,
    "or, to ask a model that clouds serve, to the users, who admit it with bicameral admit --asker.",
    ...(made ? ["", `${file} is new: it is the secret of this party. Keep it, and show it to nobody.`] : [])
  ].join("\n")
  return { text: shown, value: { identity: text, file, made, nkey: Option.getOrNull(nkey) } }
})

/**
 * Gives the variables that `nats.conf` reads, for a scenario with the identities of all parties. Users of the broker that
 * the scenario does not have get NKEYs whose seeds nobody has.
 */
export const showNkeys = Effect.fn("Identity.nkeys")(function* (file: string) {
  const { scenario } = yield* loadScenario(file)
  const variables = yield* nkeysOfBroker(scenario)
  return { text: variables.map(({ name, value }) => `${name}=${value}`).join("\n"), value: { variables } }
})
