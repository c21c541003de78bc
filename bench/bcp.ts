/**
 * What BCP costs beside the bare arithmetic under it: operations a second on one core, next to the exponentiations of
 * node:crypto and the products and gcds of `bigint` that each operation can't do without, and encrypting and opening in a
 * party's worker threads on all cores. Tables are warm; what they cost is a row of its own.
 */

import { createDiffieHellman, randomBytes } from "node:crypto"
import { availableParallelism } from "node:os"
import { Duration, Effect } from "effect"
import { artifact } from "../protocol/artifact.ts"
import { WindowedBase, windowFor } from "../protocol/bcp/fixed-base.ts"
import { byteLength, fromBytes, gcd, randomBelow, toBytes } from "../protocol/bcp/integers.ts"
import { jobs } from "../protocol/bcp/jobs.ts"
import { type ExponentMode, shortRandomizerBits, shortSecretKeyBits } from "../protocol/bcp/keys.ts"
import { MasterDecryptor, openingBits } from "../protocol/bcp/master-decryption.ts"
import { slotsPerPlaintext, uploadSlotBits } from "../protocol/bcp/packing.ts"
import { generateParameters, type MasterKey, type Parameters } from "../protocol/bcp/parameters.ts"
import { encryptorOf } from "../protocol/bcp/precomputed.ts"
import { decodeCiphertexts, encodeMasterKey } from "../protocol/bcp/wire.ts"
import { wordBytes } from "../protocol/bytes.ts"
import type { Jobs } from "../protocol/sharing/jobs.ts"
import { makePool, type WorkerPool } from "../runtime/work/pool.ts"
import { announceMachine, ratioOf, type Spread, spreadOf, writeFigures } from "./measure.ts"

/** Ciphertexts a repetition. */
const chunk = 32

/** Repetitions of which median and spread are taken. */
const repetitions = 9

/** Encryptions for which the tables are made. */
const expectedEncryptions = 100_000

const mode: ExponentMode = "short"

/** What work took, what the bare arithmetic under it did, in microseconds an operation, and the one divided by the other. */
interface Timed {
  readonly microseconds: Spread
  readonly bareMicroseconds: Spread
  readonly ratio: Spread
}

/** Of samples taken in turns. */
const timedOf = (pairs: ReadonlyArray<readonly [work: number, bare: number]>): Timed => {
  const [work, bare] = [pairs.map(([spent]) => spent), pairs.map(([, spent]) => spent)]
  return { microseconds: spreadOf(work), bareMicroseconds: spreadOf(bare), ratio: ratioOf(work, bare) }
}

interface Row extends Timed {
  readonly operation: string
  /**
   * What the operation can't do without, and what that takes by itself. "(1 + mN)" is a multiplication by it: how a plaintext is
   * added, and the last step of a power from tables. The factors of encrypting are read from as many as the tables hold.
   */
  readonly needs: string
  readonly perSecond: number
  /** Packed words a second, where the operation handles a ciphertext of them. */
  readonly wordsPerSecond?: number
}

/** Times work and the bare arithmetic it needs in turns, so that a machine that slows down slows both. */
const timeBeside = (operations: number, work: () => unknown, bare: () => unknown): Timed => {
  const sample = (run: () => unknown): number => {
    const start = performance.now()
    run()
    return ((performance.now() - start) * 1000) / operations
  }
  sample(work)
  return timedOf(Array.from({ length: repetitions }, () => [sample(work), sample(bare)] as const))
}

/** `count` exponentiations of node:crypto by themselves, bytes in and bytes out. */
const powers = (count: number, modulus: bigint, exponentBits: number): (() => void) => {
  const width = byteLength(modulus)
  const context = createDiffieHellman(toBytes(modulus, width), 2)
  const exponent = randomBytes(exponentBits / 8)
  exponent[0]! |= 0x80
  context.setPrivateKey(exponent)
  const base = toBytes(randomBelow(modulus), width)
  return () => {
    for (let i = 0; i < count; i++) context.computeSecret(base)
  }
}

/** `count` products of `bigint` with their reductions, of factors below `bound`, of which so many lie about in memory. */
const products = (count: number, modulus: bigint, bound = modulus, lying = 64): (() => bigint) => {
  const factors = Array.from({ length: lying }, () => randomBelow(bound))
  // No cache foresees these steps, nor the digits of an exponent.
  const stride = Math.floor(lying * 0.618) | 1
  let at = 0
  return () => {
    let x = factors[at]!
    for (let i = 0; i < count; i++) {
      at = (at + stride) % lying
      x = (x * factors[at]!) % modulus
    }
    return x
  }
}

/** `count` products modulo n² of which one factor is below n, and is read from tables of so many. */
const halfProducts = (count: number, n: bigint, tables: number): (() => bigint) =>
  products(count, n * n, n, tables)

/** `count` residues modulo n of elements modulo n². */
const residues = (count: number, n: bigint): (() => bigint) => {
  const elements = Array.from({ length: 64 }, () => randomBelow(n * n))
  return () => {
    let x = 0n
    for (let i = 0; i < count; i++) x = elements[i & 63]! % n
    return x
  }
}

/** What checking ciphertexts takes: the residues of A and B modulo N, two products of such, and for all of them one gcd. */
const checks = (count: number, { N }: Parameters): (() => void) => {
  const product = randomBelow(N)
  return together(residues(2 * count, N), products(2 * count, N), () => gcd(product, N))
}

/** What multiplying by 1 + mn modulo n² takes: a residue modulo n, a product modulo n, and a product with n. */
const shifts = (count: number, n: bigint): (() => void) => {
  const [x, y] = [randomBelow(n), randomBelow(n)]
  return together(residues(count, n), products(count, n), () => {
    let z = 0n
    for (let i = 0; i < count; i++) z = x * y
    return z
  })
}

const together =
  (...parts: ReadonlyArray<() => unknown>): (() => void) =>
  () => {
    for (const part of parts) part()
  }

const measure = (pp: Parameters, master: MasterKey): Array<Row> => {
  const masterKey = encodeMasterKey(pp, master)
  const {
    secretKeys,
    publicKeys,
    unifiedPublicKey: toKey
  } = jobs.generateKeys({ parameters: pp, count: 3, mode })
  const publicKey = publicKeys[0]!
  const slots = slotsPerPlaintext(pp.bits, uploadSlotBits)
  const common = { parameters: pp, slotBits: uploadSlotBits }
  const width = windowFor(expectedEncryptions, shortRandomizerBits, 2 * pp.bits)
  const windows = Math.ceil(shortRandomizerBits / width)
  const factoredWidth = windowFor(expectedEncryptions, shortRandomizerBits, pp.bits)
  const factoredWindows = Math.ceil(shortRandomizerBits / factoredWidth)
  const [entries, factoredEntries] = [windows * (2 ** width - 1), factoredWindows * (2 ** factoredWidth - 1)]
  const { p } = master
  const p2 = p ** 2n

  const row = (
    operation: string,
    [work, needs, bare]: readonly [work: () => unknown, needs: string, bare: () => unknown],
    { operations = chunk, words = slots } = {}
  ): Row => {
    const timed = timeBeside(operations, work, bare)
    const perSecond = 1e6 / timed.microseconds.median
    const wordsPerSecond = words === 0 ? {} : { wordsPerSecond: perSecond * words }
    return { operation, ...timed, needs, perSecond, ...wordsPerSecond }
  }

  const few = new Uint8Array(randomBytes(4 * slots * wordBytes))
  const withoutTables = row(
    "encrypt, without tables",
    [
      () => jobs.encryptPacked({ ...common, publicKey: publicKeys[1]!, mode, words: few }),
      `2 powers of ${shortRandomizerBits} bits modulo N²`,
      powers(2 * 4, pp.N2, shortRandomizerBits)
    ],
    { operations: 4 }
  )
  const table = row(
    "table of one base",
    [
      () => new WindowedBase(pp.N, pp.g, shortRandomizerBits).expect(expectedEncryptions),
      `${entries} · 3 products modulo N`,
      products(entries * 3, pp.N)
    ],
    { operations: 1, words: 0 }
  )
  for (const key of [publicKey, toKey])
    for (const factors of [undefined, masterKey])
      encryptorOf(pp, key, mode, factors).expect(expectedEncryptions)

  const words = new Uint8Array(randomBytes(chunk * slots * wordBytes))
  const encrypt = { ...common, publicKey, mode, words }
  const { ciphertexts } = jobs.encryptPacked(encrypt)
  const key = new Uint8Array(randomBytes(16))
  const { blinded, blinds } = jobs.addBlinds({ parameters: pp, ciphertexts, key })
  const { digest: randomness } = jobs.randomnessOf({ parameters: pp, ciphertexts })
  const reencrypt = { parameters: pp, masterKey, fromKey: publicKey, toKey, mode, blinded, randomness }
  const returned = jobs.reencryptUploaded(reencrypt)
  const unified = jobs.stripBlind({ ...common, ...returned, blinds }).ciphertexts
  const partials = secretKeys.map(
    (secretKey) => jobs.partialDecrypt({ parameters: pp, secretKey, ciphertexts: unified }).partials
  )
  const plain = new MasterDecryptor(pp, master)
  const one = decodeCiphertexts(pp, ciphertexts)[0]!
  const opening = `check, 1 power of ${pp.bits / 2} and 3 of ${openingBits} bits modulo p²`
  const bareOpening = together(
    checks(chunk, pp),
    powers(chunk, p2, pp.bits / 2),
    powers(3 * chunk, p2, openingBits)
  )
  const encrypting = `${2 * windows} products of N² and N from ${2 * entries}, 2 · (1 + mN)`
  const bareEncrypting = together(
    halfProducts(chunk * 2 * windows, pp.N, 2 * entries),
    shifts(2 * chunk, pp.N)
  )
  const encryptingFactored = `${4 * factoredWindows} products of p² and p from ${4 * factoredEntries}, 4 · (1 + mp), 2 products modulo p²`
  const bareEncryptingFactored = together(
    halfProducts(chunk * 4 * factoredWindows, p, 4 * factoredEntries),
    shifts(4 * chunk, p),
    products(2 * chunk, p2)
  )
  const users = secretKeys.length

  return [
    withoutTables,
    table,
    row("encrypt", [() => jobs.encryptPacked(encrypt), encrypting, bareEncrypting]),
    row("encrypt, factors known", [
      () => jobs.encryptPacked({ ...encrypt, masterKey }),
      encryptingFactored,
      bareEncryptingFactored
    ]),
    row("open with the master key", [
      () => jobs.openMaster({ ...common, masterKey, publicKey, mode, ciphertexts }),
      opening,
      bareOpening
    ]),
    row(
      "the same without CRT",
      [
        () => plain.decrypt(fromBytes(publicKey), one),
        `2 powers of ${pp.bits} bits modulo N²`,
        powers(2, pp.N2, pp.bits)
      ],
      { operations: 1 }
    ),
    row("blind", [
      () => jobs.addBlinds({ parameters: pp, ciphertexts, key }),
      "check, 1 + mN",
      together(checks(chunk, pp), shifts(chunk, pp.N))
    ]),
    row("digest of the randomness", [
      () => jobs.randomnessOf({ parameters: pp, ciphertexts }),
      "1 residue modulo N",
      residues(chunk, pp.N)
    ]),
    row("open blinded and re-encrypt", [
      () => jobs.reencryptUploaded(reencrypt),
      `${opening}, ${encryptingFactored}`,
      together(bareOpening, bareEncryptingFactored)
    ]),
    row("strip the blind", [
      () => jobs.stripBlind({ ...common, ...returned, blinds }),
      "check, 1 + mN",
      together(checks(chunk, pp), shifts(chunk, pp.N))
    ]),
    row("partial decryption", [
      () => jobs.partialDecrypt({ parameters: pp, secretKey: secretKeys[0]!, ciphertexts: unified }),
      `check, 1 power of ${shortSecretKeyBits} bits modulo N²`,
      together(checks(chunk, pp), powers(chunk, pp.N2, shortSecretKeyBits))
    ]),
    row(`combine ${users} partial decryptions`, [
      () => jobs.combinePartials({ ...common, ciphertexts: unified, partials }),
      `check, ${users - 1} products modulo N², 4 modulo N, 3 residues modulo N`,
      together(
        checks(chunk, pp),
        products(chunk * (users - 1), pp.N2),
        products(chunk * 4, pp.N),
        residues(chunk * 3, pp.N)
      )
    ])
  ]
}

/** A job of `inJobs`, and how many of them a repetition runs. */
const perJob = 16
const jobsAtOnce = 16
/** Repetitions before those that count: a table grows with its use, in ever longer intervals. */
const warmTurns = 8

/**
 * Encrypting and opening by the worker threads of a party, one a core, beside the same jobs on one core, divided by the cores.
 * All threads have grown their tables on as many ciphertexts: who does alone what they share does as much the more.
 */
const measureThreads = (pp: Parameters, master: MasterKey): Effect.Effect<Array<Row>> =>
  Effect.scoped(
    Effect.gen(function* () {
      const threads = availableParallelism()
      const pool = yield* makePool<Jobs>(artifact("program/jobs.js"), { threads })
      const alone = yield* makePool<Jobs>(artifact("program/jobs.js"), { threads: 1 })
      const { publicKeys } = jobs.generateKeys({ parameters: pp, count: 1, mode })
      const slots = slotsPerPlaintext(pp.bits, uploadSlotBits)
      const common = { parameters: pp, slotBits: uploadSlotBits, publicKey: publicKeys[0]! }
      const masterKey = encodeMasterKey(pp, master)
      const encrypt = Array.from({ length: jobsAtOnce }, () => ({
        ...common,
        mode,
        words: new Uint8Array(randomBytes(perJob * slots * wordBytes))
      }))
      const encrypted = (by: WorkerPool<Jobs>) =>
        Effect.forEach(encrypt, (input) => by.run("encryptPacked", input), { concurrency: "unbounded" })
      const sealed = yield* encrypted(pool)
      const open = sealed.map((ciphertexts) => ({ ...common, masterKey, mode, ...ciphertexts }))
      const opened = (by: WorkerPool<Jobs>) =>
        Effect.forEach(open, (input) => by.run("openMaster", input), { concurrency: "unbounded" })
      const operations = perJob * jobsAtOnce
      const timed = <A, E>(work: Effect.Effect<A, E>) =>
        Effect.map(Effect.timed(work), ([duration]) => (Duration.toMillis(duration) * 1000) / operations)
      const row = <E>(
        operation: string,
        byAll: Effect.Effect<unknown, E>,
        byOne: Effect.Effect<unknown, E>
      ) =>
        Effect.gen(function* () {
          const rest = Effect.replicateEffect(byAll, threads - 1, { discard: true })
          const turn = Effect.zipLeft(
            Effect.all([timed(byAll), Effect.map(timed(byOne), (spent) => spent / threads)]),
            rest
          )
          yield* Effect.replicateEffect(turn, warmTurns, { discard: true })
          const pairs = yield* Effect.replicateEffect(turn, repetitions)
          const beside = timedOf(pairs)
          const perSecond = 1e6 / beside.microseconds.median
          return {
            operation: `${operation}, ${threads} threads`,
            ...beside,
            needs: `the same in one thread, divided by ${threads}`,
            perSecond,
            wordsPerSecond: perSecond * slots
          }
        })
      return [
        yield* row("encrypt", encrypted(pool), encrypted(alone)),
        yield* row("open with the master key", opened(pool), opened(alone))
      ]
    })
  ).pipe(Effect.orDie)

const print = (bits: number, generationSeconds: number, rows: ReadonlyArray<Row>): void => {
  console.log(
    `\n${bits} bits, one core where no threads are named; parameters generated in ${generationSeconds.toFixed(1)} s`
  )
  console.log(
    `${"operation".padEnd(32)}${"µs".padStart(10)}${"spread".padStart(18)}${"a second".padStart(10)}${"words/s".padStart(10)}${"bare µs".padStart(10)}${"× bare".padStart(8)}${"spread".padStart(12)}  needs`
  )
  for (const { operation, microseconds, perSecond, wordsPerSecond, bareMicroseconds, ratio, needs } of rows) {
    const { median, least, most } = microseconds
    console.log(
      operation.padEnd(32) +
        median.toFixed(0).padStart(10) +
        `${least.toFixed(0)}–${most.toFixed(0)}`.padStart(18) +
        perSecond.toFixed(perSecond < 10 ? 1 : 0).padStart(10) +
        (wordsPerSecond?.toFixed(0) ?? "").padStart(10) +
        bareMicroseconds.median.toFixed(0).padStart(10) +
        ratio.median.toFixed(2).padStart(8) +
        `${ratio.least.toFixed(2)}–${ratio.most.toFixed(2)}`.padStart(12) +
        `  ${needs}`
    )
  }
}

/** Measures at 2048 and 3072 bits, prints the tables, and writes `out/bench/bcp.json`. */
export const run = async (): Promise<void> => {
  const machine = announceMachine()
  console.log(`medians and spread of ${repetitions} repetitions of ${chunk} ciphertexts; ${mode} exponents`)
  const sizes: Array<{ bits: number; generationSeconds: number; rows: Array<Row> }> = []
  for (const bits of [2048, 3072]) {
    const start = performance.now()
    const { parameters, masterKey } = await generateParameters(bits)
    const generationSeconds = (performance.now() - start) / 1000
    const rows = [
      ...measure(parameters, masterKey),
      ...(await Effect.runPromise(measureThreads(parameters, masterKey)))
    ]
    print(bits, generationSeconds, rows)
    sizes.push({ bits, generationSeconds, rows })
  }
  writeFigures("bcp", { machine, repetitions, chunk, mode, sizes })
}
