/** What two processes that deal together make when either starts. Nothing of it is stored. */
import type { ByteSource } from "../bytes.ts"
import { LatticeParty } from "../lattice/products.ts"
import { type Round, together } from "../learning/operations.ts"
import { TransferReceiver } from "../oblivious-transfer/receiver.ts"
import { TransferSender } from "../oblivious-transfer/sender.ts"
import { defaultExtension } from "../oblivious-transfer/sizes.ts"
import { Prg } from "../ring/prg.ts"
import type { DealingWith } from "./party.ts"

/**
 * Opens both directions of transfers, and exchanges the keys of products. `randomness` gives fresh bytes: some are sent as
 * they are, and none may tell of the others.
 */
export function* startDealing(
  own: Pick<DealingWith, "ring" | "cloud" | "prg">,
  randomness: ByteSource
): Round<DealingWith> {
  const { ring, cloud } = own
  const products = new LatticeParty(ring, randomness(16))
  const instance = (direction: 0 | 1) => ({ ring, direction, shape: defaultExtension, randomness })
  const keys = products.exchangeKeys()
  // By direction, so that both clouds have the messages of a round in the same order.
  const first = { ...own, masks: new Prg(randomness(16)), products }
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
