/**
 * Products of mask differences between two clouds. Cloud i knows the masks X_i and Y_i only; afterwards it has C_i, and
 *   C_0 + C_1 = (X_0 − X_1)·(Y_0 − Y_1) modulo 2^64.
 *
 * Each cloud encrypts its Y_i under its own key. The other multiplies by its X in the clear and returns the product less a
 * random S, so that cloud i receives D_i = X_j·Y_i − S_j, j the other. Then C_i = X_i·Y_i − S_i − D_i. Both clouds do the
 * same at the same time. Semi-honest: a cloud that deviates may learn masks of the other.
 *
 * A key belongs to a pair of processes and to one start of both; nothing of it is stored. What is sent follows from the
 * key, the masks and the order of calls.
 */
import { concatenate, unwritten, wordBytes } from "../bytes.ts"
import type { Round } from "../learning/operations.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import { pairBytes, SecretKey, scaling, unpackCiphertext } from "./ciphertexts.ts"
import { CiphertextsRefused, NoPublicKey } from "./errors.ts"
import { Evaluator } from "./evaluation.ts"
import { type MaskedProduct, placeCiphertext, resultsOf } from "./layout.ts"
import { Moduli } from "./moduli.ts"
import { openResult } from "./opening.ts"
import { degree } from "./parameters.ts"
import { byShape, ciphertextBytes, type ProductsPlan, publicKeyBytes, resultBytes, shapeOf } from "./plan.ts"
import { Samples, seedBytes, UniformHalves } from "./sampling.ts"

/** Products of one shape in a call, and the numbers of what they draw. */
interface Group {
  readonly plan: ProductsPlan
  readonly members: ReadonlyArray<number>
  readonly products: ReadonlyArray<MaskedProduct>
  readonly firstCiphertext: number
  readonly firstResult: number
}

export class LatticeParty {
  readonly #ring: Ring
  readonly #moduli: Moduli
  readonly #samples: Samples
  readonly #secret: SecretKey
  /** Address of the peer's public key. */
  readonly #publicKey: number
  #evaluator: Evaluator | undefined
  /** Of the call at hand; the keys are exchanged in call 0. */
  #call = 0

  /**
   * Allocates 1.6 MB of the ring, which must stay.
   *
   * @param key 16 bytes, secret, fresh for this pair of processes and this start
   */
  constructor(ring: Ring, key: Uint8Array) {
    this.#ring = ring
    this.#moduli = new Moduli(ring)
    this.#samples = new Samples(ring, key)
    this.#secret = new SecretKey(this.#moduli, this.#samples, { call: 0, number: 0 })
    this.#publicKey = ring.allocate(pairBytes)
  }

  /** Exchanges the public keys, before any products: one round. */
  *exchangeKeys(): Round<void> {
    const place = { call: 0, number: 0 }
    const seed = this.#samples.seed(place)
    const halves = new UniformHalves(this.#ring, seed)
    const sent = concatenate([seed, this.#secret.encrypt(halves, this.#samples, place, undefined)])
    const received = yield [() => sent]
    const [key] = checked("public key", received, [publicKeyBytes])
    const theirs = new UniformHalves(this.#ring, key!.subarray(0, seedBytes))
    unpackCiphertext(this.#moduli, this.#publicKey, key!.subarray(seedBytes), theirs, 0, "public key")
    this.#evaluator = new Evaluator(this.#moduli, this.#samples, this.#publicKey)
  }

  /**
   * This cloud's parts of the products of mask differences, from its own masks. Two rounds, with a message for each shape among
   * the products. Products of one shape share ciphertexts, so small ones are best asked for many at a time.
   *
   * @throws NoiseBeyondBound, CiphertextsRefused
   */
  *products(all: ReadonlyArray<MaskedProduct>): Round<ReadonlyArray<Matrix>> {
    const evaluator = this.#evaluator
    if (evaluator === undefined) throw new NoPublicKey()
    this.#call++
    const call = this.#call
    const groups = groupsOf(all)
    const out = groups.map(({ plan, products }) =>
      products.map(() => this.#ring.matrix(plan.shape.rows, plan.shape.cols))
    )
    const seed = this.#samples.seed({ call, number: 0 })
    const halves = new UniformHalves(this.#ring, seed)
    const sent = groups.map((group) => this.#encrypt(group, call, seed, halves))
    const ciphertexts = checked(
      "ciphertexts",
      yield sent.map((bytes) => () => bytes),
      groups.map(({ plan }) => plan.sentBytes)
    )
    const returned = groups.map((group, g) => this.#evaluate(evaluator, group, call, ciphertexts[g]!))
    const results = checked(
      "results",
      yield returned.map((bytes) => () => bytes),
      groups.map(({ plan }) => plan.returnedBytes)
    )
    const ordered: Matrix[] = []
    groups.forEach((group, g) => {
      const { members } = group
      this.#complete(group, call, results[g]!, out[g]!)
      members.forEach((index, product) => {
        ordered[index] = out[g]![product]!
      })
    })
    return ordered
  }

  #encrypt(
    { plan, products, firstCiphertext }: Group,
    call: number,
    seed: Uint8Array,
    halves: UniformHalves
  ): Uint8Array {
    const ring = this.#ring
    const mark = ring.mark()
    const words = ring.allocate(degree * wordBytes)
    const sent = unwritten(plan.sentBytes)
    sent.set(seed)
    for (let c = 0; c < plan.ciphertexts; c++) {
      placeCiphertext(ring, plan, products, c, words)
      ring.kernels.scale(words, words, scaling, degree)
      const place = { call, number: firstCiphertext + c }
      const half = this.#secret.encrypt(halves, this.#samples, place, words)
      sent.set(half, seedBytes + c * ciphertextBytes)
    }
    ring.release(mark)
    return sent
  }

  #evaluate(evaluator: Evaluator, group: Group, call: number, received: Uint8Array): Uint8Array {
    const { plan, products, members, firstCiphertext, firstResult } = group
    const ring = this.#ring
    const mark = ring.mark()
    const ciphertexts = ring.allocate(plan.ciphertexts * pairBytes)
    const halves = new UniformHalves(ring, received.subarray(0, seedBytes))
    for (let c = 0; c < plan.ciphertexts; c++) {
      const from = seedBytes + c * ciphertextBytes
      const half = received.subarray(from, from + ciphertextBytes)
      unpackCiphertext(
        this.#moduli,
        ciphertexts + c * pairBytes,
        half,
        halves,
        firstCiphertext + c,
        "ciphertexts"
      )
    }
    const returned = unwritten(plan.returnedBytes)
    const perProduct = plan.returnedBytes / products.length
    products.forEach((masked, product) => {
      const inner = ring.mark()
      const shares = this.#shares(plan, call, members[product]!)
      const first = firstResult + product * plan.rowBlocks * plan.colBlocks
      const sent = returned.subarray(product * perProduct, (product + 1) * perProduct)
      evaluator.results(plan, { masked, product, call, firstResult: first }, ciphertexts, shares, sent)
      ring.release(inner)
    })
    ring.release(mark)
    return returned
  }

  /** S of a product. New memory. */
  #shares({ shape }: ProductsPlan, call: number, number: number): Matrix {
    const shares = this.#ring.matrix(shape.rows, shape.cols)
    this.#samples.words(shares.at, shape.rows * shape.cols, "share", { call, number })
    return shares
  }

  /** out ← X_i·Y_i − S_i − D_i. */
  #complete(
    { plan, products, members }: Group,
    call: number,
    received: Uint8Array,
    out: ReadonlyArray<Matrix>
  ): void {
    const ring = this.#ring
    let at = 0
    products.forEach(({ x, y, form }, product) => {
      const part = out[product]!
      const mark = ring.mark()
      ring.product(part, x, y, form)
      ring.subtract(part, part, this.#shares(plan, call, members[product]!))
      const opened = ring.matrix(part.rows, part.cols)
      for (let i = 0; i < plan.rowBlocks; i++) {
        for (const block of resultsOf(plan, i)) {
          const bytes = resultBytes(block.rows * block.cols)
          openResult(this.#moduli, this.#secret.at, plan, block, received.subarray(at, at + bytes), opened)
          at += bytes
        }
      }
      ring.subtract(part, part, opened)
      ring.release(mark)
    })
  }
}

const groupsOf = (all: ReadonlyArray<MaskedProduct>): ReadonlyArray<Group> => {
  let [firstCiphertext, firstResult] = [0, 0]
  return byShape(all.map(({ x, y, form }) => shapeOf(x, y, form))).map(({ plan, members }) => {
    const group = {
      plan,
      members,
      products: members.map((index) => all[index]!),
      firstCiphertext,
      firstResult
    }
    firstCiphertext += plan.ciphertexts
    firstResult += plan.results
    return group
  })
}

/** The messages of a round, if they have the lengths that the plan says. */
const checked = (
  what: CiphertextsRefused["what"],
  received: ReadonlyArray<Uint8Array>,
  lengths: ReadonlyArray<number>
): ReadonlyArray<Uint8Array> => {
  const actual = received.map(({ length }) => length)
  if (actual.length !== lengths.length || actual.some((length, i) => length !== lengths[i])) {
    throw new CiphertextsRefused({
      what,
      why: `expected ${lengths.join(", ")} bytes, got ${actual.join(", ") || "none"}`
    })
  }
  return received
}
