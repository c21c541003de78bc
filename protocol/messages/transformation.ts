/**
 * Phase 3, transformation to the joint key: C1 sends blinded ciphertexts of the users' second shares and
 * gets them back under pk; C0 sends its own shares under pk. What C0 opens is uniform modulo N.
 */
import { Schema } from "../schema.ts"
import { ask, Bytes, Count } from "./message.ts"

/**
 * KeyProd, batched: a piece of c_i1 from the `first`-th ciphertext, with τ added, under pk_i. The reply is
 * Enc_pk(m + τ), the number of jobs that C0 can run at once, and m + τ where C1 needs its share in the clear: a training on
 * ciphertexts does not.
 */
export const Reencrypt = ask(
  "Reencrypt",
  Schema.Struct({ user: Schema.String, first: Count, blinded: Bytes }),
  Schema.Struct({
    ciphertexts: Bytes,
    plaintexts: Schema.optionalWith(Bytes, { exact: true }),
    takers: Count
  })
)

/** C0's shares of a user's cells under pk, from the `first`-th ciphertext. */
export const UnifiedShare0 = ask(
  "UnifiedShare0",
  Schema.Struct({ user: Schema.String, first: Count, ciphertexts: Bytes }),
  Schema.Struct({})
)
