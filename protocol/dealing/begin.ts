/** What a start of both clouds' processes makes: both directions of transfers, the keys of products, and a key for masks. */
import type { ByteSource } from "../bytes.ts"
import { LatticeParty } from "../lattice/products.ts"
import { type Round, together } from "../learning/operations.ts"
import { TransferReceiver } from "../oblivious-transfer/receiver.ts"
import { TransferSender } from "../oblivious-transfer/sender.ts"
import type { ExtensionShape } from "../oblivious-transfer/sizes.ts"
import { Prg } from "../ring/prg.ts"
import type { Ring } from "../ring/ring.ts"
import type { DealingWith } from "./party.ts"

/** A cloud that begins to deal. */
export interface Beginning {
  readonly ring: Ring
  readonly cloud: 0 | 1
  /** This cloud's generator of the run. */
  readonly prg: Prg
  /** Bytes that nobody else knows, other ones for each start. */
  readonly randomness: ByteSource
  readonly shape: ExtensionShape
}

/** Opens the transfers and exchanges the keys. New memory of the ring, which must stay. Throws `dealingErrors`. */
export function* beginDealing({ ring, cloud, prg, randomness, shape }: Beginning): Round<DealingWith> {
  const lattice = new LatticeParty(ring, randomness(16))
  const instance = (direction: 0 | 1) => ({ ring, direction, shape, randomness })
  const keys = lattice.exchangeKeys()
  const first = { ring, cloud, prg, masks: new Prg(randomness(16)), products: lattice }
  // By direction, so that both clouds have the messages of a round in the same order.
  if (cloud === 0) {
    const [sender, receiver] = yield* together(
      TransferSender.open(instance(0)),
      TransferReceiver.open(instance(1)),
      keys
    )
    return { ...first, sender, receiver }
  }
  const [receiver, sender] = yield* together(
    TransferReceiver.open(instance(0)),
    TransferSender.open(instance(1)),
    keys
  )
  return { ...first, sender, receiver }
}
