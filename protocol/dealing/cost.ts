/**
 * What two clouds send each other to deal, round by round and to the byte: the same tasks on shapes, with what each kind
 * sends added up. Public: it needs only the plan. The start of two processes, which opens their transfers and exchanges
 * their keys, comes on top.
 */
import { wordBytes } from "../bytes.ts"
import { type DealerOperations, dealerOperations, runDealer } from "../computation/dealer.ts"
import { nodesOf, planesOf, topBytes } from "../computation/sizes.ts"
import { byShape, productsBytes, shapeOf } from "../lattice/plan.ts"
import { type Round, together } from "../learning/operations.ts"
import { exponentialEntries, reciprocalEntries, sigmoidWaves } from "../learning/scales.ts"
import { choiceBytes, type ExtensionShape, taken, transferBytes } from "../oblivious-transfer/sizes.ts"
import { dealTasks, isElementwise } from "./deal.ts"
import type { Gated, GateTask } from "./gates.ts"
import { type ProductTask, productTransfers } from "./mask-products.ts"
import { type AtBoth, Room, wordsIn } from "./memory.ts"
import { digitBits, wordBits } from "./numbers.ts"
import type { Direction } from "./party.ts"
import { inWaves, type Piece } from "./pieces.ts"
import { lowDigitBits, planeBits } from "./selections.ts"
import { blockMessageBits, blocksOf, constantBytes, type SumTask } from "./sums.ts"
import { factorBits, type TableTask, waveNumber } from "./tables.ts"
import { StepTasks, Tasks } from "./tasks.ts"

/** Bytes from cloud 0 to cloud 1, and back. */
export type BothWays = readonly [number, number]

/** Transfers that an instance of each direction has taken. */
export type Taken = Readonly<Record<Direction, number>>

const noneTaken: Taken = { forward: 0, reversed: 0 }

const senders = { forward: 0, reversed: 1 } as const

const times = <A>(n: number, work: (i: number) => A): ReadonlyArray<A> =>
  Array.from({ length: n }, (_, i) => work(i))

/** Adds up what is sent in a round. Each method that yields is that of `DealingParty`, or made of these. */
class Count {
  #sent: [number, number] = [0, 0]
  readonly #shape: ExtensionShape
  readonly #taken: Record<Direction, number>
  readonly room: Room

  constructor(shape: ExtensionShape, before: Taken, room: Room) {
    this.#shape = shape
    this.#taken = { ...before }
    this.room = room
  }

  get taken(): Taken {
    return { ...this.#taken }
  }

  /** What was sent since it was asked last. */
  round(): BothWays {
    const sent = this.#sent
    this.#sent = [0, 0]
    return sent
  }

  *#send(from: 0 | 1, bytes: number): Round<void> {
    this.#sent[from] += bytes
    yield []
  }

  /** Where `together` has nothing to do, no round is made. */
  all(...rounds: ReadonlyArray<Round<void>>): Round<unknown> {
    return together(...rounds)
  }

  *choices(direction: Direction, n: number): Round<void> {
    const bytes = choiceBytes(this.#shape, this.#taken[direction], n)
    this.#taken[direction] += taken(n)
    this.room.choices(senders[direction], n, bytes)
    yield* this.#send(direction === "forward" ? 1 : 0, bytes)
  }

  *transfer(direction: Direction, choiceBits: number, n: number, messageBits: number): Round<void> {
    this.room.transfer(senders[direction], choiceBits, n, messageBits)
    yield* this.#send(senders[direction], transferBytes(choiceBits, n, { messageBits }))
  }

  *tell(bytes: number): Round<void> {
    this.room.both(bytes)
    yield* this.#send(0, bytes)
  }

  *products(shapes: Parameters<typeof productsBytes>[0]): Round<void> {
    for (const { plan } of byShape(shapes)) this.room.products(plan)
    for (const bytes of productsBytes(shapes)) {
      this.#sent[1] += bytes
      yield* this.#send(0, bytes)
    }
  }

  *sums({ values: n, spans }: Piece<SumTask>): Round<void> {
    const { shift, shifted, oneHot } = spans[0]!.task
    // r, carries, and what gathers the numbers; then one-hot words.
    this.room.both(n * wordBytes * (6 + (oneHot === undefined ? 0 : nodesOf(shift))))
    yield* this.choices("forward", wordBits * n)
    for (const [j, block] of blocksOf(shift).all.entries()) {
      const bits = blockMessageBits(block, shift, oneHot !== undefined)
      yield* this.transfer("forward", block.width + (j === 0 ? 0 : 1), n, bits)
      yield* this.choices("forward", n)
    }
    const constants = oneHot === undefined ? 0 : constantBytes(shift)
    yield* this.all(
      this.transfer("forward", 2, n, 8 * topBytes(shift)),
      ...(shifted === undefined
        ? []
        : [this.transfer("forward", 2, n, shift), this.transfer("forward", 1, n, wordBits)]),
      ...(constants === 0 ? [] : [this.tell(n * constants)])
    )
  }

  *maskProducts({ values: n, spans }: Piece<ProductTask>): Round<void> {
    const { nodes } = spans[0]!.task
    const { masks, products } = planesOf(nodes)
    this.room.both((n * (2 * masks + products)) / 8)
    yield* this.choices("forward", (masks - 1) * n)
    yield* this.all(
      ...productTransfers(nodes).map(({ factors, products }) =>
        this.transfer("forward", factors.length, n, products.length)
      )
    )
  }

  *gates({ values: n, spans }: Piece<GateTask>): Round<void> {
    const { numbers } = spans[0]!.task
    const crosses = numbers.some(({ x }) => x !== undefined)
    yield* this.all(this.choices("forward", n), ...(crosses ? [this.choices("reversed", n)] : []))
    yield* this.gated(n, numbers)
  }

  *gated(n: number, numbers: ReadonlyArray<Pick<Gated, "x" | "bytes">>): Round<void> {
    const each = (direction: Direction, of: typeof numbers) =>
      this.all(...of.map(({ bytes }) => this.transfer(direction, 1, n, 8 * bytes)))
    yield* each(
      "reversed",
      numbers.filter(({ x }) => x !== undefined)
    )
    yield* each("forward", numbers)
  }

  *multiply(direction: Direction, n: number, bits: ReadonlyArray<number>): Round<void> {
    yield* this.all(
      ...bits.flatMap((each) =>
        times(each / digitBits, (digit) =>
          this.transfer(direction, digitBits, n, wordBits - digitBits * digit)
        )
      )
    )
  }

  *addNumbers(n: number, bits: number): Round<void> {
    yield* this.choices("forward", bits * planeBits(n))
    yield* this.transfer("forward", lowDigitBits, n, lowDigitBits + 1)
    yield* this.choices("forward", n)
    yield* this.transfer("forward", bits - lowDigitBits + 1, n, bits - lowDigitBits)
  }

  *select(n: number, bits: number, tables: number): Round<void> {
    const chosen = bits * planeBits(n)
    yield* this.all(this.choices("forward", chosen), this.choices("reversed", chosen))
    for (let level = 0; level < bits; level++)
      yield* this.gated(
        n,
        times(tables * 2 ** level, () => ({ x: 0, bytes: wordBytes }))
      )
  }

  *tables({ values: n, of }: TableTask): Round<void> {
    if (of.function === "waves") {
      const waves = n * sigmoidWaves.length
      yield* this.choices("forward", 2 * waves * waveNumber.stride)
      const { bits } = waveNumber
      yield* this.all(...times(2, () => this.multiply("forward", waves, [bits, bits])))
      return
    }
    const bits = Math.log2(of.function === "lines" ? reciprocalEntries : exponentialEntries)
    if (of.function === "lines") {
      yield* this.all(this.addNumbers(n, bits), ...times(2, () => this.tell(n * wordBytes)))
      yield* this.select(n, bits, 2)
      return
    }
    yield* this.choices("forward", factorBits * n)
    yield* this.all(this.addNumbers(n, bits), this.multiply("forward", n, [factorBits]))
    yield* this.select(n, bits, 1)
  }

  /** Products word by word: of `columns` columns that share the choices of n words. */
  *elementwise(n: number, columns: number): Round<void> {
    yield* this.all(this.choices("forward", wordBits * n), this.choices("reversed", wordBits * n))
    const each = (direction: Direction) => times(columns, () => this.multiply(direction, n, [wordBits]))
    yield* this.all(...each("forward"), ...each("reversed"))
  }
}

/** All rounds of some tasks. */
function* rounds(count: Count, tasks: Tasks): Round<void> {
  const products = [...new Set(tasks.lacked.map(({ product }) => product))]
  yield* count.products(
    products.flatMap(({ x, y, form }) => (isElementwise(form) ? [] : [shapeOf(x, y, form)]))
  )
  const elements = products.flatMap(({ x: { rows, cols }, form }) => {
    if (!isElementwise(form)) return []
    const [n, columns] = form === "rows" ? [rows, cols] : [rows * cols, 1]
    return [{ values: rows * cols, deal: () => count.elementwise(n, columns) }]
  })
  yield* inWaves(count.room, elements)
  yield* count.all(...tasks.reshared.map(({ words }) => count.tell(words * wordBytes)))
  yield* dealTasks(count.room, tasks, {
    sums: (piece) => count.sums(piece),
    maskProducts: (piece) => count.maskProducts(piece),
    tables: (task) => count.tables(task),
    gates: (piece) => count.gates(piece)
  })
}

/**
 * What `dealTogether` sends for steps of which only sizes count (`programOfShapes`), by round. Where transfers have been
 * taken before, fewer or more are made anew.
 */
export const dealingRounds = (
  shape: ExtensionShape,
  steps: ReadonlyArray<(operations: DealerOperations) => Round<unknown>>,
  before: Taken = noneTaken
): ReadonlyArray<BothWays> => dealingOf(shape, steps, before).rounds

/** What a dealing takes, besides its rounds. */
export interface DealingTaken {
  readonly rounds: ReadonlyArray<BothWays>
  /** The transfers that have been taken after it. */
  readonly taken: Taken
  /** What it allocates at most of each cloud's ring, but for the masks of what is open when a step begins. */
  readonly room: AtBoth
}

/** The same, and what else it takes. */
export const dealingOf = (
  shape: ExtensionShape,
  steps: ReadonlyArray<(operations: DealerOperations) => Round<unknown>>,
  before: Taken = noneTaken
): DealingTaken => {
  const tasks = new Tasks()
  const room = new Room()
  const words = wordsIn(room)
  for (const [step, program] of steps.entries())
    runDealer(program(dealerOperations(new StepTasks(words, step, tasks))))
  const count = new Count(shape, before, room)
  const all = rounds(count, tasks)
  const sent: BothWays[] = []
  while (!all.next([]).done) sent.push(count.round())
  return { rounds: sent, taken: count.taken, room: room.most }
}
