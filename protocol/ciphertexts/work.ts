/**
 * The expensive work on ciphertexts that a training on them asks for (section 8 of docs/concepts/protocol.md). It is done
 * in worker threads, so that no event loop waits for it. All of it is bytes: ciphertexts as `protocol/bcp/wire.ts` has them,
 * plaintexts as residues modulo N. Work that is asked for again gives the same bytes.
 */

/** Products of powers of C1's ciphertexts with exponents that only C1 knows. */
export interface PowersRequest {
  /** `terms` times `groups` ciphertexts, those of a term one after another. */
  readonly bases: Uint8Array
  /** Without terms there is no product: addends and a fresh encryption alone. */
  readonly terms: number
  readonly groups: number
  readonly results: number
  /** `terms` numbers of `exponentBytes` bytes for each result, not negative, the least significant byte first. */
  readonly exponents: Uint8Array
  readonly exponentBytes: number
  /** To which each product is raised at last: a small positive integer. */
  readonly factor: number
  /** Ciphertexts to add: one for each that is returned, or `groups` that all results have in common. */
  readonly addends?: Uint8Array
  /** Without it, what comes of public multiples of C1's own ciphertexts, which stays there. */
  readonly fresh?: FreshEncryptions
}

/** Fresh encryptions, with randomizers that follow from a key. */
export interface FreshEncryptions {
  /** One for each ciphertext. */
  readonly plaintexts: Uint8Array
  /** 16 bytes that serve this request only. The randomizer of ciphertext i is that from byte i·⌈bits/8⌉ of its stream. */
  readonly key: Uint8Array
  readonly randomizerBits: number
}

export interface CiphertextWork {
  /**
   * `groups` ciphertexts for each result: of result r and group h, Π_j bases[j][h]^exponents[r][j], raised to `factor`, times
   * the addend, times the fresh encryption. C1.
   */
  readonly powers: (request: PowersRequest) => Promise<Uint8Array>
  /** Encryptions with randomizers of the run's mode, which follow from `key`. C0, with the factors of N. */
  readonly encrypt: (request: {
    readonly plaintexts: Uint8Array
    readonly key: Uint8Array
  }) => Promise<Uint8Array>
  /** The plaintexts of received ciphertexts, whatever their randomness. Rejects `InvalidCiphertext`, `Undecryptable`. C0. */
  readonly open: (request: { readonly ciphertexts: Uint8Array }) => Promise<Uint8Array>
  /** Checks ciphertexts and adds a plaintext to each. Rejects `InvalidCiphertext`. C1. */
  readonly add: (request: {
    readonly ciphertexts: Uint8Array
    readonly plaintexts: Uint8Array
  }) => Promise<Uint8Array>
  /** Differences of ciphertexts that C1 has checked. C1. */
  readonly subtract: (request: {
    readonly left: Uint8Array
    readonly right: Uint8Array
  }) => Promise<Uint8Array>
}
