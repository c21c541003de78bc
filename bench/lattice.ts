/**
 * Products of mask differences under lattice encryption: the transform of a polynomial modulo a prime, a ciphertext times a
 * plaintext, and all products of a training step at both clouds, in one process, one after the other. Beside them, how
 * blocks are laid out and what they send. A small network is dealt many steps at a time.
 */
import { randomBytes } from "node:crypto"
import { elementBytes, pairBytes } from "../protocol/lattice/ciphertexts.ts"
import type { MaskedProduct } from "../protocol/lattice/layout.ts"
import { Moduli, polynomialStride } from "../protocol/lattice/moduli.ts"
import { degree } from "../protocol/lattice/parameters.ts"
import { byShape, type ProductsPlan, productsBytes, shapeOf } from "../protocol/lattice/plan.ts"
import { LatticeParty } from "../protocol/lattice/products.ts"
import type { Round } from "../protocol/learning/operations.ts"
import { type Matrix, Ring } from "../protocol/ring/ring.ts"
import { announceMachine, ownProcessorMs, type Spread, spreadOf, writeFigures } from "./measure.ts"
import { measuredNetworks, productsOf } from "./networks.ts"

const repetitions = 5

/** Steps that are dealt at a time. */
const stepsAtOnce: Readonly<Record<string, number>> = { "30-16-2": 64, "784-128-128-10": 1 }

/** Microseconds of processor time of one of many runs. */
const microseconds = (work: () => void, times: number): Spread => {
  const once = () => {
    const start = ownProcessorMs()
    for (let i = 0; i < times; i++) work()
    return ((ownProcessorMs() - start) * 1000) / times
  }
  once()
  return spreadOf(Array.from({ length: repetitions }, once))
}

/** As in the first layer of the wide network: sums, their terms, the coefficients in the cache at a time, and what a plaintext's repeats. */
const [terms, sums, chunk, repeats] = [25, 16, 1024, 128]

/** The kernels alone. */
const kernels = async () => {
  const ring = await Ring.load()
  const moduli = new Moduli(ring)
  const [first] = moduli.all
  const [plaintexts, ciphertexts, out] = [1, terms, 1].map((n) => ring.allocate(n * pairBytes)) as [
    number,
    number,
    number
  ]
  const inSums = microseconds(() => {
    moduli.all.forEach(({ at }, p) => {
      const y = ciphertexts + p * polynomialStride
      for (let from = 0; from < degree; from += chunk)
        for (let i = 0; i < sums; i++)
          ring.kernels.multiplyCiphertexts(
            out,
            plaintexts,
            (degree / repeats) * 4,
            repeats,
            y,
            pairBytes,
            elementBytes,
            terms,
            from,
            from + chunk,
            0,
            at
          )
    })
  }, 5)
  return {
    transform: microseconds(() => moduli.forward(first!, out), 400),
    back: microseconds(() => moduli.back(first!, out, first!.back), 400),
    multiplication: microseconds(() => {
      moduli.all.forEach(({ at }, p) => {
        const [x, y] = [plaintexts, ciphertexts].map((of) => of + p * polynomialStride)
        ring.kernels.multiplyCiphertexts(out, x!, 0, 1, y!, 0, elementBytes, 1, 0, degree, 0, at)
      })
    }, 400),
    inSums: perTerm(inSums)
  }
}

const perTerm = ({ median, least, most }: Spread): Spread => ({
  median: median / (terms * sums),
  least: least / (terms * sums),
  most: most / (terms * sums)
})

/** Runs both clouds in turns: milliseconds of processor time of both. */
const both = <A>(one: Round<A>, other: Round<A>): readonly [number, number] => {
  const spent: [number, number] = [0, 0]
  const timed = <B>(cloud: 0 | 1, work: () => B): B => {
    const start = ownProcessorMs()
    const result = work()
    spent[cloud] += ownProcessorMs() - start
    return result
  }
  let [a, b] = [timed(0, () => one.next()), timed(1, () => other.next())]
  while (!a.done && !b.done) {
    const [fromA, fromB] = [a.value.map((x) => x()), b.value.map((x) => x())]
    a = timed(0, () => one.next(fromB))
    b = timed(1, () => other.next(fromA))
  }
  return spent
}

interface Measured {
  readonly name: string
  readonly batch: number
  readonly steps: number
  readonly plans: ReadonlyArray<ProductsPlan>
  /** Of a step, both ways. */
  readonly bytes: number
  /** Milliseconds of a step, of the slower cloud and of both. */
  readonly slower: Spread
  readonly together: Spread
}

const measure = async ({ name, network, batch }: (typeof measuredNetworks)[number]): Promise<Measured> => {
  const steps = stepsAtOnce[name] ?? 1
  const rings = [await Ring.load(), await Ring.load()] as const
  const clouds = rings.map((ring) => new LatticeParty(ring, new Uint8Array(randomBytes(16)))) as [
    LatticeParty,
    LatticeParty
  ]
  both(clouds[0].exchangeKeys(), clouds[1].exchangeKeys())
  const random = (ring: Ring, { rows, cols }: { readonly rows: number; readonly cols: number }): Matrix => {
    const x = ring.matrix(rows, cols)
    ring.copyIn(x, new Uint8Array(randomBytes(rows * cols * 8)))
    return x
  }
  const masks = (ring: Ring): ReadonlyArray<MaskedProduct> =>
    Array.from({ length: steps }, () =>
      productsOf(network, batch).map(([x, y, form]) => ({ x: random(ring, x), y: random(ring, y), form }))
    ).flat()
  const [ofOne, ofOther] = [masks(rings[0]), masks(rings[1])]
  const shapes = ofOne.map(({ x, y, form }) => shapeOf(x, y, form))
  const turns = Array.from({ length: repetitions + 1 }, () => {
    const marks = rings.map((ring) => ring.mark())
    const spent = both(clouds[0].products(ofOne), clouds[1].products(ofOther))
    rings.forEach((ring, i) => {
      ring.release(marks[i]!)
    })
    return spent.map((ms) => ms / steps)
  }).slice(1)
  const [sent, returned] = productsBytes(shapes)
  return {
    name,
    batch,
    steps,
    plans: byShape(shapes).map(({ plan }) => plan),
    bytes: (2 * (sent + returned)) / steps,
    slower: spreadOf(turns.map((spent) => Math.max(...spent))),
    together: spreadOf(turns.map(([a, b]) => a! + b!))
  }
}

const shown = ({ median, least, most }: Spread): string =>
  `${median.toFixed(1)} (${least.toFixed(1)}–${most.toFixed(1)})`

const printPlans = (plans: ReadonlyArray<ProductsPlan>): void => {
  console.log(
    "rows × inner × cols".padEnd(22) +
      ["products", "m", "n", "slots", "sent", "returned", "ct × pt", "MB each way"]
        .map((head) => head.padStart(12))
        .join("")
  )
  for (const {
    shape,
    products,
    blocks,
    ciphertexts,
    results,
    multiplications,
    sentBytes,
    returnedBytes
  } of plans) {
    const { m, n, slots } = blocks
    const megabytes = ((sentBytes + returnedBytes) / 1e6).toFixed(2)
    console.log(
      `${shape.rows} × ${shape.inner} × ${shape.cols}`.padEnd(22) +
        [products, m, n, slots, ciphertexts, results, multiplications, megabytes]
          .map((x) => `${x}`.padStart(12))
          .join("")
    )
  }
}

/** Measures, prints, and writes `out/bench/lattice.json`. */
export const run = async (): Promise<void> => {
  const machine = announceMachine()
  const { transform, back, multiplication, inSums } = await kernels()
  console.log(`\ndegree ${degree}, microseconds of one core, median (least–most) of ${repetitions}`)
  console.log(`transform modulo a prime         ${shown(transform)}, back ${shown(back)}`)
  console.log(
    `ciphertext × plaintext, 7 primes ${shown(multiplication)}, in sums of ${terms} ${shown(inSums)}`
  )
  const networks: Measured[] = []
  for (const network of measuredNetworks) {
    const measured = await measure(network)
    networks.push(measured)
    console.log(`\n${measured.name}, batch ${measured.batch}, ${measured.steps} steps at a time`)
    printPlans(measured.plans)
    console.log(
      `a step: ${shown(measured.slower)} ms at the slower cloud, ${shown(measured.together)} ms at both, ${(measured.bytes / 1e6).toFixed(2)} MB both ways`
    )
  }
  writeFigures("lattice", { machine, transform, back, multiplication, inSums, networks })
}
