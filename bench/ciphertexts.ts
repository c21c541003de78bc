/**
 * A training step on ciphertexts: both clouds in one process, whose jobs share two worker threads, as on a machine with two
 * cores. Beside it, what its plan predicts times what one multiplication modulo N², one opening and one encryption take
 * alone, in the same run: by the clock, and in processor time, which other work on the machine changes less. N has 2048 bits.
 */
import { randomBytes } from "node:crypto"
import { Effect, Redacted } from "effect"
import { workOf } from "../actors/clouds/training/ciphertexts/work.ts"
import { layer as bcpPool } from "../actors/party/bcp-pool.ts"
import { encryptWith } from "../protocol/bcp/encryption.ts"
import { randomBelow, toBytes } from "../protocol/bcp/integers.ts"
import { generateSecretKey, publicKey as publicKeyOf } from "../protocol/bcp/keys.ts"
import { generateParameters } from "../protocol/bcp/parameters.ts"
import {
  elementBytes,
  encodeCiphertexts,
  encodeIntegers,
  encodeMasterKey,
  plaintextBytes
} from "../protocol/bcp/wire.ts"
import { blinded0, cloud0Operations, type Value0 } from "../protocol/ciphertexts/cloud0.ts"
import { cloud1Operations } from "../protocol/ciphertexts/cloud1.ts"
import { stepCost } from "../protocol/ciphertexts/cost.ts"
import { Draws } from "../protocol/ciphertexts/draws.ts"
import type { IntegerMatrix } from "../protocol/ciphertexts/matrices.ts"
import { multiplicationsOf } from "../protocol/ciphertexts/multiplications.ts"
import { CiphertextParty } from "../protocol/ciphertexts/party.ts"
import { sizesOf } from "../protocol/ciphertexts/plan.ts"
import { initialShares, layerBytes, sealAtC0, sealAtC1 } from "../protocol/ciphertexts/state.ts"
import { ciphertextStep } from "../protocol/ciphertexts/step.ts"
import { blinded1, type Value1 } from "../protocol/ciphertexts/values1.ts"
import type { CiphertextWork } from "../protocol/ciphertexts/work.ts"
import { TransferringParty } from "../protocol/dealing/party.ts"
import { outputs } from "../protocol/learning/network.ts"
import { together } from "../protocol/learning/operations.ts"
import { type TrainingPlan, trainingPlan } from "../protocol/learning/plan.ts"
import { runPrepared } from "../protocol/learning/run.ts"
import type { Layer } from "../protocol/learning/step.ts"
import { TransferReceiver } from "../protocol/oblivious-transfer/receiver.ts"
import { TransferSender } from "../protocol/oblivious-transfer/sender.ts"
import { defaultExtension } from "../protocol/oblivious-transfer/sizes.ts"
import { Ring } from "../protocol/ring/ring.ts"
import { announceMachine, ownProcessorMs, type Spread, spreadOf, writeFigures } from "./measure.ts"

const modulusBits = 2048
const threads = 2
/** Left out: in the first steps V8 compiles, and the tables of powers grow. */
const [warmUp, repetitions] = [5, 5]
/** Ciphertexts of a measurement alone: as many as a job has. */
const items = 16
const mode = "short" as const

const planOf = (widths: ReadonlyArray<number>, batch: number, rows: number): TrainingPlan =>
  trainingPlan({
    network: {
      inputs: widths[0]!,
      layers: widths.slice(1).map((units, i) => ({
        units,
        activation: i === widths.length - 2 ? ("identity" as const) : ("relu" as const)
      }))
    },
    ...{ batch, rows, epochs: 20, learningRate: 0.1, fractionalBits: 20 }
  })

const plans = [planOf([4, 8, 3], 16, 120), planOf([30, 16, 2], 32, 455)]

const fresh = (bytes: number) => new Uint8Array(randomBytes(bytes))

const drawKeys = async () => {
  const { parameters, masterKey } = await generateParameters(modulusBits)
  const unifiedPublicKey = publicKeyOf(parameters, generateSecretKey(parameters, mode))
  return {
    parameters,
    masterKey: Redacted.make(encodeMasterKey(parameters, masterKey)),
    unifiedPublicKey: toBytes(unifiedPublicKey, elementBytes(parameters)),
    h: unifiedPublicKey,
    mode
  }
}

type Keys = Awaited<ReturnType<typeof drawKeys>>

/** Both directions of transfers between two clouds. */
const transfersOf = async () => {
  const rings = [await Ring.load(), await Ring.load()] as const
  const instance = (ring: Ring, direction: 0 | 1) => ({
    ring,
    direction,
    shape: defaultExtension,
    randomness: fresh
  })
  const { results } = await runPrepared(
    together(TransferSender.open(instance(rings[0], 0)), TransferReceiver.open(instance(rings[0], 1))),
    together(TransferReceiver.open(instance(rings[1], 0)), TransferSender.open(instance(rings[1], 1)))
  )
  const [[sender, receiver], [other, otherSender]] = results
  return [
    new TransferringParty({ ring: rings[0], cloud: 0, sender, receiver }),
    new TransferringParty({ ring: rings[1], cloud: 1, sender: otherSender, receiver: other })
  ] as const
}

/** Milliseconds, by the clock and of all threads of this process. */
interface Took {
  readonly clock: number
  readonly processor: number
}

const begun = (): (() => Took) => {
  const [clock, processor] = [performance.now(), ownProcessorMs()]
  return () => ({ clock: performance.now() - clock, processor: ownProcessorMs() - processor })
}

/** What some steps take, one after another. */
const stepsOf = async (
  plan: TrainingPlan,
  { parameters }: Keys,
  work: readonly [CiphertextWork, CiphertextWork]
) => {
  const sizes = sizesOf(plan, modulusBits, mode)
  const transfers = await transfersOf()
  const draws = new Draws(fresh(16))
  const of = (cloud: 0 | 1, step: number) => ({
    ...{ parameters, sizes, work: work[cloud], transfers: transfers[cloud], randomness: fresh, step }
  })
  const { batch, network } = plan
  const shares = [fresh(16), fresh(16)].map((key) => initialShares(plan, key))
  const sealed = await runPrepared(
    sealAtC0(new CiphertextParty(of(0, 0)), shares[0]!),
    sealAtC1(new CiphertextParty(of(1, 0)), shares[1]!)
  )
  const random = (cols: number): IntegerMatrix => ({
    ...{ rows: batch, cols },
    values: Array.from({ length: batch * cols }, () => randomBelow(1n << 20n))
  })
  const blinds = (cols: number): IntegerMatrix => ({
    ...{ rows: batch, cols },
    values: Array.from({ length: batch * cols }, () => randomBelow(1n << BigInt(sizes.blindBits)))
  })
  const parts = (cols: number) => {
    const [x, r] = [random(cols), blinds(cols)]
    return [{ ...x, values: x.values.map((value, i) => value - r.values[i]!) }, r] as const
  }
  const [features, labels] = [parts(network.inputs), parts(outputs(network))]
  let at0: ReadonlyArray<Layer<Value0>> = sealed.results[0]
  let at1: ReadonlyArray<Layer<Value1>> = sealed.results[1]
  const spent: Took[] = []
  for (let step = 1; step <= warmUp + repetitions; step++) {
    const took = begun()
    const { results } = await runPrepared(
      ciphertextStep(cloud0Operations(of(0, step)), plan, at0, {
        features: blinded0(features[0]),
        labels: blinded0(labels[0])
      }),
      ciphertextStep(cloud1Operations(of(1, step), draws), plan, at1, {
        features: blinded1(features[1]),
        labels: blinded1(labels[1])
      })
    )
    at0 = results[0]
    at1 = results[1]
    await layerBytes(at1)
    spent.push(took())
  }
  return spent.slice(warmUp)
}

/** What one multiplication modulo N² takes, and one opening and one encryption in a thread that has nothing else. */
const alone = async ({ parameters, h }: Keys, work: CiphertextWork) => {
  const { N, N2 } = parameters
  const factors = Array.from({ length: 64 }, () => randomBelow(N2))
  const each = ({ clock, processor }: Took, times: number): Took => ({
    clock: clock / times,
    processor: processor / times
  })
  const multiplications = () => {
    const times = 4000
    let x = factors[0]!
    const took = begun()
    for (let i = 0; i < times; i++) x = (x * factors[i % factors.length]!) % N2
    return each(took(), times)
  }
  const plaintexts = encodeIntegers(
    Array.from({ length: items }, () => randomBelow(N)),
    plaintextBytes(parameters)
  )
  const long = () => randomBelow(1n << 420n)
  const ciphertexts = encodeCiphertexts(
    parameters,
    Array.from({ length: items }, () => encryptWith(parameters, h, randomBelow(N), long()))
  )
  const ofItem = async (once: () => Promise<unknown>) => {
    await once()
    const took = begun()
    await once()
    return each(took(), items)
  }
  return {
    multiplication: multiplications(),
    opening: await ofItem(() => work.open({ ciphertexts })),
    encryption: await ofItem(() => work.encrypt({ plaintexts, key: fresh(16) }))
  }
}

interface Measured {
  readonly name: string
  readonly slots: number
  readonly multiplications: number
  readonly openings: number
  readonly encryptions: number
  /** Milliseconds of a step. */
  readonly clock: Compared
  readonly processor: Compared
}

interface Compared {
  readonly step: Spread
  readonly predicted: Spread
  readonly ratio: Spread
}

const measure = async (
  plan: TrainingPlan,
  keys: Keys,
  work: readonly [CiphertextWork, CiphertextWork]
): Promise<Measured> => {
  const sizes = sizesOf(plan, modulusBits, mode)
  const cost = stepCost(plan, sizes)
  const multiplications = Math.round(cost.powers.reduce((sum, shape) => sum + multiplicationsOf(shape), 0))
  const units = [await alone(keys, work[0])]
  const spent = await stepsOf(plan, keys, work)
  while (units.length < repetitions) units.push(await alone(keys, work[0]))
  const compared = (time: keyof Took, threadsAtOnce: number): Compared => {
    const predicted = spreadOf(
      units.map(
        ({ multiplication, opening, encryption }) =>
          (multiplications * multiplication[time] +
            cost.openings * opening[time] +
            cost.encryptions * encryption[time]) /
          threadsAtOnce
      )
    )
    const steps = spent.map((took) => took[time])
    const ratio = spreadOf(steps.map((ms) => ms / predicted.median))
    return { step: spreadOf(steps), predicted, ratio }
  }
  const { inputs, layers } = plan.network
  return {
    name: `${[inputs, ...layers.map(({ units }) => units)].join("-")}, batch ${plan.batch}`,
    ...{ slots: sizes.slots, multiplications, openings: cost.openings, encryptions: cost.encryptions },
    ...{ clock: compared("clock", threads), processor: compared("processor", 1) }
  }
}

const shown = ({ median, least, most }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`

export const run = async (): Promise<void> => {
  const machine = announceMachine()
  console.log(`${modulusBits} bits, both clouds in one process with ${threads} worker threads\n`)
  const keys = await drawKeys()
  const all = await Effect.runPromise(
    Effect.gen(function* () {
      const work = [yield* workOf(keys, keys.masterKey), yield* workOf(keys)] as const
      return yield* Effect.forEach(plans, (plan) => Effect.promise(() => measure(plan, keys, work)))
    }).pipe(Effect.provide(bcpPool(threads)), Effect.scoped)
  )
  console.log(
    "network | slots | multiplications | openings | encryptions | ms a step | predicted | ratio | processor ms | predicted | ratio"
  )
  for (const { name, slots, multiplications, openings, encryptions, clock, processor } of all) {
    const columns = [clock, processor].flatMap(({ step, predicted, ratio }) => [
      shown(step, 0),
      shown(predicted, 0),
      shown(ratio, 2)
    ])
    console.log([name, slots, multiplications, openings, encryptions, ...columns].join(" | "))
  }
  writeFigures("ciphertexts", { machine, threads, networks: all })
}
