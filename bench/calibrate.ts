/**
 * What this machine takes for the pieces that a run is made of (docs/reference/cost-model.md), for predictions: `npm run bench -- calibrate` writes
 * `out/bench/calibration.json`. No figure is taken of a run: products, two training steps in one process with nothing between, exchanges
 * of two processes over a broker, powers of a private join, jobs on ciphertexts, and starts.
 */
import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { Context, Effect, Either, Layer, Redacted } from "effect"
import { artifact } from "../protocol/artifact.ts"
import { secretKeyBits } from "../protocol/bcp/keys.ts"
import { slotsPerPlaintext, uploadSlotBits } from "../protocol/bcp/packing.ts"
import { generateParameters } from "../protocol/bcp/parameters.ts"
import { ciphertextBytes, encodeMasterKey, firstComponents } from "../protocol/bcp/wire.ts"
import { wordBytes } from "../protocol/bytes.ts"
import { FrameOpener, FrameSealer, overheadBytes, sessionBytes } from "../protocol/channels/frames.ts"
import { joinSecret } from "../protocol/join/points.ts"
import { challengeBytes, responseBytes, statementDigest } from "../protocol/proofs/equal-logarithms.ts"
import { type Jobs, jobs } from "../protocol/sharing/jobs.ts"
import { expandSeed, seedBytes, subtractWords } from "../protocol/sharing/split.ts"
import { startOwnBroker } from "../runtime/broker/start.ts"
import { type Computation, Party, type Rounds } from "../runtime/messaging/contract.ts"
import * as Parties from "../runtime/messaging/party.ts"
import { parentGone, sayReady, startActor } from "../runtime/processes/process.ts"
import { encrypted, folderStore } from "../runtime/storage/store.ts"
import { makePool } from "../runtime/work/pool.ts"
import {
  type BcpCalibration,
  type Calibration,
  type Curve,
  decodeCalibration
} from "../scenarios/description/calibration.ts"
import { benchUsers, channelsOf } from "./channels.ts"
import { measureDealing } from "./dealing.ts"
import { announceMachine, ownProcessorMs, processorMs, spreadOf, writeFigures } from "./measure.ts"
import { measuredNetworks } from "./networks.ts"
import { type StepKernels, stepKernels } from "./step-kernels.ts"

const median = (samples: ReadonlyArray<number>): number => spreadOf(samples).median

const busyMs = 700

/** A run has as many busy processes at least: two clouds, the dealer, the broker. */
const busyThreads = 4

/** Cores that so many busy threads get. */
export const coresGot = async (): Promise<number> => {
  const before = { at: performance.now(), ms: ownProcessorMs() }
  const spin = `const end = performance.now() + ${busyMs}; while (performance.now() < end);`
  const threads = Array.from({ length: busyThreads }, () => new Worker(spin, { eval: true }))
  await Promise.all(threads.map((thread) => new Promise((resolve) => thread.once("exit", resolve))))
  return Math.min(availableParallelism(), (ownProcessorMs() - before.ms) / (performance.now() - before.at))
}

/** Steps of the arithmetic, enough for a median. */
const arithmeticSteps: Readonly<Record<string, number>> = { "30-16-2": 400, "784-128-128-10": 16 }

/** Solves for what a megabyte and a round take, from what two steps take beside their products. */
const besideProducts = (steps: ReadonlyArray<StepKernels>, spent: ReadonlyArray<number>) => {
  const [x, y] = steps.map(({ openedBytes, dealtBytes, rounds }) => ({
    megabytes: (openedBytes + dealtBytes) / 1e6,
    rounds
  })) as [{ megabytes: number; rounds: number }, { megabytes: number; rounds: number }]
  const [a, b] = spent as [number, number]
  const determinant = x.megabytes * y.rounds - y.megabytes * x.rounds
  return {
    megabyteMs: Math.max(0, (a * y.rounds - b * x.rounds) / determinant),
    roundMs: Math.max(0, (x.megabytes * b - y.megabytes * a) / determinant)
  }
}

const arithmetic = async (): Promise<Calibration["arithmetic"]> => {
  const steps: Array<StepKernels> = []
  for (const network of measuredNetworks)
    steps.push(await stepKernels({ ...network, steps: arithmeticSteps[network.name] ?? 16 }))
  const wide = steps.at(-1)!
  const millionProductsMs = wide.products.median / (wide.multiplications / 1e6)
  // The first of the networks meets what no step has compiled yet.
  const { first } = steps[0]!
  const rest = (spent: (step: StepKernels) => number) =>
    besideProducts(
      steps,
      steps.map((step) => Math.max(0, spent(step) - (millionProductsMs * step.multiplications) / 1e6))
    )
  return {
    millionProductsMs,
    cloud: {
      ...rest(({ cloud0, cloud1 }) => Math.max(cloud0.median, cloud1.median)),
      firstMs: Math.max(0, first.clouds)
    },
    dealer: { ...rest(({ dealer }) => dealer.median), firstMs: Math.max(0, first.dealer) }
  }
}

const runName = "calibration"
interface Exchange {
  readonly bytes: number
  /** In the first block, until what is done again and again is compiled, and in each other. */
  readonly first: number
  readonly turns: number
}
const exchanges: readonly [Exchange, Exchange] = [
  { bytes: 64, first: 6000, turns: 1500 },
  { bytes: 2 ** 20, first: 60, turns: 60 }
]
/** By way of a link, which may be slow. */
const linkedExchanges: readonly [Exchange] = [{ bytes: 64, first: 40, turns: 40 }]
const blocks = 5

const partyOf = (name: string, url: string) =>
  Effect.map(
    Layer.build(Parties.layer({ name, run: runName }).pipe(Layer.provide(channelsOf(name, runName, url)))),
    (built) => Context.get(built, Party)
  )

function* payloads(payload: Uint8Array, rounds: number): Computation<void> {
  for (let round = 0; round < rounds; round++) yield [() => payload]
}

const block = (rounds: Rounds, number: number, exchange: Exchange) =>
  Effect.gen(function* () {
    const payload = new Uint8Array(exchange.bytes)
    const turns = number === 0 ? exchange.first : exchange.turns
    const from = number === 0 ? 0 : exchange.first + 1 + (number - 1) * (turns + 1)
    yield* rounds.drive(from, payloads(payload, 1))
    const begun = { at: performance.now(), ms: ownProcessorMs() }
    yield* rounds.drive(from + 1, payloads(payload, turns))
    return {
      wall: (performance.now() - begun.at) / turns,
      end: (ownProcessorMs() - begun.ms) / turns
    }
  })

const peer = (url: string, linked: boolean) =>
  Effect.gen(function* () {
    const party = yield* partyOf("cloud1", url)
    yield* sayReady({})
    for (const exchange of linked ? linkedExchanges : exchanges) {
      const rounds = yield* party.rounds("cloud0", `${exchange.bytes}`)
      for (let number = 0; number < blocks; number++) yield* block(rounds, number, exchange)
    }
    yield* Effect.never
  })

interface Measured {
  readonly wall: number
  readonly end: number
  readonly broker: number
  /** Processor time at an end that the first block took beyond the others: compiling. */
  readonly first: number
}

/** Milliseconds of exchanges: on the clock, and of processor time at an end and at the broker; by way of a link where one is given. */
const measureExchanges = (through?: (port: number) => Promise<number>) =>
  Effect.gen(function* () {
    const { url, pid } = yield* startOwnBroker({ credentials: benchUsers })
    const port = Number(new URL(url).port)
    const own = through === undefined ? port : yield* Effect.promise(() => through(port))
    const address = `nats://127.0.0.1:${own}`
    yield* startActor({
      party: "cloud1",
      entry: fileURLToPath(artifact("bench/calibrate.js")),
      args: through === undefined ? ["peer"] : ["peer", "linked"],
      env: { NATS_URL: address },
      readyTimeoutMs: 20_000
    })
    const party = yield* partyOf("cloud0", address)
    const measured: Array<Measured> = []
    for (const exchange of through === undefined ? exchanges : linkedExchanges) {
      const rounds = yield* party.rounds("cloud1", `${exchange.bytes}`)
      const cold = yield* block(rounds, 0, exchange)
      const brokerBefore = processorMs(pid)
      const samples: Array<{ wall: number; end: number }> = []
      for (let number = 1; number < blocks; number++) samples.push(yield* block(rounds, number, exchange))
      const end = median(samples.map((sample) => sample.end))
      measured.push({
        wall: median(samples.map(({ wall }) => wall)),
        end,
        broker: (processorMs(pid) - brokerBefore) / ((blocks - 1) * exchange.turns),
        first: (cold.end - end) * exchange.first
      })
    }
    return measured
  }).pipe(Effect.scoped)

/** Milliseconds of an exchange of 64 bytes by way of a link: what the link adds is its delay. */
export const exchangeMs = async (through: (port: number) => Promise<number>): Promise<number> =>
  (await Effect.runPromise(measureExchanges(through)))[0]!.wall

const messages = async (cores: number): Promise<Calibration["messages"]> => {
  const [small, large] = (await Effect.runPromise(measureExchanges())) as [Measured, Measured]
  const megabytes = (exchanges[1].bytes - exchanges[0].bytes) / 1e6
  // An exchange is a message sent and one received at each end, and two at the broker.
  const work = Math.max((2 * small.end + small.broker) / cores, small.end + small.broker)
  return {
    end: {
      messageMs: small.end / 2,
      megabyteMs: Math.max(0, large.end - small.end) / megabytes / 2,
      firstMs: Math.max(0, small.first)
    },
    broker: {
      messageMs: small.broker / 2,
      megabyteMs: Math.max(0, large.broker - small.broker) / megabytes / 2
    },
    waitMs: Math.max(0, small.wall - work)
  }
}

/** What goes through a hybrid upload at a time, and through stable storage. */
const wordsBytes = 2 ** 20
const repetitions = 16

const hybridWords = Effect.gen(function* () {
  const [session, key] = [new Uint8Array(sessionBytes), new Uint8Array(randomBytes(32))]
  const [sealer, opener] = [new FrameSealer(session, key), new FrameOpener(key)]
  const frame = new Uint8Array(wordsBytes + overheadBytes)
  const seed = new Uint8Array(randomBytes(seedBytes))
  const encoded = new Uint8Array(randomBytes(wordsBytes))
  const make = Effect.sync(() =>
    sealer.seal(subtractWords(encoded, expandSeed(seed, wordsBytes / wordBytes)), frame)
  )
  // Opened where it lies: each time a frame of its own.
  const open = Effect.suspend(() =>
    Effect.zipRight(
      make,
      Effect.sync(() => opener.open(frame))
    )
  )
  const spent = <A, E>(work: Effect.Effect<A, E>) =>
    Effect.gen(function* () {
      const before = ownProcessorMs()
      yield* Effect.replicateEffect(work, repetitions)
      return (ownProcessorMs() - before) / repetitions / (wordsBytes / 1e6)
    })
  const makeMegabyteMs = yield* spent(make)
  return { makeMegabyteMs, openMegabyteMs: Math.max(0, (yield* spent(open)) - makeMegabyteMs) }
})

const storing = Effect.gen(function* () {
  const folder = mkdtempSync(join(tmpdir(), "bicameral-bench-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
  const secret = Redacted.make("calibration")
  const store = encrypted(yield* folderStore(folder), { party: "cloud1", run: "calibration", secret })
  const put = (bytes: Uint8Array) =>
    Effect.gen(function* () {
      const samples: Array<number> = []
      for (let i = 0; i < repetitions; i++) {
        const before = performance.now()
        yield* store.put(`entry-${i}`, bytes)
        samples.push(performance.now() - before)
      }
      return median(samples)
    })
  const entryMs = yield* put(new Uint8Array(64))
  const whole = yield* put(new Uint8Array(randomBytes(wordsBytes)))
  return { entryMs, megabyteMs: Math.max(0, whole - entryMs) / (wordsBytes / 1e6) }
}).pipe(Effect.scoped, Effect.orDie)

/** Ids of a private join that are raised, twice: once for compiling. */
const joinedIds = 2000

/** Clouds that deal for the small network, many steps at a time. */
const dealing = async (): Promise<Calibration["dealing"]> => {
  const { bytes, cloud0, cloud1 } = await measureDealing(measuredNetworks[0]!)
  return { megabyteMs: Math.max(cloud0.median, cloud1.median) / ((bytes[0] + bytes[1]) / 1e6) }
}

const joining = (): Calibration["join"] => {
  const secret = joinSecret(new Uint8Array(randomBytes(16)))
  const ids = Array.from({ length: joinedIds }, (_, i) => `row ${i}`)
  const spent = (work: () => unknown) => {
    work()
    const before = ownProcessorMs()
    work()
    return ((ownProcessorMs() - before) * 1000) / joinedIds
  }
  const { points } = jobs.raiseIds({ secret, ids })
  return {
    thousandOwnMs: spent(() => jobs.raiseIds({ secret, ids })),
    thousandOthersMs: spent(() => jobs.raisePoints({ secret, points }))
  }
}

const counts = [1, 16, 64, 192] as const
const mode = "short"

/** Processor time of the jobs of one thread that has made no tables yet, at each of the counts. */
const curve = (job: (count: number) => Effect.Effect<unknown, unknown>) =>
  Effect.gen(function* () {
    const points: Array<readonly [number, number]> = []
    const before = ownProcessorMs()
    let done = 0
    for (const count of counts) {
      // In pieces, as they travel.
      for (; done < count; ) {
        const piece = Math.min(64, count - done)
        yield* job(piece)
        done += piece
      }
      points.push([done, ownProcessorMs() - before])
    }
    const made: Curve = points
    return made
  })

const bcp = (bits: number): Effect.Effect<{ readonly threadMs: number; readonly bcp: BcpCalibration }> =>
  Effect.gen(function* () {
    const begun = ownProcessorMs()
    const searches = bits > 2048 ? 3 : 6
    let found = yield* Effect.promise(() => generateParameters(bits, { insecure: true }))
    for (let i = 1; i < searches; i++)
      found = yield* Effect.promise(() => generateParameters(bits, { insecure: true }))
    const parametersMs = (ownProcessorMs() - begun) / searches
    const { parameters, masterKey: master } = found
    const masterKey = encodeMasterKey(parameters, master)
    const slots = slotsPerPlaintext(bits, uploadSlotBits)
    const common = { parameters, slotBits: uploadSlotBits }
    const secretBits = secretKeyBits(parameters, mode)
    const wordsOf = (count: number) => new Uint8Array(randomBytes(count * slots * wordBytes))
    let threadMs = 0
    const fresh = Effect.gen(function* () {
      const before = ownProcessorMs()
      const pool = yield* makePool<Jobs>(artifact("program/jobs.js"), { threads: 1 })
      const keys = yield* pool.run("generateKeys", { parameters, count: 3, mode })
      threadMs = ownProcessorMs() - before
      return { pool, ...keys, key: keys.publicKeys[0]! }
    })
    const sample = (count: number) =>
      Effect.scoped(
        Effect.gen(function* () {
          const { pool, key, secretKeys, publicKeys, unifiedPublicKey } = yield* fresh
          const encrypt = (publicKey: Uint8Array) =>
            pool.run("encryptPacked", { ...common, publicKey, mode, words: wordsOf(count) })
          const { ciphertexts } = yield* encrypt(key)
          const unified = (yield* encrypt(unifiedPublicKey)).ciphertexts
          const { blinded, blinds } = yield* pool.run("addBlinds", {
            parameters,
            ciphertexts,
            key: new Uint8Array(randomBytes(16))
          })
          const partials = yield* Effect.forEach(secretKeys, (secretKey) =>
            Effect.map(
              pool.run("partialDecrypt", { parameters, secretKey, ciphertexts: unified }),
              (each) => each.partials
            )
          )
          const answer = yield* pool.run("reencryptBlinded", {
            parameters,
            masterKey,
            fromKey: key,
            toKey: unifiedPublicKey,
            mode,
            blinded
          })
          return {
            ciphertexts,
            unified,
            blinded,
            blinds,
            partials,
            answer,
            key,
            secretKeys,
            publicKeys,
            unifiedPublicKey
          }
        })
      )
    const material = yield* sample(64)
    const { key, unifiedPublicKey, secretKeys } = material
    const each = ciphertextBytes(parameters)
    const some = (bytes: Uint8Array, count: number, width = each) => bytes.slice(0, count * width)
    const inFresh = (
      work: (
        pool: Effect.Effect.Success<typeof fresh>["pool"],
        count: number
      ) => Effect.Effect<unknown, unknown>
    ) => Effect.scoped(Effect.flatMap(fresh, ({ pool }) => curve((count) => work(pool, count))))
    const claimOf = (count: number) => {
      const elements = firstComponents(parameters, some(material.unified, count))
      const powers = some(material.partials[0]!, count, bits / 4)
      const claim = { context: new Uint8Array(32), publicKey: key, bases: elements, powers }
      return { statement: statementDigest(parameters, claim), elements, powers }
    }
    const productOf = (
      pool: Effect.Effect.Success<typeof fresh>["pool"],
      statement: Uint8Array,
      elements: Uint8Array
    ) =>
      Effect.map(
        pool.run("productOfProof", { parameters, statement, first: 0, elements }),
        ({ product }) => product!
      )
    const measured: BcpCalibration = {
      parametersMs,
      encrypt: yield* inFresh((pool, count) =>
        pool.run("encryptPacked", { ...common, publicKey: key, mode, words: wordsOf(count) })
      ),
      encryptFactored: yield* inFresh((pool, count) =>
        pool.run("encryptPacked", { ...common, publicKey: key, mode, words: wordsOf(count), masterKey })
      ),
      openMaster: yield* inFresh((pool, count) =>
        pool.run("openMaster", {
          ...common,
          masterKey,
          publicKey: key,
          mode,
          ciphertexts: some(material.ciphertexts, count)
        })
      ),
      blind: yield* inFresh((pool, count) =>
        pool.run("addBlinds", {
          parameters,
          ciphertexts: some(material.ciphertexts, count),
          key: new Uint8Array(16)
        })
      ),
      // Without the digest of what is re-encrypted, which is nothing beside it.
      reencrypt: yield* inFresh((pool, count) =>
        pool.run("reencryptBlinded", {
          parameters,
          masterKey,
          fromKey: key,
          toKey: unifiedPublicKey,
          mode,
          blinded: some(material.blinded, count)
        })
      ),
      strip: yield* inFresh((pool, count) =>
        pool.run("stripBlind", {
          ...common,
          ciphertexts: some(material.answer.ciphertexts, count),
          plaintexts: some(material.answer.plaintexts, count, bits / 8),
          blinds: some(material.blinds, count, bits / 8)
        })
      ),
      partialDecrypt: yield* inFresh((pool, count) =>
        pool.run("partialDecrypt", {
          parameters,
          secretKey: secretKeys[0]!,
          ciphertexts: some(material.unified, count)
        })
      ),
      prove: yield* inFresh((pool, count) =>
        Effect.gen(function* () {
          const { statement, elements } = claimOf(count)
          const bases = yield* productOf(pool, statement, elements)
          const secretKey = secretKeys[0]!
          yield* pool.run("provePartials", { parameters, secretBits, statement, bases, secretKey })
        })
      ),
      verify: yield* inFresh((pool, count) =>
        Effect.gen(function* () {
          const { statement, elements, powers } = claimOf(count)
          const bases = yield* productOf(pool, statement, elements)
          const products = { bases, powers: yield* productOf(pool, statement, powers) }
          // A proof that does not hold takes as long as one that does.
          const proof = {
            challenge: new Uint8Array(randomBytes(challengeBytes)),
            response: new Uint8Array(randomBytes(responseBytes(secretBits) - 1))
          }
          yield* pool.run("verifyPartials", {
            parameters,
            secretBits,
            statement,
            publicKey: key,
            ...products,
            proof
          })
        })
      ),
      combine: yield* inFresh((pool, count) =>
        pool.run("combinePartials", {
          ...common,
          ciphertexts: some(material.unified, count),
          partials: material.partials.map((partials) => some(partials, count, bits / 4))
        })
      ),
      multiplicationMs: multiplication(parameters.N2),
      openAnyMs: yield* Effect.scoped(
        Effect.flatMap(fresh, ({ pool }) =>
          Effect.map(
            curve((count) =>
              pool.run("openResidues", {
                ...{ parameters, masterKey, publicKey: unifiedPublicKey, mode },
                ciphertexts: some(material.unified, count)
              })
            ),
            eachOfMany
          )
        )
      )
    }
    return { threadMs, bcp: measured }
  }).pipe(Effect.scoped, Effect.orDie)

/** Processor time of a multiplication modulo N². */
const multiplication = (square: bigint): number => {
  const many = 10_000
  const factor = square / 3n
  let product = factor
  const before = ownProcessorMs()
  for (let i = 0; i < many; i++) product = (product * factor) % square
  return (ownProcessorMs() - before) / many
}

/** What one more of many takes: the slope of the last part of a curve. */
const eachOfMany = (measured: Curve): number => {
  const [[fewer, ms], [more, all]] = [measured.at(-2)!, measured.at(-1)!]
  return Math.max(0, (all - ms) / (more - fewer))
}

/** Processor time until the program has loaded what a party needs and says how it is used. */
const startUp = (): number => {
  const program = fileURLToPath(artifact("program/main.js"))
  const children = () => {
    const fields = readFileSync("/proc/self/stat", "utf8")
      .replace(/^.*\) /, "")
      .split(" ")
    return 10 * (Number(fields[13]) + Number(fields[14]))
  }
  const starts = 5
  const before = children()
  for (let i = 0; i < starts; i++) execFileSync(process.execPath, [program, "--help"], { stdio: "ignore" })
  return (children() - before) / starts
}

/** Four figures of each number are as many as mean anything. What `check` would refuse is not written. */
const rounded = (calibration: Calibration): Calibration =>
  Either.getOrThrow(
    decodeCalibration(
      JSON.parse(JSON.stringify(calibration), (_, value: unknown) =>
        typeof value === "number" ? Number(value.toPrecision(4)) : value
      )
    )
  )

/** Measures everything, for so many bits of the modulus. */
export const calibrate = async (moduli: ReadonlyArray<number>): Promise<Calibration> => {
  const { processor, cores: nominal, node } = announceMachine()
  const before = await coresGot()
  const arithmeticCosts = await arithmetic()
  const costs: Record<string, BcpCalibration> = {}
  let threadMs = 0
  for (const bits of moduli) {
    const measured = await Effect.runPromise(bcp(bits))
    costs[bits] = measured.bcp
    threadMs = measured.threadMs
  }
  const between = await coresGot()
  const cores = Math.min(nominal, (before + between) / 2)
  return {
    machine: { processor, cores: nominal, node, date: new Date().toISOString().slice(0, 10) },
    cores,
    startUpMs: startUp(),
    threadMs,
    arithmetic: arithmeticCosts,
    messages: await messages(cores),
    words: await Effect.runPromise(hybridWords),
    join: joining(),
    dealing: await dealing(),
    store: await Effect.runPromise(storing),
    bcp: costs
  }
}

/** Calibrates, prints it and writes `out/bench/calibration.json`. */
export const run = async (): Promise<void> => {
  const calibration = rounded(await calibrate([512, 1024, 2048, 3072]))
  console.log(JSON.stringify(calibration, null, 2))
  writeFigures("calibration", calibration)
}

if (process.argv[2] === "peer")
  await Effect.runPromise(
    Effect.scoped(
      Effect.raceFirst(peer(process.env.NATS_URL ?? "", process.argv[3] === "linked"), parentGone)
    )
  )
