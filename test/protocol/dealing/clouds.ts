/** Two clouds that deal for themselves in one process, beside the KGC that deals with both keys. */
import { type DealerOperations, deal } from "../../../protocol/computation/dealer.ts"
import { dealTogether } from "../../../protocol/dealing/deal.ts"
import type { DealingWith } from "../../../protocol/dealing/party.ts"
import type { Round } from "../../../protocol/learning/operations.ts"
import type { TransferShape } from "../../../protocol/oblivious-transfer/sizes.ts"
import { Prg } from "../../../protocol/ring/prg.ts"
import { type Matrix, Ring } from "../../../protocol/ring/ring.ts"
import { idealProducts, idealReceiver, idealSender } from "../../support/ideal-dealing.ts"
import { lockstep } from "../computation/pair.ts"

/** Masks that a program is given: those of the KGC, or a cloud's own. */
export type Given = (operation: number, rows: number, cols: number) => Matrix

export type DealtProgram = (operations: DealerOperations, ring: Ring) => Round<unknown>

type Note = (received: Uint8Array, shape: TransferShape) => void

export class DealingClouds {
  readonly rings: readonly [Ring, Ring, Ring]
  readonly prgs: readonly [Prg, Prg]
  readonly dealings: readonly [DealingWith, DealingWith]

  private constructor(
    rings: readonly [Ring, Ring, Ring],
    prgs: readonly [Prg, Prg],
    notes: readonly [Note, Note]
  ) {
    this.rings = rings
    this.prgs = prgs
    const dealing = (cloud: 0 | 1): DealingWith => ({
      ...{ cloud, ring: rings[cloud], prg: prgs[cloud] },
      sender: idealSender(rings[cloud]),
      receiver: idealReceiver(rings[cloud], notes[cloud]),
      products: idealProducts(rings[cloud], cloud)
    })
    this.dealings = [dealing(0), dealing(1)]
  }

  static async load(
    seed: number,
    {
      prgs = [seed, seed + 100].map((byte) => Prg.ofRun(new Uint8Array(16).fill(byte), "run")) as [Prg, Prg],
      notes = [() => {}, () => {}] as readonly [Note, Note]
    } = {}
  ): Promise<DealingClouds> {
    return new DealingClouds([await Ring.load(), await Ring.load(), await Ring.load()], prgs, notes)
  }

  /** What the KGC deals. */
  kgc(step: number, program: DealtProgram): Uint8Array {
    const ring = this.rings[2]
    const keys = { cloud0: this.prgs[0], cloud1: this.prgs[1] }
    return deal({ ring, keys, step }, (ops) => program(ops, ring))
  }

  /** What the clouds make of some steps, and what each received by round. */
  together(steps: ReadonlyArray<{ readonly step: number; readonly program: DealtProgram }>) {
    const [round0, round1] = this.dealings.map((dealing) =>
      dealTogether(
        dealing,
        steps.map(({ step, program }) => ({ step, program: (ops) => program(ops, dealing.ring) }))
      )
    )
    const [[, corrections], received] = lockstep(round0!, round1!)
    return { corrections, received }
  }
}
