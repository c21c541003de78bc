/**
 * Products of powers modulo N², as a training on ciphertexts asks for them: the multiplications under them alone, what a
 * term of a product takes beside what its multiplications predict, and what C0 takes to open, whatever the randomness, with
 * the joint secret key and without it. On one core.
 */
import { randomBytes } from "node:crypto"
import { multiplyPlain } from "../protocol/bcp/encryption.ts"
import { fromBytes, randomBelow, randomBits } from "../protocol/bcp/integers.ts"
import { jobs as bcpJobs } from "../protocol/bcp/jobs.ts"
import { CrtDecryptor } from "../protocol/bcp/master-decryption.ts"
import { generateParameters, type Parameters } from "../protocol/bcp/parameters.ts"
import { cheapestWindows, ProductsOfPowers, type ProductsShape } from "../protocol/bcp/products-of-powers.ts"
import { decodeCiphertexts, encodeIntegers, plaintextBytes } from "../protocol/bcp/wire.ts"
import { announceMachine, ownProcessorMs, ratioOf, type Spread, spreadOf, writeFigures } from "./measure.ts"

const [repetitions, multiplications, openings] = [7, 2000, 16]

/** Of layers of 4-8-3 and 30-16-2, and how long blinds are: of a job, and of one result alone. */
const shapes: ReadonlyArray<ProductsShape> = [
  { terms: 4, results: 16, exponentBits: 72 },
  { terms: 30, results: 16, exponentBits: 72 },
  { terms: 30, results: 16, exponentBits: 92 },
  { terms: 32, results: 16, exponentBits: 200 },
  { terms: 30, results: 1, exponentBits: 92 }
]

const processorMs = (work: () => unknown): number => {
  const start = ownProcessorMs()
  work()
  return ownProcessorMs() - start
}

/** Processor time of pieces of work, taken in turns, so that a machine that slows down slows all. */
const taken = (...works: ReadonlyArray<() => unknown>): ReadonlyArray<ReadonlyArray<number>> => {
  for (const work of works) work()
  const turns = Array.from({ length: repetitions }, () => works.map(processorMs))
  return works.map((_, i) => turns.map((turn) => turn[i]!))
}

/** `multiplications` products, of an element modulo N² with others below `bound`. */
const products = ({ N2 }: Parameters, bound: bigint) => {
  const factors = Array.from({ length: 64 }, () => randomBelow(bound))
  return () => {
    let product = N2 - 2n
    for (let i = 0; i < multiplications; i++) product = (product * factors[i & 63]!) % N2
    return product
  }
}

const microseconds = (samples: ReadonlyArray<number>, each: number): Spread =>
  spreadOf(samples.map((ms) => (ms * 1000) / each))

const measureShape = (pp: Parameters, shape: ProductsShape) => {
  const { terms, results, exponentBits } = shape
  const bases = Array.from({ length: terms }, () => randomBelow(pp.N2))
  const exponents = Array.from({ length: results }, () => bases.map(() => randomBits(exponentBits)))
  const { stretches, width, products: predicted } = cheapestWindows(shape)
  const [work, alone] = taken(
    () => {
      const powers = new ProductsOfPowers(pp.N, bases, shape)
      for (const each of exponents) powers.product(each)
    },
    products(pp, pp.N)
  ) as [ReadonlyArray<number>, ReadonlyArray<number>]
  const foreseen = alone.map((ms) => (ms * predicted) / multiplications)
  return {
    ...shape,
    ...{ stretches, width },
    microsecondsATerm: microseconds(work, terms * results),
    ratio: ratioOf(work, foreseen)
  }
}

/** Makes the randomness of what is opened longer than C0's short way takes. */
const multiple = 2n ** 200n + 1n

const measureOpenings = (pp: Parameters, decryptor: CrtDecryptor) => {
  const { publicKeys } = bcpJobs.generateKeys({ parameters: pp, count: 1, mode: "short" })
  const publicKey = publicKeys[0]!
  const { ciphertexts } = bcpJobs.encryptPlaintexts({
    ...{ parameters: pp, publicKey, mode: "short" },
    plaintexts: encodeIntegers(
      Array.from({ length: openings }, () => randomBelow(pp.N)),
      plaintextBytes(pp)
    ),
    randomness: new Uint8Array(randomBytes(16))
  })
  const decoded = decodeCiphertexts(pp, ciphertexts)
  const longer = decoded.map((each) => multiplyPlain(pp, each, multiple))
  const [withKey, general, short] = taken(
    () => decryptor.decryptAll(fromBytes(publicKey), longer, "short"),
    () => decryptor.decryptAll(fromBytes(publicKey), longer, "full"),
    () => decoded.map((each, i) => decryptor.decrypt(fromBytes(publicKey), each, i, "short"))
  ) as [ReadonlyArray<number>, ReadonlyArray<number>, ReadonlyArray<number>]
  return {
    withSecretKey: microseconds(withKey, openings),
    general: microseconds(general, openings),
    ofShortRandomness: microseconds(short, openings)
  }
}

const shown = ({ median, least, most }: Spread, digits = 1): string =>
  `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`

export const run = async (): Promise<void> => {
  const machine = announceMachine()
  const { parameters: pp, masterKey } = await generateParameters(2048)
  const [long, half] = taken(products(pp, pp.N2), products(pp, pp.N)) as [
    ReadonlyArray<number>,
    ReadonlyArray<number>
  ]
  const alone = {
    microseconds: microseconds(long, multiplications),
    withEntry: microseconds(half, multiplications),
    ratio: ratioOf(half, long)
  }
  console.log(
    `multiplication modulo N², µs: ${shown(alone.microseconds, 2)}; ${shown(alone.ratio, 2)} of it with an entry`
  )
  const rows = shapes.map((shape) => measureShape(pp, shape))
  for (const { terms, results, exponentBits, stretches, width, microsecondsATerm, ratio } of rows)
    console.log(
      `${results} products of ${terms} powers of ${exponentBits} bits, windows of ${width} in ${stretches} stretches: ` +
        `${shown(microsecondsATerm)} µs a term, × ${shown(ratio, 2)} of its multiplications alone`
    )
  const opened = measureOpenings(pp, new CrtDecryptor(pp, masterKey))
  for (const [name, each] of Object.entries(opened)) console.log(`opening, ${name}: ${shown(each, 0)} µs`)
  writeFigures("powers", { machine, alone, rows, opened })
}
