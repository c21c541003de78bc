/**
 * Transfers and products as they are meant, in the clear: the receiver tells its choices, the sender all of its messages,
 * of which the receiver reads the chosen one. For tests of what is built on them.
 */

import { productShape } from "../../protocol/computation/product.ts"
import type {
  Batch,
  ChoiceBits,
  MaskProducts,
  TransferReceiver,
  TransferSender
} from "../../protocol/dealing/party.ts"
import type { MaskedProduct } from "../../protocol/lattice/layout.ts"
import { crossing, type Round, together } from "../../protocol/learning/operations.ts"
import type { TransferShape } from "../../protocol/oblivious-transfer/sizes.ts"
import type { Matrix, Ring } from "../../protocol/ring/ring.ts"
import { splitmix } from "../protocol/ring/twin.ts"

const nothing = () => new Uint8Array(0)

/** Choice bits, packed: at both ends. */
class IdealBatch {
  readonly bits: Uint8Array
  /** What was transferred by which bits: by its first bit's place, and its use. */
  readonly taken = new Set<string>()
  constructor(bits: Uint8Array) {
    this.bits = bits
  }
  bit(i: number): number {
    if (i >> 3 >= this.bits.length) throw new RangeError(`bit ${i} of ${this.bits.length} bytes`)
    return (this.bits[i >> 3]! >> (i & 7)) & 1
  }
}

const take = (bits: ReadonlyArray<ChoiceBits>, count: number, { use }: TransferShape): void => {
  const [{ batch, first, stride }] = bits as readonly [ChoiceBits]
  for (let i = 0; i < count; i++) {
    const key = `${first + i * stride} ${use}`
    const { taken } = batch as IdealBatch
    if (taken.has(key)) throw new Error(`a pad serves twice: ${key}`)
    taken.add(key)
  }
}

const chosen = (bits: ReadonlyArray<ChoiceBits>, i: number): number =>
  bits.reduce(
    (value, { batch, first, stride }, j) => value | ((batch as IdealBatch).bit(first + i * stride) << j),
    0
  )

const bytesOf = ({ messageBits }: TransferShape): number => Math.ceil(messageBits / 8)

export const idealSender = (ring: Ring): TransferSender => ({
  *offer(n) {
    const [told] = yield [crossing(nothing, Math.ceil(n / 8))]
    return new IdealBatch(told!.slice())
  },
  *send(bits, count, shape, messages) {
    take(bits, count, shape)
    const bytes = bytesOf(shape) * count * 2 ** bits.length
    yield [crossing(() => ring.bytes(messages, bytes), 0)]
  }
})

/** `note` is told what the receiver gets to see, and how many bits of a message count. */
export const idealReceiver = (
  ring: Ring,
  note: (received: Uint8Array, shape: TransferShape) => void = () => {}
): TransferReceiver => ({
  *choose(n, at): Round<Batch> {
    const bits = ring.bytes(at, Math.ceil(n / 8)).slice()
    yield [crossing(() => bits, 0)]
    return new IdealBatch(bits)
  },
  *receive(bits, count, shape, out) {
    take(bits, count, shape)
    const each = bytesOf(shape)
    const size = 2 ** bits.length
    const [sent] = yield [crossing(nothing, each * count * size)]
    const got = new Uint8Array(each * count)
    const last = 0xff >> (each * 8 - shape.messageBits)
    for (let i = 0; i < count; i++) {
      const from = (i * size + chosen(bits, i)) * each
      for (let b = 0; b < each; b++) got[i * each + b] = sent![from + b]!
      got[i * each + each - 1]! &= last
    }
    note(got, shape)
    ring.memory.set(got, out)
  }
})

/** The products of mask differences, of which cloud 0's parts are random. */
export const idealProducts = (ring: Ring, cloud: 0 | 1): MaskProducts => {
  const next = splitmix(7n)
  function* difference(x: Matrix): Round<Matrix> {
    const bytes = ring.copyOut(x)
    const [theirs] = yield [() => bytes]
    const out = ring.from(x.rows, x.cols, theirs!.slice())
    if (cloud === 0) ring.subtract(out, x, out)
    else ring.subtract(out, out, x)
    return out
  }
  function* product({ x, y, form }: MaskedProduct): Round<Matrix> {
    const [left, right] = yield* together(difference(x), difference(y))
    const { rows, cols } = productShape(left, right, form)
    const [out, part] = [ring.matrix(rows, cols), ring.matrix(rows, cols)]
    ring.product(out, left, right, form)
    const words = ring.words(part)
    for (let i = 0; i < words.length; i++) words[i] = next()
    if (cloud === 0) return part
    ring.subtract(out, out, part)
    return out
  }
  return { products: (all) => together(...all.map(product)) }
}
