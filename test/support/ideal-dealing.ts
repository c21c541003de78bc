/**
 * Transfers and products as they are meant: the receiver gets the messages that it chooses, and each cloud its part of a
 * product, through memory that both share, so that nothing of it is in their rounds. For tests of what is built on them.
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
import type { Round } from "../../protocol/learning/operations.ts"
import type { TransferShape } from "../../protocol/oblivious-transfer/sizes.ts"
import type { Matrix, Ring } from "../../protocol/ring/ring.ts"
import { splitmix } from "../protocol/ring/twin.ts"

/** Told what the receiver of transfers gets: its messages, ⌈messageBits/8⌉ bytes each. */
export type Note = (received: Uint8Array, shape: TransferShape) => void

/** Choice bits, packed, at both ends. */
class IdealBatch {
  readonly bits: Uint8Array
  readonly #taken = new Set<string>()

  constructor(bits: Uint8Array) {
    this.bits = bits
  }

  bit(i: number): number {
    const byte = this.bits[i >> 3]
    if (byte === undefined) throw new RangeError(`choice ${i} of ${this.bits.length} bytes`)
    return (byte >> (i & 7)) & 1
  }

  /** Refuses transfers with the same first choice bit for the same use. */
  take(first: number, stride: number, count: number, { use }: TransferShape): void {
    for (let i = 0; i < count; i++) {
      const key = `${first + i * stride} ${use}`
      if (this.#taken.has(key)) throw new Error(`a pad serves twice: ${key}`)
      this.#taken.add(key)
    }
  }
}

const chosen = (bits: ReadonlyArray<ChoiceBits>, i: number): number =>
  bits.reduce(
    (value, { batch, first, stride }, j) => value | ((batch as IdealBatch).bit(first + i * stride) << j),
    0
  )

/** Both ends of a direction between two rings. Of a round, the end that is waited for must run first or a round before. */
export const idealTransfers = (
  [from, to]: readonly [Ring, Ring],
  note: Note = () => {}
): { readonly sender: TransferSender; readonly receiver: TransferReceiver } => {
  const choices: IdealBatch[] = []
  const messages: Uint8Array[] = []
  const bytesOf = ({ messageBits }: TransferShape): number => Math.ceil(messageBits / 8)
  return {
    sender: {
      *offer(): Round<Batch> {
        yield []
        return choices.shift()!
      },
      *send(bits, count, shape, at) {
        const [{ batch, first, stride }] = bits as readonly [ChoiceBits]
        ;(batch as IdealBatch).take(first, stride, count, shape)
        messages.push(from.bytes(at, bytesOf(shape) * count * 2 ** bits.length).slice())
        yield []
      }
    },
    receiver: {
      *choose(n, at): Round<Batch> {
        const batch = new IdealBatch(to.bytes(at, Math.ceil(n / 8)).slice())
        choices.push(batch)
        yield []
        return batch
      },
      *receive(bits, count, shape, out) {
        yield []
        const sent = messages.shift()!
        const each = bytesOf(shape)
        const last = 0xff >> (each * 8 - shape.messageBits)
        const got = new Uint8Array(each * count)
        for (let i = 0; i < count; i++) {
          const at = (i * 2 ** bits.length + chosen(bits, i)) * each
          got.set(sent.subarray(at, at + each), i * each)
          got[(i + 1) * each - 1]! &= last
        }
        note(got, shape)
        to.memory.set(got, out)
      }
    }
  }
}

/** The products of both clouds, of which cloud 0's parts are random. */
export const idealProducts = (rings: readonly [Ring, Ring]): readonly [MaskProducts, MaskProducts] => {
  const told: [MaskedProduct[][], MaskedProduct[][]] = [[], []]
  const next = [splitmix(7n), splitmix(7n)] as const
  const difference = (ring: Ring, cloud: 0 | 1, own: Matrix, other: Matrix): Matrix => {
    const theirs = ring.from(other.rows, other.cols, rings[1 - cloud]!.copyOut(other))
    if (cloud === 0) ring.subtract(theirs, own, theirs)
    else ring.subtract(theirs, theirs, own)
    return theirs
  }
  const productsAt = (cloud: 0 | 1): MaskProducts => ({
    *products(all) {
      const ring = rings[cloud]
      told[cloud].push([...all])
      yield []
      const theirs = told[1 - cloud]!.shift()!
      return all.map(({ x, y, form }, i) => {
        const left = difference(ring, cloud, x, theirs[i]!.x)
        const right = difference(ring, cloud, y, theirs[i]!.y)
        const { rows, cols } = productShape(left, right, form)
        const [out, part] = [ring.matrix(rows, cols), ring.matrix(rows, cols)]
        ring.product(out, left, right, form)
        const words = ring.words(part)
        for (let word = 0; word < words.length; word++) words[word] = next[cloud]()
        if (cloud === 0) return part
        ring.subtract(out, out, part)
        return out
      })
    }
  })
  return [productsAt(0), productsAt(1)]
}
