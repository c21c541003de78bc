/**
 * Phase 3, transformation to the joint key: C1 sends blinded ciphertexts of the users' second shares and
 * gets them back under pk; C0 sends its own shares under pk. What C0 opens is uniform modulo N. In a training from an
 * archive, which no user uploads for, both shares come from there.
 */
import { Schema } from "../schema.ts"
import { ask, Bytes, BytesOf, Count } from "./message.ts"

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

/**
 * From the archive: C1 says whose cells it holds, with the SHA-256 of which they are. C0 refuses others than it knows of, as
 * where a user has been withdrawn from one of the two alone.
 */
export const OpenArchive = ask(
  "OpenArchive",
  Schema.Struct({ users: Schema.Array(Schema.String), cells: BytesOf(32) }),
  Schema.Struct({})
)

/** From the archive: c'_i0, C0's own share of a user's cells under pk, back to C0, from the `first`-th ciphertext. */
export const ArchivedShare0 = ask(
  "ArchivedShare0",
  Schema.Struct({ user: Schema.String, first: Count, ciphertexts: Bytes }),
  Schema.Struct({})
)

/**
 * From the archive: a piece of c'_i1 from the `first`-th ciphertext, with τ added. The reply is m + τ, and the number of
 * jobs that C0 can run at once.
 */
export const Reopen = ask(
  "Reopen",
  Schema.Struct({ user: Schema.String, first: Count, blinded: Bytes }),
  Schema.Struct({ plaintexts: Bytes, takers: Count })
)
