/**
 * The steps of a stretch, as the main process of a cloud makes them: alone, or as the leader of lanes that
 * find the gradients on their slices of each batch. Both give the same weights to the bit.
 */
import { Effect, Fiber } from "effect"
import { free } from "../../../protocol/bytes.ts"
import { cloudOperations, rowsOf } from "../../../protocol/computation/cloud.ts"
import { addGradients, handedOut } from "../../../protocol/computation/lanes.ts"
import { keepState } from "../../../protocol/computation/layer-words.ts"
import { planOfStep } from "../../../protocol/learning/plan.ts"
import { type Layer, openWeights, trainingStep, update } from "../../../protocol/learning/step.ts"
import type { DealtPart } from "../../../protocol/messages/training.ts"
import type { Matrix } from "../../../protocol/ring/ring.ts"
import type { Computation } from "../../../runtime/messaging/contract.ts"
import { partsOfStretch, type Stretch } from "../../party/stretches.ts"
import type { Enlisted } from "./lanes/leader.ts"
import type { Drive } from "./lanes/rounds.ts"
import { gradientsOnSlice, type OpenedRows, parsed, type SliceShare } from "./lanes/slice.ts"

/**
 * What a step is made of: the rows, the layers that it updates in place, and the rounds with the other cloud.
 */
export interface StepParts {
  readonly own: SliceShare
  readonly opened: OpenedRows
  readonly layers: ReadonlyArray<Layer<Matrix>>
  readonly drive: Drive
}

/** Makes the steps of a stretch, as one computation. At C1 `dealt` is the corrections for them. */
export const stepsAlone = ({ own, opened, layers, drive }: StepParts) => {
  const { ring, plan, cloud, prg, order } = own
  function* steps({ first, last }: Stretch, dealt: Uint8Array | undefined): Computation<void> {
    const each = dealt === undefined ? 0 : Math.floor(dealt.length / (last - first + 1))
    for (let step = first; step <= last; step++) {
      const at = (step - first) * each
      const corrections = parsed(step, dealt?.subarray(at, at + each))
      const mark = ring.mark()
      const ops = cloudOperations({ ring, party: cloud, prg, step, ...corrections })
      const batch = rowsOf(ring, opened, order(step))
      keepState(ring, layers, yield* trainingStep(ops, planOfStep(plan, step), layers, batch))
      ring.release(mark)
    }
  }
  return (stretch: Stretch, dealt: Uint8Array | undefined) => drive(steps(stretch, dealt))
}

/** Each step opens the weights, hands them to the lanes, and updates them by the sum of all gradients. */
export const stepsWithLanes = (
  { own, opened, layers, drive }: StepParts,
  part: DealtPart,
  lanes: Pick<Enlisted, "gradients">
) => {
  const { ring, plan, cloud, prg, order } = own
  const makeStep = (step: number, dealt: Uint8Array | undefined) =>
    Effect.gen(function* () {
      const mark = ring.mark()
      const corrections = parsed(step, dealt)
      const ops = () => cloudOperations({ ring, party: cloud, prg, step, ...corrections })
      const weights = yield* drive(openWeights(ops(), layers))
      const handed = handedOut(ring, weights, layers)
      const others = yield* Effect.fork(lanes.gradients(step, handed))
      const found = yield* drive(gradientsOnSlice(own, opened, { step, weights, layers, dealt }))
      for (const words of yield* Fiber.join(others)) {
        addGradients(ring, found, words)
        free(words)
      }
      free(handed)
      keepState(ring, layers, yield* drive(update(ops(), planOfStep(plan, step), layers, found)))
      ring.release(mark)
    })
  return (stretch: Stretch, dealt: Uint8Array | undefined) =>
    Effect.forEach(partsOfStretch(plan, order, stretch, part, dealt), ([step, own]) => makeStep(step, own), {
      discard: true
    })
}
