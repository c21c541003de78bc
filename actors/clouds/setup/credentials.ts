/** What a cloud holds once it has enrolled. */
import { Effect, Redacted } from "effect"
import { seededKey } from "../../../protocol/seeding.ts"
import type { Cloud1Keys } from "../../../protocol/sharing/transformation.ts"
import type { Party } from "../../../runtime/messaging/contract.ts"
import type { Agreement } from "../../party/agreement.ts"
import type { Enrolled } from "../../party/enrolment.ts"
import type { Membership } from "../../party/handouts.ts"
import type { Once } from "../../party/once.ts"
import { reached, type TooEarly } from "../../party/prerequisites.ts"
import type { Root } from "../../party/root.ts"

export interface Credentials<K> {
  readonly membership: Membership
  /** The keys of C1; C0 has the master key in addition. */
  readonly keys: Cloud1Keys & K
  /** k_0 or k_1. */
  readonly prgKey: Redacted.Redacted<Uint8Array>
}

/** The credentials needed to do `what`; fails if the cloud has not enrolled. */
export type CredentialsFor<K = unknown> = (what: string) => Effect.Effect<Credentials<K>, TooEarly, Party>

/** A cloud of a run: its number, and its root. */
interface CloudOfRun {
  readonly agreement: Agreement
  readonly cloud: 0 | 1
  readonly root: Root
}

/** The PRG key that a cloud draws itself, where the clouds deal: from the root, or from the seed of a reproducible run. */
const ownPrgKey = ({ agreement: { seed }, cloud, root }: CloudOfRun): Uint8Array => {
  const purpose = cloud === 0 ? "dealer0" : "dealer1"
  return seed === undefined ? root(purpose) : seededKey(seed, purpose)
}

/** `ownKeys` are the keys that only this cloud has. */
export const credentialsOf =
  <S extends { readonly prgKey?: Uint8Array }, K, E, R>(
    of: CloudOfRun,
    { outcome }: Once<Enrolled<S>, E, R>,
    ownKeys: (secrets: S) => K
  ): CredentialsFor<K> =>
  (what) =>
    Effect.map(reached(outcome, what, "it had enrolled"), ({ membership, secrets }) => {
      const { parameters, unifiedPublicKey } = membership
      const own = Redacted.value(secrets)
      const mode = of.agreement.security.exponents
      const keys = { parameters, unifiedPublicKey, mode, ...ownKeys(own) }
      return { membership, keys, prgKey: Redacted.make(own.prgKey ?? ownPrgKey(of)) }
    })
