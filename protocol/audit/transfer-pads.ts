/**
 * The masks of what crosses between the parties beside the training: the shares of an upload, of which cloud 1 has the
 * cells less a pad of the user's; what cloud 0 opens for cloud 1, the plaintext and a blind; and the encrypted model,
 * which every user opens to the sums of the clouds' shares and multiples of 2^64. The audit has all keys, takes off
 * the content, and looks at the masks that remain (`drawn-masks.ts`). The pad of an upload is also compared with the
 * key stream of the user's seed.
 */
import { createCipheriv } from "node:crypto"
import { Either } from "effect"
import { decrypt } from "../bcp/decryption.ts"
import { bitLength, fromBytes, residue } from "../bcp/integers.ts"
import { outputSlotBits, slotsPerPlaintext, unpack, uploadSlotBits } from "../bcp/packing.ts"
import type { Parameters } from "../bcp/parameters.ts"
import { ciphertextBytes, decodeCiphertexts, decodeParameters } from "../bcp/wire.ts"
import { wordBytes } from "../bytes.ts"
import { Enrolment } from "../messages/enrolment.ts"
import type { Ask, Format } from "../messages/message.ts"
import { FetchModel } from "../messages/output.ts"
import { actorOf } from "../messages/subjects.ts"
import { Reencrypt } from "../messages/transformation.ts"
import { UploadShare0, UploadShare1, UploadWords1 } from "../messages/upload.ts"
import { auditMasks } from "./drawn-masks.ts"
import type { Finding, Recording, Seen } from "./recording.ts"

/** What an actor received of a kind of message, and could read. */
const read = <A>(
  recording: Recording,
  actor: string,
  { tag, kind }: Pick<Seen, "tag" | "kind">,
  { decode }: Format<A>
): ReadonlyArray<{ readonly seen: Seen; readonly body: A }> =>
  [...recording.seen]
    .flatMap(([process, seen]) => (actorOf(process) === actor ? seen : []))
    .filter((each) => each.tag === tag && each.kind === kind)
    .flatMap((seen) => {
      const body = decode(seen.body)
      return Either.isRight(body) ? [{ seen, body: body.right }] : []
    })

const asked = <A, R>(recording: Recording, actor: string, { tag, payload }: Ask<A, R>) =>
  read(recording, actor, { tag, kind: "ask" }, payload)

const replied = <A, R>(recording: Recording, actor: string, { tag, reply }: Ask<A, R>) =>
  read(recording, actor, { tag, kind: "reply" }, reply)

const parametersOf = (recording: Recording): Parameters | undefined => {
  const enrolled = replied(recording, "cloud0", Enrolment)[0]
  return enrolled && decodeParameters(enrolled.body.published.wire)
}

/** The words of m_ib that a user sent a cloud, by the place of their first. */
type SentWords = ReadonlyArray<{
  readonly seen: Seen
  readonly first: number
  readonly words: BigUint64Array
}>

const wordsOf = (bytes: Uint8Array): BigUint64Array => new BigUint64Array(bytes.slice().buffer)

class Transfers {
  readonly #recording: Recording
  readonly #parameters: Parameters | undefined

  constructor(recording: Recording) {
    this.#recording = recording
    this.#parameters = parametersOf(recording)
  }

  #secret(party: string, name: string): Uint8Array | undefined {
    return this.#recording.held.get(party)?.secrets.get(name)
  }

  #secretKey(user: string): bigint | undefined {
    const secret = this.#secret("kgc", `secretKey of ${user}`) ?? this.#secret(user, "secretKey")
    return secret && fromBytes(secret)
  }

  /** Plaintexts of ciphertexts under a user's key. */
  #opened(user: string, ciphertexts: Uint8Array): ReadonlyArray<bigint> {
    const [parameters, secretKey] = [this.#parameters, this.#secretKey(user)]
    if (parameters === undefined || secretKey === undefined) return []
    return decodeCiphertexts(parameters, ciphertexts).map((each) => decrypt(parameters, secretKey, each))
  }

  /** The training cells of a user as words, in the order of its upload. */
  #cells(user: string): BigUint64Array {
    const cells = this.#recording.held.get(user)?.cells ?? []
    return BigUint64Array.from(cells.flatMap(({ heldOut, words }) => (heldOut ? [] : [...words])))
  }

  /** What of its shares a user sent a cloud in ciphertexts or, to cloud 1 in the hybrid form, as they are. */
  #sent(user: string, cloud: 0 | 1, words: number): SentWords {
    const { bits } = this.#parameters ?? { bits: 0 }
    const slots = slotsPerPlaintext(bits, uploadSlotBits)
    const message = cloud === 0 ? UploadShare0 : UploadShare1
    const inCiphertexts = asked(this.#recording, `cloud${cloud}`, message)
      .filter(({ seen }) => seen.from === user)
      .map(({ seen, body: { first, ciphertexts } }) => {
        const count = Math.min(
          (ciphertexts.length / ciphertextBytes({ bits })) * slots,
          words - first * slots
        )
        const opened = unpack(this.#opened(user, ciphertexts), bits, uploadSlotBits, count)
        return { seen, first: first * slots, words: wordsOf(opened) }
      })
    if (cloud === 0) return inCiphertexts
    const asTheyAre = asked(this.#recording, "cloud1", UploadWords1)
      .filter(({ seen }) => seen.from === user)
      .map(({ seen, body: { first, words } }) => ({ seen, first, words: wordsOf(words) }))
    return [...inCiphertexts, ...asTheyAre]
  }

  /** Cloud 1 has a user's cells less the pad, which is the key stream of the seed; cloud 0 the pad, or the seed. */
  uploads(): ReadonlyArray<Finding> {
    const findings: Array<Finding> = []
    const masks = new Map<string, bigint>()
    for (const { actor } of this.#recording.agreement.users) {
      const cells = this.#cells(actor)
      const seed = this.#secret(actor, "share")
      const pads = seed && wordsOf(keyStream(seed, cells.length))
      for (const { first, words, seen } of this.#sent(actor, 1, cells.length)) {
        const where = (i: number) => `${seen.tag} from ${actor}, word ${first + i}`
        const used = words.map((word, i) => cells[first + i]! - word)
        used.forEach((pad, i) => {
          const key = where(i)
          const before = masks.get(key)
          if (before !== undefined && before !== pad)
            findings.push({ coalition: "cloud1", what: "a cell came twice, under two pads", where: key })
          masks.set(key, pad)
        })
        const other = pads === undefined ? -1 : used.findIndex((pad, i) => pad !== pads[first + i])
        if (other >= 0)
          findings.push({
            coalition: "cloud1",
            what: "what cloud1 received of an upload is not the cell less the key stream of the user's seed",
            where: where(other)
          })
      }
    }
    const pads = { coalition: "cloud1", what: "pad of an upload", bits: 64, masks }
    return [...findings, ...auditMasks(pads)]
  }

  /** Cloud 0 opens m + τ for cloud 1, τ uniform modulo N. */
  blinds(): ReadonlyArray<Finding> {
    const parameters = this.#parameters
    if (parameters === undefined) return []
    const bytesEach = ciphertextBytes(parameters)
    const uploaded = new Map<string, bigint>()
    for (const { seen, body } of asked(this.#recording, "cloud1", UploadShare1))
      this.#opened(seen.from, body.ciphertexts).forEach((plaintext, i) => {
        uploaded.set(`${seen.from} ${body.first + i}`, plaintext)
      })
    const masks = new Map<string, bigint>()
    for (const { body } of asked(this.#recording, "cloud0", Reencrypt)) {
      const { user, first, blinded } = body
      if (blinded.length % bytesEach !== 0) continue
      this.#opened(user, blinded).forEach((plaintext, i) => {
        const content = uploaded.get(`${user} ${first + i}`) ?? 0n
        masks.set(`Reencrypt of ${user}, ciphertext ${first + i}`, residue(plaintext - content, parameters.N))
      })
    }
    // A number below N is spread over all bits but its first few.
    return auditMasks({
      coalition: "cloud0",
      what: "blind",
      bits: bitLength(parameters.N) - 1,
      masks: lowBits(masks, parameters)
    })
  }

  /** Users open the model in slots: the sum of two shares, and above it a mask of 40 bits that hides its carry. */
  model(): ReadonlyArray<Finding> {
    const parameters = this.#parameters
    const users = this.#recording.agreement.users.map(({ actor }) => actor)
    const keys = users.map((user) => this.#secretKey(user))
    const models = users.flatMap((user) => replied(this.#recording, user, FetchModel))
    const model = models[0]
    if (parameters === undefined || model === undefined || keys.includes(undefined)) return []
    const other = models.find(({ body }) => Buffer.compare(body.ciphertexts, model.body.ciphertexts) !== 0)
    if (other !== undefined)
      return [
        {
          coalition: users.join(" with "),
          what: "the model was encrypted twice, under two masks",
          where: `FetchModel to ${model.seen.process} and to ${other.seen.process}`
        }
      ]
    const joint = keys.reduce<bigint>((sum, key) => sum + key!, 0n)
    const slots = slotsPerPlaintext(parameters.bits, outputSlotBits)
    const masks = new Map<string, bigint>()
    decodeCiphertexts(parameters, model.body.ciphertexts).forEach((ciphertext, i) => {
      const plaintext = decrypt(parameters, joint, ciphertext)
      for (let slot = 0; slot < slots; slot++) {
        const sum = BigInt.asUintN(outputSlotBits, plaintext >> BigInt(slot * outputSlotBits))
        // Slots behind the last word are empty.
        if (sum !== 0n) masks.set(`FetchModel, word ${i * slots + slot}`, sum >> 64n)
      }
    })
    return auditMasks({
      coalition: users.join(" with "),
      what: "mask of the model",
      bits: modelMaskBits,
      masks
    })
  }
}

/** Bits of the mask above a word of the model (section 7 of docs/concepts/protocol.md). */
const modelMaskBits = 40

/** Numbers below N less their upper bits, which are not all equally likely. */
const lowBits = (masks: ReadonlyMap<string, bigint>, { N }: Parameters): ReadonlyMap<string, bigint> => {
  const bits = bitLength(N) - 1
  return new Map([...masks].map(([where, mask]) => [where, BigInt.asUintN(bits, mask)]))
}

/** AES-128-CTR from a counter of zeros. */
const keyStream = (seed: Uint8Array, words: number): Uint8Array =>
  createCipheriv("aes-128-ctr", seed, new Uint8Array(16)).update(new Uint8Array(words * wordBytes))

/** What is wrong with the masks of uploads, of the transformation, and of the model. */
export const auditTransfers = (recording: Recording): ReadonlyArray<Finding> => {
  const transfers = new Transfers(recording)
  return [...transfers.uploads(), ...transfers.blinds(), ...transfers.model()]
}
