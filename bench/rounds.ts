/**
 * What a round of the two clouds costs: an exchange between two processes over NATS, beside the broker's bare one-way latency
 * (half of the round trip of an echo over two connections of the same client library).
 */
import { fileURLToPath } from "node:url"
import { Context, Effect, Layer, Redacted } from "effect"
import { connect, type NatsConnection, nkeyAuthenticator } from "nats"
import { artifact } from "../protocol/artifact.ts"
import { subjectOf } from "../protocol/messages/subjects.ts"
import { startOwnBroker } from "../runtime/broker/start.ts"
import { type Computation, Party, type Rounds } from "../runtime/messaging/contract.ts"
import * as Parties from "../runtime/messaging/party.ts"
import { parentGone, sayReady, startActor } from "../runtime/processes/process.ts"
import { benchUsers, channelsOf } from "./channels.ts"
import { announceMachine, ratioOf, type Spread, spreadOf, writeFigures } from "./measure.ts"

/** Bytes each way: an opening of a narrow layer, of a wide one, and of the weights of 784 × 128. */
const sizes = [64, 4 * 1024, 64 * 1024, 784 * 128 * 8]

/**
 * The kinds of measurement alternate in blocks, so that a machine that slows down slows all. A sample is a block's mean: single
 * exchanges come in pairs, one that waits for the peer and one whose answer is there already.
 */
const blocks = 15
/** Blocks before these, which are spent on compiling: a training is thousands of rounds. */
const warmBlocks = 20

const turnsOf = (bytes: number): number => (bytes > 100_000 ? 20 : 200)

const runName = "bench"
const bareSubject = (from: "cloud0" | "cloud1") =>
  subjectOf({ run: "bare", to: from === "cloud0" ? "cloud1" : "cloud0", from, channel: "round" })

interface Row {
  readonly bytes: number
  /** Microseconds: of an exchange, and of the bare broker, one way. */
  readonly exchange: Spread
  readonly bare: Spread
  /** Of the two blocks that followed each other. */
  readonly ratio: Spread
}

/** The way to the other cloud, and a bare connection. */
const parties = (name: string, url: string) =>
  Effect.gen(function* () {
    const built = yield* Layer.build(
      Parties.layer({ name, run: runName }).pipe(Layer.provide(channelsOf(name, runName, url)))
    )
    const connection = yield* Effect.acquireRelease(
      Effect.promise(() =>
        connect({
          servers: url,
          authenticator: nkeyAuthenticator(Buffer.from(Redacted.value(benchUsers[name]!.nkey)))
        })
      ),
      (open) => Effect.promise(() => open.close())
    )
    return { party: Context.get(built, Party), connection }
  })

/** Sends the payload in each of so many rounds. */
function* payloads(payload: Uint8Array, rounds: number): Computation<void> {
  for (let round = 0; round < rounds; round++) yield [() => payload]
}

/** Exchanges a block of rounds; gives the microseconds of one. */
const exchangeBlock = (rounds: Rounds, block: number, bytes: number) =>
  Effect.gen(function* () {
    const payload = new Uint8Array(bytes)
    const turns = turnsOf(bytes)
    const first = block * (turns + 1)
    // The first waits for the other process to get here.
    yield* rounds.drive(first, payloads(payload, 1))
    const start = performance.now()
    yield* rounds.drive(first + 1, payloads(payload, turns))
    return ((performance.now() - start) * 1000) / turns
  })

/** The other cloud: goes through the same blocks, and echoes what comes on the bare subject. */
const peer = Effect.gen(function* () {
  const { NATS_URL: url } = process.env
  const { party, connection } = yield* parties("cloud1", url ?? "")
  connection.subscribe("bicameral.bare.cloud1.>", {
    callback: (_, { data }) => connection.publish(bareSubject("cloud1"), data)
  })
  yield* Effect.promise(() => connection.flush())
  yield* sayReady({})
  for (const bytes of sizes) {
    const rounds = yield* party.rounds("cloud0", `${bytes}`)
    for (let block = 0; block < warmBlocks + blocks; block++) yield* exchangeBlock(rounds, block, bytes)
  }
  yield* Effect.never
})

/** Round trips over the bare connection; gives half of the microseconds of one. */
const bareBlock = (connection: NatsConnection, echoes: { next: () => void }, bytes: number) =>
  Effect.promise(async () => {
    const data = new Uint8Array(bytes)
    const start = performance.now()
    for (let turn = 0; turn < turnsOf(bytes); turn++)
      await new Promise<void>((resolve) => {
        echoes.next = resolve
        connection.publish(bareSubject("cloud0"), data)
      })
    return ((performance.now() - start) * 1000) / turnsOf(bytes) / 2
  })

const measure = Effect.gen(function* () {
  const { url } = yield* startOwnBroker({ credentials: benchUsers })
  yield* startActor({
    party: "cloud1",
    entry: fileURLToPath(artifact("bench/rounds.js")),
    args: ["peer"],
    env: { NATS_URL: url },
    readyTimeoutMs: 20_000
  })
  const { party, connection } = yield* parties("cloud0", url)
  const echoes = { next: () => {} }
  connection.subscribe("bicameral.bare.cloud0.>", { callback: () => echoes.next() })
  const rows: Array<Row> = []
  for (const bytes of sizes) {
    const rounds = yield* party.rounds("cloud1", `${bytes}`)
    const samples: Record<"exchange" | "bare", Array<number>> = { exchange: [], bare: [] }
    for (let block = 0; block < warmBlocks + blocks; block++) {
      samples.bare.push(yield* bareBlock(connection, echoes, bytes))
      samples.exchange.push(yield* exchangeBlock(rounds, block, bytes))
    }
    const [exchange, bare] = [samples.exchange.slice(warmBlocks), samples.bare.slice(warmBlocks)]
    rows.push({ bytes, exchange: spreadOf(exchange), bare: spreadOf(bare), ratio: ratioOf(exchange, bare) })
  }
  return rows
}).pipe(Effect.scoped)

const shown = ({ median, least, most }: Spread, digits = 0): string =>
  `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`.padStart(22)

/** Measures, prints the table, and writes `out/bench/rounds.json`. */
export const run = async (): Promise<void> => {
  const machine = announceMachine()
  console.log("microseconds, median (least–greatest) of blocks; two processes and a broker on this machine")
  const rows = await Effect.runPromise(measure)
  console.log(
    `${"bytes".padStart(8)}${"exchange".padStart(22)}${"bare one way".padStart(22)}${"ratio".padStart(22)}`
  )
  for (const { bytes, exchange, bare, ratio } of rows)
    console.log(`${String(bytes).padStart(8)}${shown(exchange)}${shown(bare)}${shown(ratio, 2)}`)
  writeFigures("rounds", { machine, blocks, rows })
}

if (process.argv[2] === "peer") await Effect.runPromise(Effect.scoped(Effect.raceFirst(peer, parentGone)))
