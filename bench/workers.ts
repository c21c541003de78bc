/**
 * What a second worker adds: pieces of the transformation and steps dealt a second, by one and by two workers of one thread each, every one a
 * process over NATS. The main process hands out and collects and has no thread of its own; the other roles are idle. Both groups are there all
 * the time and work in turns, so that a machine that slows down slows both.
 */
import { randomBytes } from "node:crypto"
import { fileURLToPath } from "node:url"
import { Context, Duration, Effect, Layer, Redacted } from "effect"
import { groupMembers } from "../actors/group/members.ts"
import { planOf } from "../actors/party/agreement.ts"
import { BcpPool, BcpQueue, layer as bcpPool, pieceBytes } from "../actors/party/bcp-pool.ts"
import { Directory } from "../actors/party/directory.ts"
import { directoryOfTrial, drawIdentities, keysOf, usersOf } from "../actors/party/identities.ts"
import { stepsAsked } from "../actors/party/stretches.ts"
import { artifact } from "../protocol/artifact.ts"
import { jobs } from "../protocol/bcp/jobs.ts"
import { slotsPerPlaintext, uploadSlotBits } from "../protocol/bcp/packing.ts"
import { generateParameters } from "../protocol/bcp/parameters.ts"
import { encodeMasterKey } from "../protocol/bcp/wire.ts"
import { wordBytes } from "../protocol/bytes.ts"
import { dealers } from "../protocol/messages/subjects.ts"
import { Deal } from "../protocol/messages/training.ts"
import { reencrypt, unifyShare0, unifyShare1 } from "../protocol/sharing/transformation.ts"
import { type Broker, operator, startOwnBroker } from "../runtime/broker/start.ts"
import { Party } from "../runtime/messaging/contract.ts"
import { layer as party } from "../runtime/messaging/party.ts"
import { startActor } from "../runtime/processes/process.ts"
import { layer as nats } from "../runtime/transport/nats.ts"
import { sealed } from "../runtime/transport/sealed.ts"
import { freeReceived } from "../runtime/transport/transport.ts"
import { identityVariable } from "../scenarios/run/identities.ts"
import { announceMachine, processorMs, type Spread, spreadOf, writeFigures } from "./measure.ts"
import { agreementOf, type MeasuredNetwork } from "./networks.ts"

/** Turns of one worker and of two. */
const turns = 7
const numbers = [1, 2] as const
const modulusBits = 2048

const runOf = (workers: number) => `with-${workers}`
/**
 * Wide: the broker and who asks share the cores with the workers, and what they do grows with the bytes dealt. Of b rows, n inputs and u units
 * those are about 100·b·u, nearly all for the ReLU, and 8·n·u; the multiplications are 2·b·n·u. So the wider it is, the less is dealt for the
 * dealer's time. With twice the units a step would be larger than the broker takes in one message. The mask of the rows takes a dealer
 * 128 MiB, that of a batch as much again.
 */
const network: MeasuredNetwork = {
  name: "16384-16-2",
  network: {
    inputs: 16_384,
    layers: [
      { units: 16, activation: "relu" },
      { units: 2, activation: "identity" }
    ]
  },
  rows: 1024,
  batch: 1024,
  rate: 0.1,
  steps: 40
}
const agreement = agreementOf(network)
const keys = {
  key0: new Uint8Array(16).fill(1),
  key1: new Uint8Array(16).fill(2),
  orderKey: new Uint8Array(16).fill(3)
}

const identities = drawIdentities(operator)

const partyOf = (broker: Broker, name: string, run: string) => {
  const directory = directoryOfTrial({ agreement, keys: keysOf(identities) }, { name, run }, identities)
  const transport = nats({ servers: [broker.url], ...broker.credentials[name]! })
  const channels = party({ name, run }).pipe(Layer.provide(sealed(directory, transport)))
  return Layer.merge(channels, Layer.succeed(Directory, directory))
}

/** The main process of a group, which does no job itself, and its workers. */
const groupWith = (broker: Broker, actor: "cloud0" | "kgc", workers: number) =>
  Effect.gen(function* () {
    const run = runOf(workers)
    const services = yield* Layer.build(Layer.merge(partyOf(broker, actor, run), bcpPool(0)))
    const dealing = { keys, rowsOfRun: Effect.succeed<number> }
    const given = actor === "kgc" ? { agreement, dealing } : { agreement }
    const { handlers } = yield* Effect.provide(groupMembers(given), services)
    yield* Context.get(services, Party).serve(handlers)
    for (let number = 1; number <= workers; number++)
      yield* startActor({
        party: `${actor}, ${number} of ${workers}`,
        entry: fileURLToPath(artifact("program/main.js")),
        args: ["actor", actor, "--worker", "--run", run, "--threads", "1"],
        env: { NATS_URL: broker.url },
        secrets: {
          [identityVariable(actor)]: identities[actor]!
        },
        readyTimeoutMs: 30_000
      })
    const { takers } = Context.get(services, BcpQueue)
    while (takers() < workers) yield* Effect.sleep("50 millis")
    return services
  })

/** Milliseconds of a piece of the transformation, both halves of both clouds, in a group with so many workers. */
const transformation = (broker: Broker) =>
  Effect.gen(function* () {
    const { parameters, masterKey } = yield* Effect.promise(() => generateParameters(modulusBits))
    const { publicKeys, unifiedPublicKey } = jobs.generateKeys({ parameters, count: 2, mode: "short" })
    const mode = "short" as const
    const count = Math.floor(pieceBytes / (parameters.bits / 2))
    const words = new Uint8Array(
      randomBytes(count * slotsPerPlaintext(parameters.bits, uploadSlotBits) * wordBytes)
    )
    const publicKey = publicKeys[0]!
    const { ciphertexts } = jobs.encryptPacked({
      parameters,
      publicKey,
      mode,
      words,
      slotBits: uploadSlotBits
    })
    const { digest: randomness } = jobs.randomnessOf({ parameters, ciphertexts })
    const piece = { ciphertexts, words: words.length / wordBytes }
    const keys0 = {
      parameters,
      masterKey: Redacted.make(encodeMasterKey(parameters, masterKey)),
      unifiedPublicKey,
      mode
    }
    const groups = yield* Effect.forEach(numbers, (workers) => groupWith(broker, "cloud0", workers))
    return (k: number) => {
      const pool = Context.get(groups[k]!, BcpPool)
      const takers = Context.get(groups[k]!, BcpQueue).takers()
      const pieces = 6 * takers
      const each = Effect.zipRight(
        unifyShare0(pool, keys0, publicKey, piece),
        unifyShare1(pool, keys0, new Uint8Array(randomBytes(16)), piece, (blinded) =>
          reencrypt(pool, keys0, publicKey, blinded, randomness, true)
        )
      )
      return timed(
        pieces,
        Effect.forEach(Array(pieces), () => each, { concurrency: 2 * takers, discard: true })
      )
    }
  })

/** Milliseconds of a step dealt, in a group with so many workers, to one who asks as C1 does and takes what comes. */
const dealing = (broker: Broker) =>
  Effect.gen(function* () {
    const steps = stepsAsked(planOf(agreement, network.rows))
    const requests = 24
    const askers = yield* Effect.forEach(numbers, (workers) =>
      Effect.gen(function* () {
        yield* groupWith(broker, "kgc", workers)
        return Context.get(yield* Layer.build(partyOf(broker, "cloud1", runOf(workers))), Party)
      })
    )
    return (k: number) =>
      timed(
        requests * steps,
        Effect.forEach(
          Array.from({ length: requests }, (_, i) => 1 + ((i * steps) % (network.steps - steps))),
          (step) =>
            Effect.map(
              askers[k]!.ask(dealers, Deal, { rows: network.rows, step, steps }, { deadlineMs: 120_000 }),
              ({ corrections }) => freeReceived(corrections)
            ),
          { concurrency: 2 * numbers[k]! + 2, discard: true }
        )
      )
  })

interface Timed {
  readonly items: number
  readonly milliseconds: number
}

const timed = <E>(items: number, work: Effect.Effect<void, E>): Effect.Effect<Timed, E> =>
  Effect.map(Effect.timed(work), ([spent]) => ({ items, milliseconds: Duration.toMillis(spent) }))

interface Row {
  readonly what: string
  /** Milliseconds an item, with one worker and with two. */
  readonly milliseconds: ReadonlyArray<Spread>
  /** Throughput of two beside that of one, turn by turn. */
  readonly gain: Spread
  /** Processor time an item that is not the workers': of the broker, and of this process, which hands out and takes. */
  readonly besides: { readonly broker: number; readonly main: number }
}

/** Takes turns at the groups; the first turn of each makes tables and compiles. */
const measured = <E>(broker: number, what: string, turn: (k: number) => Effect.Effect<Timed, E>) =>
  Effect.gen(function* () {
    yield* Effect.forEach([0, 1], turn)
    const before = { broker: processorMs(broker), main: processorMs(process.pid) }
    const samples: Array<ReadonlyArray<Timed>> = []
    for (let i = 0; i < turns; i++) samples.push(yield* Effect.forEach([0, 1], turn))
    const items = samples.flat().reduce((sum, each) => sum + each.items, 0)
    const each = samples.map((pair) => pair.map((one) => one.milliseconds / one.items))
    const row: Row = {
      what,
      milliseconds: numbers.map((_, k) => spreadOf(each.map((pair) => pair[k]!))),
      gain: spreadOf(each.map(([one, two]) => one! / two!)),
      besides: {
        broker: (processorMs(broker) - before.broker) / items,
        main: (processorMs(process.pid) - before.main) / items
      }
    }
    return row
  })

const shown = ({ median, least, most }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`

/** Measures, prints the table and writes `out/bench/workers.json`. */
export const run = async (): Promise<void> => {
  const machine = announceMachine()
  const rows = await Effect.runPromise(
    Effect.gen(function* () {
      const broker = yield* startOwnBroker({ credentials: usersOf(identities) })
      // One after the other: only one group works at a time, and the other's workers wait.
      const transformed = yield* Effect.scoped(
        Effect.flatMap(transformation(broker), (turn) => measured(broker.pid, "a piece transformed", turn))
      )
      const dealt = yield* Effect.scoped(
        Effect.flatMap(dealing(broker), (turn) => measured(broker.pid, "a step dealt", turn))
      )
      return [transformed, dealt]
    }).pipe(Effect.scoped)
  )
  for (const { what, milliseconds, gain, besides } of rows)
    console.log(
      `${what.padEnd(20)} ${milliseconds.map((ms, k) => `${numbers[k]} worker${k === 0 ? "" : "s"} ${shown(ms, 1)} ms`).join(", ")}; gain ${shown(gain, 2)}; besides, broker ${besides.broker.toFixed(1)} ms and main process ${besides.main.toFixed(1)} ms of processor time`
    )
  writeFigures("workers", { machine, turns, rows })
}
