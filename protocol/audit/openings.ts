/**
 * Every opening of BCP ciphertexts that an audit can make. It has all keys of the run, so it opens first, once, and then asks
 * which coalitions could have: those that have the factors of N or the secret key, and for the joint key those that have as
 * many of the users' keys as decrypt or, of a first component, partial decryptions by users whose keys they lack.
 */
import { Either } from "effect"
import type { Ciphertext } from "../bcp/ciphertext.ts"
import { modPow } from "../bcp/exponentiation.ts"
import { fromBytes, toBytes } from "../bcp/integers.ts"
import { CrtDecryptor } from "../bcp/master-decryption.ts"
import { outputSlotBits, unpack, uploadSlotBits } from "../bcp/packing.ts"
import type { Parameters } from "../bcp/parameters.ts"
import {
  ciphertextBytes,
  decodeCiphertexts,
  decodeParameters,
  elementBytes,
  plaintextBytes
} from "../bcp/wire.ts"
import { Enrolment } from "../messages/enrolment.ts"
import type { Recording } from "./recording.ts"

/** The name of the joint key, next to the users' names. */
export const jointKey = "joint"

/** So many of a byte string's numbers tell whether they are ciphertexts. */
const sampled = 4

/** What one ciphertext holds under a key. */
export interface Opened {
  readonly A: bigint
  /** The plaintext, and the words of its slots in every layout that it may have. */
  readonly readable: ReadonlyArray<Uint8Array>
}

export class Openings {
  readonly #parameters: Parameters
  readonly #decryptor: CrtDecryptor
  readonly #publicKeys: ReadonlyMap<string, bigint>
  /** With what each user decrypts under the joint key: sk_j, or s_j with a threshold. */
  readonly #exponents: ReadonlyMap<string, bigint>
  readonly #known = new WeakMap<Uint8Array, Map<string, ReadonlyArray<Opened>>>()
  readonly #powers = new Map<string, string>()

  private constructor(
    parameters: Parameters,
    decryptor: CrtDecryptor,
    publicKeys: ReadonlyMap<string, bigint>,
    exponents: ReadonlyMap<string, bigint>
  ) {
    this.#parameters = parameters
    this.#decryptor = decryptor
    this.#publicKeys = publicKeys
    this.#exponents = exponents
  }

  /** Nothing where the run ended before there were keys. */
  static of({ seen, held }: Recording): Openings | undefined {
    const kgc = held.get("kgc")?.secrets
    const [p, q] = [kgc?.get("p"), kgc?.get("q")]
    const handedOut = [...seen.values()]
      .flat()
      .find(({ kind, tag, from }) => tag === Enrolment.tag && kind === "reply" && from === "kgc")
    if (kgc === undefined || p === undefined || q === undefined || handedOut === undefined) return undefined
    const reply = Enrolment.reply.decode(handedOut.body)
    if (Either.isLeft(reply)) return undefined
    const { wire, publicKeys, unifiedPublicKey } = reply.right.published
    const parameters = decodeParameters(wire)
    const exponents = [...publicKeys.keys()].flatMap((actor) => {
      const key = kgc.get(`keyShare of ${actor}`) ?? kgc.get(`secretKey of ${actor}`)
      return key === undefined ? [] : [[actor, fromBytes(key)] as const]
    })
    return new Openings(
      parameters,
      new CrtDecryptor(parameters, { p: fromBytes(p), q: fromBytes(q) }),
      new Map([
        ...[...publicKeys].map(([actor, key]) => [actor, fromBytes(key)] as const),
        [jointKey, fromBytes(unifiedPublicKey)]
      ]),
      new Map(exponents)
    )
  }

  /** All keys under which anything may be, by name: users' and the joint one. */
  get keys(): Iterable<string> {
    return this.#publicKeys.keys()
  }

  /** What a byte string holds under a key, if it is ciphertexts. */
  under(key: string, bytes: Uint8Array): ReadonlyArray<Opened> {
    const unit = ciphertextBytes(this.#parameters)
    if (bytes.length === 0 || bytes.length % unit !== 0) return []
    const byKey = this.#known.get(bytes) ?? new Map<string, ReadonlyArray<Opened>>()
    this.#known.set(bytes, byKey)
    const before = byKey.get(key)
    if (before !== undefined) return before
    const ciphertexts = decodeCiphertexts(this.#parameters, bytes)
    const opened = this.#areCiphertexts(ciphertexts)
      ? ciphertexts.flatMap((each) => this.#open(key, each))
      : []
    byKey.set(key, opened)
    return opened
  }

  /** Whether bytes are what they would be read as: of random numbers not one in four is a square, as all of these are. */
  #areCiphertexts(ciphertexts: ReadonlyArray<Ciphertext>): boolean {
    return ciphertexts.slice(0, sampled).every((each) => this.#open(jointKey, each).length > 0)
  }

  #open(key: string, ciphertext: Ciphertext): ReadonlyArray<Opened> {
    const { N2, bits } = this.#parameters
    const { A, B } = ciphertext
    if (A <= 1n || B <= 1n || A >= N2 || B >= N2) return []
    try {
      const message = this.#decryptor.decrypt(this.#publicKeys.get(key)!, ciphertext)
      const plain = toBytes(message, plaintextBytes(this.#parameters))
      const layouts = [uploadSlotBits, outputSlotBits].flatMap((slotBits) => wordsIn(message, bits, slotBits))
      return [{ A, readable: [plain, plain.toReversed(), ...layouts] }]
    } catch {
      // ⊥: not a ciphertext, or none under this key.
      return []
    }
  }

  /** The elements that byte strings hold: partial decryptions are among them. */
  elementsIn(strings: Iterable<Uint8Array>): ReadonlySet<string> {
    const width = elementBytes(this.#parameters)
    const found = new Set<string>()
    for (const bytes of strings)
      if (bytes.length % width === 0)
        for (let at = 0; at < bytes.length; at += width) found.add(nameOf(bytes.subarray(at, at + width)))
    return found
  }

  /** Whether partial decryptions of a first component by `count` of these users are among the elements. */
  areRaisedIn(
    elements: ReadonlySet<string>,
    A: bigint,
    users: ReadonlyArray<string>,
    count: number
  ): boolean {
    let wanted = count
    for (let left = users.length; wanted > 0 && wanted <= left; left--)
      if (elements.has(this.#raised(A, users[users.length - left]!))) wanted--
    return wanted <= 0
  }

  #raised(A: bigint, user: string): string {
    const name = `${user} ${A}`
    const known = this.#powers.get(name)
    if (known !== undefined) return known
    const power = modPow(A, this.#exponents.get(user) ?? 0n, this.#parameters.N2)
    const found = nameOf(toBytes(power, elementBytes(this.#parameters)))
    this.#powers.set(name, found)
    return found
  }
}

/** An element for sets. */
const nameOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")

const wordsIn = (message: bigint, bits: number, slotBits: number): ReadonlyArray<Uint8Array> => {
  try {
    return [unpack([message], bits, slotBits)]
  } catch {
    return []
  }
}
