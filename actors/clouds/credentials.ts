/** What a cloud holds once it has enrolled. */
import { Effect, Redacted } from "effect"
import type { Cloud0Secrets, Cloud1Secrets } from "../../protocol/messages/enrolment.ts"
import type { Cloud0Keys, Cloud1Keys } from "../../protocol/sharing/transformation.ts"
import type { Party } from "../../runtime/messaging/contract.ts"
import type { Agreement } from "../party/agreement.ts"
import type { Enrolled, Membership } from "../party/enrolment.ts"
import type { Once } from "../party/once.ts"
import { reached, type TooEarly } from "../party/prerequisites.ts"

export interface Credentials<K> {
  readonly membership: Membership
  readonly keys: K
  /** k_0 or k_1. */
  readonly prgKey: Redacted.Redacted<Uint8Array>
}

/** The credentials needed to do `what`; fails if the cloud has not enrolled. */
export type CredentialsFor<K> = (what: string) => Effect.Effect<Credentials<K>, TooEarly, Party>

type Secrets<F extends typeof Cloud0Secrets | typeof Cloud1Secrets> = Effect.Effect.Success<
  ReturnType<F["decode"]>
>

/** The keys of either cloud, apart from the master key. */
const keysOf = ({ security }: Agreement, { parameters, unifiedPublicKey }: Membership): Cloud1Keys => ({
  parameters,
  unifiedPublicKey,
  mode: security.exponents
})

export const credentialsOfCloud0 =
  <E, R>(
    agreement: Agreement,
    { outcome }: Once<Enrolled<Secrets<typeof Cloud0Secrets>>, E, R>
  ): CredentialsFor<Cloud0Keys> =>
  (what) =>
    Effect.map(reached(outcome, what, "it had enrolled"), ({ membership, secrets }) => {
      const { p, q, prgKey } = Redacted.value(secrets)
      const keys = { ...keysOf(agreement, membership), masterKey: Redacted.make({ p, q }) }
      return { membership, keys, prgKey: Redacted.make(prgKey) }
    })

export const credentialsOfCloud1 =
  <E, R>(
    agreement: Agreement,
    { outcome }: Once<Enrolled<Secrets<typeof Cloud1Secrets>>, E, R>
  ): CredentialsFor<Cloud1Keys> =>
  (what) =>
    Effect.map(reached(outcome, what, "it had enrolled"), ({ membership, secrets }) => ({
      membership,
      keys: keysOf(agreement, membership),
      prgKey: Redacted.make(Redacted.value(secrets).prgKey)
    }))
