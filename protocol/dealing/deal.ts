/**
 * Two clouds deal for themselves (section 5 of docs/concepts/protocol.md): of any number of steps they make the bytes that
 * the KGC would deal with both keys. Nothing of it depends on data, so it can be done at any time before the steps. All
 * steps are dealt at once, what is of the same kind in the same messages.
 */
import { wordBytes } from "../bytes.ts"
import { assembleCorrections } from "../computation/corrections.ts"
import { type DealerOperations, dealerOperations, runDealer } from "../computation/dealer.ts"
import type { MaskProduct } from "../computation/masks.ts"
import { GROUP } from "../computation/sizes.ts"
import { type Round, together } from "../learning/operations.ts"
import type { Ring } from "../ring/ring.ts"
import { dealGates, type GateTask, kindOfGate } from "./gates.ts"
import { dealMaskProducts, type ProductTask } from "./mask-products.ts"
import { elementwise } from "./numbers.ts"
import { DealingParty, type DealingWith } from "./party.ts"
import { byKind, inWaves, type Piece, piecesOf, type Task, valuesAtOnce, type Work } from "./pieces.ts"
import { dealSums, kindOfSum, type SumTask } from "./sums.ts"
import { dealTables, type TableTask, tablePieces } from "./tables.ts"
import { type LackedPart, type Reshared, StepTasks, Tasks } from "./tasks.ts"
import { ownWords } from "./words.ts"

/** A step that is dealt for: `program` is what the KGC runs, with this cloud's own masks for differences and sums. */
export interface DealtStep {
  readonly step: number
  readonly program: (operations: DealerOperations) => Round<unknown>
}

/**
 * Deals for some steps together with the other cloud, which does the same. At cloud 1 the corrections of each step, byte
 * for byte those of `deal`; at cloud 0 nothing. The ring is left as it was.
 */
export function* dealTogether(
  dealing: DealingWith,
  steps: ReadonlyArray<DealtStep>
): Round<ReadonlyArray<Uint8Array>> {
  const { ring } = dealing
  const mark = ring.mark()
  const party = new DealingParty(dealing)
  const tasks = new Tasks()
  const words = ownWords(party)
  const sections = steps.map(({ step, program }) => {
    const written = new StepTasks(words, step, tasks)
    runDealer(program(dealerOperations(written)))
    return { step, sections: written.sections }
  })
  yield* takeParts(party, tasks.lacked)
  yield* reshare(party, tasks.reshared)
  yield* dealTasks(ring, tasks, {
    sums: (piece) => dealSums(party, piece),
    maskProducts: (piece) => dealMaskProducts(party, piece),
    tables: (task) => dealTables(party, task),
    gates: (piece) => dealGates(party, piece)
  })
  for (const finish of tasks.finish) finish()
  const corrections =
    party.cloud === 0
      ? []
      : sections.map((each) => assembleCorrections(each.step, each.sections, ring.memory))
  ring.release(mark)
  return corrections
}

/** How tasks are dealt, kind by kind. */
export interface DealtKinds {
  readonly sums: (piece: Piece<SumTask>) => Round<void>
  readonly maskProducts: (piece: Piece<ProductTask>) => Round<void>
  readonly tables: (task: TableTask) => Round<void>
  readonly gates: (piece: Piece<GateTask>) => Round<void>
}

/** Deals tasks whose masks are complete: gates last, as what they gate is a result of the others. */
export function* dealTasks(
  ring: Pick<Ring, "mark" | "release">,
  { sums, maskProducts, tables, gates }: Tasks,
  kinds: DealtKinds
): Round<void> {
  yield* inWaves(ring, [
    ...works(sums, kindOfSum, kinds.sums),
    ...works(maskProducts, ({ nodes }) => `${nodes}`, kinds.maskProducts),
    ...tablePieces(tables).map((task) => ({ values: task.weight, deal: () => kinds.tables(task) }))
  ])
  const weight = ({ numbers }: GateTask) => Math.max(1, numbers.length / numbersLikeASum)
  yield* inWaves(ring, works(gates, kindOfGate, kinds.gates, { whole: true, weight }))
}

/** So many numbers of a gate take about the memory of a sum. */
const numbersLikeASum = 16

interface HowWorked<T> {
  /** Whether pieces are of whole groups. */
  readonly whole?: boolean
  /** The memory of a value, in those of sums. The same for tasks of one kind. */
  readonly weight?: (task: T) => number
}

/** Tasks in pieces of one kind each. */
const works = <T extends Task>(
  tasks: ReadonlyArray<T>,
  kindOf: (task: T) => string,
  deal: (piece: Piece<T>) => Round<void>,
  { whole = false, weight = () => 1 }: HowWorked<T> = {}
): ReadonlyArray<Work> =>
  byKind(tasks, kindOf).flatMap((kind) => {
    const each = weight(kind[0]!)
    const most = Math.max(GROUP, Math.floor(valuesAtOnce / each))
    return piecesOf(kind, { most, whole }).map((piece) => ({
      values: piece.values * each,
      deal: () => deal(piece)
    }))
  })

/** This cloud's parts of the products of mask differences, each for all roundings that lack it. */
function* takeParts(party: DealingParty, lacked: ReadonlyArray<LackedPart>): Round<void> {
  const steps = [...new Map(lacked.map(({ step, product }) => [product, step]))]
  const matrices = steps.flatMap(([of]) => {
    const { x, y, form } = of
    return isElementwise(form) ? [] : [{ of, masks: { x, y, form } }]
  })
  const products = yield* party.products.products(matrices.map(({ masks }) => masks))
  const parts = new Map(matrices.map(({ of }, i) => [of, products[i]!]))
  const elements = steps.flatMap(([of, step]) => {
    const { product: operation, x, y, form } = of
    if (!isElementwise(form)) return []
    const out = party.ring.matrix(x.rows, form === "rows" ? x.cols : 1)
    parts.set(of, out)
    const deal = () => elementwise(party, { step, operation }, { x, y, form, out })
    return [{ values: x.rows * x.cols, deal }]
  })
  yield* inWaves(party.ring, elements)
  for (const { product, take } of lacked) take(parts.get(product)!)
}

export const isElementwise = (form: MaskProduct["form"]): form is "rows" | "dots" =>
  form === "rows" || form === "dots"

/** Cloud 0 takes new parts of roundings, and tells cloud 1 what its own are more. One round. */
function* reshare(party: DealingParty, reshared: ReadonlyArray<Reshared>): Round<void> {
  const { ring } = party
  const { kernels } = ring
  const first = party.cloud === 0
  yield* together(
    ...reshared.map(function* ({ at, words, part }) {
      const told = ring.allocate(words * wordBytes)
      if (first) kernels.subtract(told, at, part, words)
      yield* party.tell(told, told, words * wordBytes)
      if (first) ring.memory.copyWithin(at, part, part + words * wordBytes)
      else kernels.add(at, at, told, words)
    })
  )
  for (const { settle } of reshared) settle()
}
