/** Two clouds that deal for themselves in one process, beside the KGC that deals with both keys. */
import { type DealerOperations, deal } from "../../../protocol/computation/dealer.ts"
import { type DealtStep, dealTogether } from "../../../protocol/dealing/deal.ts"
import type { DealingWith } from "../../../protocol/dealing/party.ts"
import { LatticeParty } from "../../../protocol/lattice/products.ts"
import { type Round, together } from "../../../protocol/learning/operations.ts"
import { TransferReceiver } from "../../../protocol/oblivious-transfer/receiver.ts"
import { TransferSender } from "../../../protocol/oblivious-transfer/sender.ts"
import { defaultExtension } from "../../../protocol/oblivious-transfer/sizes.ts"
import { Prg } from "../../../protocol/ring/prg.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { idealProducts, idealTransfers, type Note } from "../../support/ideal-dealing.ts"
import { lockstep } from "../computation/pair.ts"
import { bytesOf } from "../oblivious-transfer/parties.ts"

/** A program of the KGC's dealer and of both clouds, in the ring of each. */
export type DealtProgram = (operations: DealerOperations, ring: Ring) => Round<unknown>

const clouds = [0, 1] as const

export const prgOf = (seed: number): Prg => Prg.ofRun(new Uint8Array(16).fill(seed), "run")

const masksOfTests = [prgOf(70), prgOf(71)] as const

interface IdealSettings {
  /** Told what a cloud gets of transfers; that of the rounds is the rest. */
  readonly note?: (cloud: 0 | 1, ...got: Parameters<Note>) => void
  readonly masks?: readonly [Prg, Prg]
}

export class DealingClouds {
  /** Those of both clouds and of the KGC. */
  readonly rings: readonly [Ring, Ring, Ring]
  readonly prgs: readonly [Prg, Prg]
  readonly dealings: readonly [DealingWith, DealingWith]

  private constructor(
    rings: readonly [Ring, Ring, Ring],
    prgs: readonly [Prg, Prg],
    dealings: readonly [DealingWith, DealingWith]
  ) {
    this.rings = rings
    this.prgs = prgs
    this.dealings = dealings
  }

  /** With ideal transfers and products. */
  static async ideal(
    prgs: readonly [Prg, Prg],
    { note = () => {}, masks = masksOfTests }: IdealSettings = {}
  ): Promise<DealingClouds> {
    const rings = [await Ring.load(), await Ring.load(), await Ring.load()] as const
    const [ring0, ring1] = rings
    const forward = idealTransfers([ring0, ring1], (...got) => note(1, ...got))
    const reversed = idealTransfers([ring1, ring0], (...got) => note(0, ...got))
    const [products0, products1] = idealProducts([ring0, ring1])
    const { sender, receiver } = forward
    return new DealingClouds(rings, prgs, [
      {
        ...{ cloud: 0, ring: ring0, prg: prgs[0], masks: masks[0], products: products0 },
        ...{ sender, receiver: reversed.receiver }
      },
      {
        ...{ cloud: 1, ring: ring1, prg: prgs[1], masks: masks[1], products: products1 },
        ...{ sender: reversed.sender, receiver }
      }
    ])
  }

  /** With those that clouds have. */
  static async real(prgs: readonly [Prg, Prg], shape = defaultExtension): Promise<DealingClouds> {
    const rings = [await Ring.load(), await Ring.load(), await Ring.load()] as const
    const opened = clouds.map(function* (cloud) {
      const ring = rings[cloud]
      const products = new LatticeParty(ring, new Uint8Array(16).fill(cloud + 1))
      const instance = (direction: 0 | 1) => ({
        ...{ ring, direction, shape },
        randomness: bytesOf(1 + cloud + 2 * direction)
      })
      const sender = TransferSender.open(instance(cloud))
      const receiver = TransferReceiver.open(instance(cloud === 0 ? 1 : 0))
      // In the order of the directions at both clouds.
      const open = cloud === 0 ? together(sender, receiver) : together(receiver, sender)
      const [first, second] = yield* open
      yield* products.exchangeKeys()
      const transfers =
        cloud === 0 ? { sender: first, receiver: second } : { sender: second, receiver: first }
      return {
        cloud,
        ring,
        prg: prgs[cloud],
        masks: masksOfTests[cloud],
        products,
        ...transfers
      } as DealingWith
    })
    const [dealings] = lockstep(opened[0]!, opened[1]!)
    return new DealingClouds(rings, prgs, dealings)
  }

  /** What the KGC deals. */
  kgc(step: number, program: DealtProgram): Uint8Array {
    const ring = this.rings[2]
    const keys = { cloud0: this.prgs[0], cloud1: this.prgs[1] }
    return deal({ ring, keys, step }, (ops) => program(ops, ring))
  }

  /** What the clouds make of some steps, and what each received by round. */
  together(steps: ReadonlyArray<{ readonly step: number; readonly program: DealtProgram }>) {
    return this.run((cloud) =>
      steps.map(({ step, program }) => ({ step, program: (ops) => program(ops, this.rings[cloud]) }))
    )
  }

  run(steps: (cloud: 0 | 1) => ReadonlyArray<DealtStep>) {
    const [round0, round1] = clouds.map((cloud) => dealTogether(this.dealings[cloud], steps(cloud)))
    const [[, corrections], received] = lockstep(round0!, round1!)
    return { corrections, received }
  }
}
