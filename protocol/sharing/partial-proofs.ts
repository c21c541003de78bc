/**
 * What a user sends the others so that all can decrypt the model: its partial decryptions, with a proof that
 * they are powers under the secret key of the public key that the KGC published for it (`proofs/`). Without a
 * proof a user could multiply one by (1 + N)^−δ, and so add δ to a weight in the others' copies of the model,
 * unseen. The proof shows P up to its sign, and the model is opened on squares, where signs do not matter.
 */
import { Effect, Either, Redacted } from "effect"
import type { ExponentMode } from "../bcp/keys.ts"
import type { Parameters } from "../bcp/parameters.ts"
import { decryptionBits } from "../bcp/threshold.ts"
import { elementBytes, firstComponents } from "../bcp/wire.ts"
import { concatenate } from "../bytes.ts"
import { CanonicalWriter, sameBytes } from "../canonical.ts"
import {
  challengeBytes,
  type EqualLogarithms,
  responseBytes,
  statementDigest
} from "../proofs/equal-logarithms.ts"
import type { ProofBytes } from "../proofs/jobs.ts"
import { PartialsRejected, partiallyDecrypt, type UserKey } from "./model-output.ts"
import { decryptionKeyOf, digestPublished, type NotAUser, type Published, quorumOf } from "./published.ts"
import { type SealedModel, sealedModelDigest, sha256 } from "./sealed-model.ts"
import { inJobs, type Work } from "./work.ts"

/** What is decrypted and under which keys: the same at every user. */
export interface JointlyDecrypted {
  readonly run: string
  readonly published: Published & { readonly parameters: Parameters }
  readonly mode: ExponentMode
  readonly sealed: SealedModel
}

/** A user's partial decryptions as the others receive them. */
export interface ProvenPartials {
  /** A^(sk_j) of every ciphertext; A^(s_j) where the joint key is shared. */
  readonly partials: Uint8Array
  /** The digest of what the user was handed: the encrypted model by C1, and the keys by the KGC. */
  readonly about: Uint8Array
  readonly proof: ProofBytes
}

/** SHA-256 of what all users have been handed alike: of no party can one have another than the rest. */
const digestOf = ({ run, published, sealed }: JointlyDecrypted): Uint8Array =>
  sha256(
    new CanonicalWriter()
      .string("bicameral joint decryption")
      .u32(1)
      .fixed(digestPublished(run, published))
      .fixed(sealedModelDigest(sealed))
      .finish()
  )

/** Bits of the secret exponents that are raised to. */
const exponentBits = ({ mode, published }: JointlyDecrypted): number =>
  decryptionBits(published.parameters, mode, quorumOf(published))

/** What a user proves: that its partial decryptions of this model are powers under its key of this run. */
const claimOf = (
  { published, sealed }: JointlyDecrypted,
  about: Uint8Array,
  prover: string,
  powers: Uint8Array
): Either.Either<EqualLogarithms, NotAUser> =>
  Either.map(decryptionKeyOf(published, prover), (publicKey) => ({
    context: new CanonicalWriter()
      .string("bicameral partial decryptions")
      .u32(1)
      .fixed(about)
      .string(prover)
      .finish(),
    publicKey,
    bases: firstComponents(published.parameters, sealed.ciphertexts),
    powers
  }))

/** The products of a proof, one a job; undefined where an element is not in the group. */
const productsOf = <E>(
  work: Work<E>,
  parameters: Parameters,
  statement: Uint8Array,
  elements: Uint8Array
): Effect.Effect<Uint8Array | undefined, E> => {
  const width = elementBytes(parameters)
  return Effect.map(
    inJobs(elements.length / width, (first, count) =>
      work.run("productOfProof", {
        parameters,
        statement,
        first,
        elements: elements.slice(first * width, (first + count) * width)
      })
    ),
    (parts) => {
      const products = parts.flatMap(({ product }) => (product === undefined ? [] : [product]))
      return products.length === parts.length ? concatenate(products) : undefined
    }
  )
}

/**
 * User `prover`: its partial decryptions of an encrypted model whose first components are known to be C0's.
 * `secretKey` is its key share where the joint key is shared. The proof is another one each time.
 */
export const decryptPartially = <E>(
  work: Work<E>,
  decrypted: JointlyDecrypted,
  prover: string,
  secretKey: UserKey["secretKey"]
): Effect.Effect<ProvenPartials, E | NotAUser> =>
  Effect.gen(function* () {
    const { published, sealed } = decrypted
    const { parameters } = published
    const partials = yield* partiallyDecrypt(work, { parameters, secretKey }, sealed.ciphertexts)
    const about = digestOf(decrypted)
    const claim = yield* claimOf(decrypted, about, prover, partials)
    const statement = statementDigest(parameters, claim)
    // The job before has refused ciphertexts that are not in the group.
    const bases = (yield* productsOf(work, parameters, statement, claim.bases))!
    const proof = yield* work.run("provePartials", {
      parameters,
      secretBits: exponentBits(decrypted),
      statement,
      bases,
      secretKey: Redacted.value(secretKey)
    })
    return { partials, about, proof }
  }).pipe(Effect.withSpan("User.decryptPartially"))

/**
 * User: refuses what another user sent unless it is its partial decryptions of the same encrypted model and proved.
 * `name` is the user's name in the error.
 */
export const verifyPartials = <E>(
  work: Work<E>,
  decrypted: JointlyDecrypted,
  prover: { readonly actor: string; readonly name: string },
  { partials, about, proof }: ProvenPartials
): Effect.Effect<void, E | NotAUser | PartialsRejected> =>
  Effect.gen(function* () {
    const { parameters } = decrypted.published
    const secretBits = exponentBits(decrypted)
    const { challenge, response } = proof
    const rejected = (reason: string) => new PartialsRejected({ user: prover.name, reason })
    if (!sameBytes(about, digestOf(decrypted)))
      return yield* new PartialsRejected({
        user: prover.name,
        reason:
          "cloud1 has handed it another encrypted model than this user, or the KGC other keys, or it claims so",
        others: ["cloud1", "the KGC"]
      })
    if (challenge.length !== challengeBytes || response.length !== responseBytes(secretBits))
      return yield* rejected("its proof is not of the size of one")
    const claim = yield* claimOf(decrypted, about, prover.actor, partials)
    const { bases, powers, publicKey } = claim
    if (powers.length !== bases.length)
      return yield* rejected(`${powers.length} bytes, this model takes ${bases.length}`)
    const statement = statementDigest(parameters, claim)
    const [ofBases, ofPowers] = yield* Effect.all(
      [productsOf(work, parameters, statement, bases), productsOf(work, parameters, statement, powers)],
      { concurrency: "unbounded" }
    )
    if (ofBases === undefined || ofPowers === undefined) return yield* rejected("one is not in the group")
    const { holds } = yield* work.run("verifyPartials", {
      parameters,
      secretBits,
      statement,
      publicKey,
      bases: ofBases,
      powers: ofPowers,
      proof
    })
    if (!holds)
      return yield* rejected("its proof does not hold that they are powers under its key of this run")
  }).pipe(Effect.withSpan("User.verifyPartials"))
