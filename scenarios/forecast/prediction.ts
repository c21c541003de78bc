/**
 * How long a run will take on given hosts, and what binds it, from what it costs and what a machine takes for its pieces
 * (docs/cost.md). Each phase is the busiest host's or process's work, plus what its sequential messages wait, plus what its links
 * carry. Pure.
 */

import { pieceBytes, piecesAtOnce } from "../../actors/party/bcp-pool.ts"
import { type Phase, phases } from "../../actors/party/phases.ts"
import { stepsAsked } from "../../actors/party/stretches.ts"
import { ciphertextBytes } from "../../protocol/bcp/wire.ts"
import { wordBytes } from "../../protocol/bytes.ts"
import { type Cost, setupCost, sliceCost, stepCost, updateCost } from "../../protocol/computation/cost.ts"
import { modelWords } from "../../protocol/learning/model.ts"
import { opensLabels, outputs } from "../../protocol/learning/network.ts"
import type { TrainingPlan } from "../../protocol/learning/plan.ts"
import { UploadShare0, UploadShare1, UploadWords1 } from "../../protocol/messages/upload.ts"
import { type BcpCalibration, type Calibration, type Curve, onCurve } from "../description/calibration.ts"
import type { Hosts, Link } from "../description/hosts.ts"
import type { Scenario } from "../description/schema.ts"
import type { PredictedCost } from "./traffic.ts"

/** What a prediction needs of a run beside its hosts. */
export interface Predicted {
  readonly scenario: Pick<Scenario, "security" | "placement">
  readonly cost: Pick<PredictedCost, "plan" | "traffic" | "shares" | "modelCiphertexts">
}

/** The three parts of a time, which add up: work, waiting for what is sent one after the other, and what links carry. */
interface Part {
  readonly seconds: number
  /** What it is that takes so long, for people. */
  readonly by: string
}

export interface PredictedTime {
  readonly phase: Phase
  readonly seconds: number
  readonly work: Part
  readonly waiting: Part
  readonly transfer: Part
  /** The greatest part's. */
  readonly binds: string
}

/** Hosts whose memory does not hold what a party keeps there. */
export interface TooSmall {
  readonly host: string
  readonly gigabytes: number
}

export interface Prediction {
  readonly phases: ReadonlyArray<PredictedTime>
  /** Seconds from the first phase to the end of the last. */
  readonly seconds: number
  /** What takes most of all. */
  readonly binds: string
  readonly tooSmall: ReadonlyArray<TooSmall>
}

/** Processor time of a process, which has so many threads for it. */
interface Load {
  readonly who: string
  readonly host: string
  readonly ms: number
  readonly threads: number
}

const mega = 1e6
const nobody: Part = { seconds: 0, by: "" }

const greatest = (parts: ReadonlyArray<Part>): Part =>
  parts.reduce((most, part) => (part.seconds > most.seconds ? part : most), nobody)

/** Everything about the hosts of a run that its times depend on. */
class Ground {
  readonly #hosts: Hosts
  readonly calibration: Calibration

  constructor(hosts: Hosts, calibration: Calibration) {
    this.#hosts = hosts
    this.calibration = calibration
  }

  get placement() {
    return this.#hosts.placement
  }

  host(name: string) {
    return this.#hosts.hosts.find((host) => host.name === name)!
  }

  /** Threads of a process there that have a core. */
  threads(host: string): number {
    return Math.max(1, Math.floor(Math.min(this.host(host).cores, this.#hosts.threads)))
  }

  user(index: number): string {
    const { users } = this.placement
    return users[index % users.length]!
  }

  /** The link between two hosts; none within one. */
  link(from: string, to: string): Link | undefined {
    if (from === to) return undefined
    return this.host(from).site === this.host(to).site ? this.#hosts.links.lan : this.#hosts.links.wan
  }

  /** The host of the broker that a host connects to: its site's own, or the one that all lead to. */
  broker(host: string): string {
    const { broker, siteBrokers } = this.placement
    return siteBrokers.find((each) => this.host(each).site === this.host(host).site) ?? broker
  }

  /** The links by which a message goes from one host to another, with their ends. */
  #way(from: string, to: string) {
    const [near, far] = [this.broker(from), this.broker(to)]
    const stations = [from, near, ...(near === far ? [] : [this.placement.broker, far]), to]
    return stations.slice(1).flatMap((next, i) => {
      const link = this.link(stations[i]!, next)
      return link === undefined ? [] : [{ link, ends: `${stations[i]} – ${next}` }]
    })
  }

  /** Milliseconds from one host to another by way of the brokers. */
  delayMs(from: string, to: string): number {
    return this.#way(from, to).reduce((sum, { link }) => sum + link.delayMs, 0)
  }

  /** What carrying so many bytes from one host to another takes, on the slowest of the links. */
  transfer(from: string, to: string, bytes: number): Part {
    return greatest(
      this.#way(from, to).map(({ link, ends }) => ({
        seconds: (8 * bytes) / mega / link.megabitsPerSecond,
        by: `the link ${ends}`
      }))
    )
  }

  /** The work of processes side by side: the busiest host's, or that of the busiest process. */
  work(loads: ReadonlyArray<Load>): Part {
    const { sharedCores } = this.#hosts
    const busy = loads.filter(({ ms }) => ms > 0)
    const groups = new Map<string, Array<Load>>()
    for (const load of busy) {
      const machine = sharedCores === undefined ? load.host : "all hosts"
      groups.set(machine, [...(groups.get(machine) ?? []), load])
    }
    const hosts = Array.from(groups, ([machine, own]) => {
      const cores = sharedCores ?? this.host(machine).cores
      const most = own.reduce((x, y) => (y.ms > x.ms ? y : x))
      const ms = own.reduce((sum, load) => sum + load.ms, 0)
      return { seconds: ms / cores / 1000, by: `the cores of ${machine} (${most.who} most)` }
    })
    const processes = busy.map(({ who, host, ms, threads }) => ({
      seconds: ms / Math.min(threads, sharedCores ?? this.host(host).cores) / 1000,
      by: threads === 1 ? `${who}, one thread` : who
    }))
    return greatest([...hosts, ...processes])
  }

  /** Requests one after the other from one party to another, answered at once. */
  requests(from: string, to: string, count: number): Part {
    const { end, broker, waitMs } = this.calibration.messages
    const own = 4 * end.messageMs + 2 * broker.messageMs + 2 * waitMs
    const ms = own + this.delayMs(from, to) + this.delayMs(to, from)
    return { seconds: (count * ms) / 1000, by: `the delay between ${from} and ${to}` }
  }
}

/** Processor time of one end for so many messages of so many bytes together. */
const endMs = ({ messages: { end } }: Calibration, messages: number, bytes: number): number =>
  messages * end.messageMs + (bytes / mega) * end.megabyteMs

const brokerMs = ({ messages: { broker } }: Calibration, messages: number, bytes: number): number =>
  messages * broker.messageMs + (bytes / mega) * broker.megabyteMs

const time = (phase: Phase, work: Part, waiting: Part, transfer: Part): PredictedTime => ({
  phase,
  work,
  waiting,
  transfer,
  seconds: work.seconds + waiting.seconds + transfer.seconds,
  binds: greatest([work, waiting, transfer]).by
})

const sumOf = (parts: ReadonlyArray<Part>): Part => ({
  seconds: parts.reduce((sum, { seconds }) => sum + seconds, 0),
  by: greatest(parts).by
})

/** Predicts the time of a run on hosts. */
export const predictTime = (run: Predicted, hosts: Hosts, calibration: Calibration): Prediction => {
  const ground = new Ground(hosts, calibration)
  const times = [
    setup(run, ground),
    upload(run, ground),
    transform(run, ground),
    train(run, ground),
    output(run, ground)
  ]
  const tooSmall = memory(run, ground)
  const longest = times.reduce((x, y) => (y.seconds > x.seconds ? y : x))
  const first = tooSmall[0]
  return {
    phases: phases.map((phase) => times.find((each) => each.phase === phase)!),
    seconds: times.reduce((sum, { seconds }) => sum + seconds, 0),
    binds: first === undefined ? `${longest.binds}, in ${longest.phase}` : `the memory of ${first.host}`,
    tooSmall
  }
}

const bcpOf = ({ scenario }: Predicted, { calibration }: Ground): BcpCalibration => {
  const { modulusBits } = scenario.security
  const known = calibration.bcp[modulusBits]
  if (known === undefined) throw new RangeError(`the calibration has no modulus of ${modulusBits} bits`)
  return known
}

/** What a cloud puts into stable storage, one entry after the other. */
const stored = ({ calibration }: Ground, who: string, entries: number, bytes: number): Part => ({
  seconds: (entries * calibration.store.entryMs + (bytes / mega) * calibration.store.megabyteMs) / 1000,
  by: `the storage of ${who}`
})

/** All messages of a phase and their bytes, by tag where one is given. */
const trafficOf = ({ cost: { traffic } }: Predicted, phase: Phase, tags?: ReadonlyArray<string>) => {
  const own = traffic.filter((entry) => entry.phase === phase && (tags?.includes(entry.tag) ?? true))
  return {
    messages: own.reduce((sum, { messages }) => sum + messages, 0),
    bytes: own.reduce((sum, { bytes }) => sum + bytes, 0)
  }
}

const brokerLoad = (
  { calibration, placement }: Ground,
  { messages, bytes }: { messages: number; bytes: number }
): Load => ({
  who: "the broker",
  host: placement.broker,
  ms: brokerMs(calibration, messages, bytes),
  threads: 1
})

const total = (numbers: ReadonlyArray<number>): number => numbers.reduce((sum, each) => sum + each, 0)

/** What each holder gets of so many things that go out in turn, where none takes more than it has places. */
const inTurn = (things: number, places: ReadonlyArray<number>): ReadonlyArray<number> => {
  const taken = places.map(() => 0)
  let left = Math.min(things, total(places))
  while (left > 0)
    for (const [k, most] of places.entries())
      if (left > 0 && taken[k]! < most) {
        taken[k]!++
        left--
      }
  return taken
}

/** What so many ciphertexts take, after others for which the same tables were made. */
type Work = readonly [curve: Curve, count: number, before?: number]

/** The threads of a party and of its workers. */
interface Threads {
  readonly who: string
  readonly main: string
  readonly workers?: ReadonlyArray<string>
  /** Pieces that are under way at most. */
  readonly atOnce?: number
  /** Whether they are there already. */
  readonly started?: boolean
}

/** Work on so many ciphertexts by the threads of a party and of its workers, each of which makes its own tables; `atOnce` of them at most have a piece. */
const ciphertextLoads = (
  { scenario }: Predicted,
  ground: Ground,
  { who, main, workers = [], atOnce = Number.POSITIVE_INFINITY, started = false }: Threads,
  work: ReadonlyArray<Work>
): ReadonlyArray<Load> => {
  const most = Math.max(...work.map(([, count]) => count))
  if (most === 0) return []
  const pieces = Math.ceil(
    most / Math.floor(pieceBytes / ciphertextBytes({ bits: scenario.security.modulusBits }))
  )
  const hosts = [main, ...workers]
  const threads = hosts.map((host) => ground.threads(host))
  const takers = Math.min(pieces, total(threads), atOnce)
  const threadMs = started ? 0 : ground.calibration.threadMs
  const spent = ([curve, count, before = 0]: Work) =>
    onCurve(curve, (before + count) / takers) - onCurve(curve, before / takers)
  const each = threadMs + total(work.map(spent))
  return inTurn(takers, threads).map((own, i) => ({
    who: i === 0 ? who : `a worker of ${who}`,
    host: hosts[i]!,
    ms: own * each,
    threads: Math.max(1, own)
  }))
}

const setup = (run: Predicted, ground: Ground): PredictedTime => {
  const { kgc, users, cloud0, broker } = ground.placement
  const { parametersMs } = bcpOf(run, ground)
  const traffic = trafficOf(run, "setup")
  const farthest = greatest([...users, cloud0].map((host) => ground.requests(host, kgc, 1)))
  return time(
    "setup",
    // Two primes are sought at a time.
    ground.work([
      { who: "the search for primes", host: kgc, ms: parametersMs, threads: 2 },
      brokerLoad(ground, traffic)
    ]),
    // Begin, Enrol and within it Enrolment.
    { seconds: 3 * farthest.seconds, by: farthest.by },
    ground.transfer(kgc, broker, traffic.bytes)
  )
}

const upload = (run: Predicted, ground: Ground): PredictedTime => {
  const { calibration, placement } = ground
  const { encrypt } = bcpOf(run, ground)
  const { shares } = run.cost
  const traffic = trafficOf(run, "upload")
  const hybrid = run.scenario.security.upload === "hybrid"
  const ciphertextsEach = pieceBytes / ciphertextBytes({ bits: run.scenario.security.modulusBits })
  const users = shares.map((count, index) => {
    const host = ground.user(index)
    const sent = { messages: traffic.messages / shares.length, bytes: traffic.bytes / shares.length }
    const asks = hybrid
      ? 1 + trafficOf(run, "upload", [UploadWords1.tag]).messages / 2 / shares.length
      : 2 * Math.ceil(count / ciphertextsEach)
    const making = hybrid ? (sent.bytes / mega) * calibration.words.makeMegabyteMs : 0
    return {
      loads: [
        ...ciphertextLoads(
          run,
          ground,
          {
            who: `user ${index + 1}`,
            main: host,
            atOnce: Math.min(piecesAtOnce, Math.ceil(count / ciphertextsEach))
          },
          [[encrypt, (hybrid ? 1 : 2) * count]]
        ),
        {
          who: `user ${index + 1}`,
          host,
          ms: endMs(calibration, sent.messages, sent.bytes) + making,
          threads: 1
        }
      ],
      // Salt, declarations and what is coming; then the pieces, several under way at a time.
      waiting: ground.requests(host, placement.cloud1, 4 + asks / Math.min(asks, piecesAtOnce)),
      transfer: ground.transfer(host, placement.cloud1, sent.bytes)
    }
  })
  const received = {
    cloud0: trafficOf(run, "upload", [UploadShare0.tag]),
    cloud1: trafficOf(run, "upload", [UploadShare1.tag, UploadWords1.tag])
  }
  const cloudLoads = (["cloud0", "cloud1"] as const).map((who) => ({
    who,
    host: placement[who],
    ms:
      endMs(calibration, received[who].messages, received[who].bytes) +
      (who === "cloud1" ? (received[who].bytes / mega) * calibration.words.openMegabyteMs : 0),
    threads: 1
  }))
  const storing = (["cloud0", "cloud1"] as const).map((who) =>
    stored(ground, who, received[who].messages / 2, received[who].bytes)
  )
  return time(
    "upload",
    greatest([
      ground.work([...users.flatMap(({ loads }) => loads), ...cloudLoads, brokerLoad(ground, traffic)]),
      ...storing
    ]),
    greatest(users.map(({ waiting }) => waiting)),
    greatest([
      ...users.map(({ transfer }) => transfer),
      ground.transfer(placement.broker, placement.cloud0, traffic.bytes / 2),
      ground.transfer(placement.broker, placement.cloud1, traffic.bytes / 2)
    ])
  )
}

const transform = (run: Predicted, ground: Ground): PredictedTime => {
  const { calibration, placement } = ground
  const bcp = bcpOf(run, ground)
  const traffic = trafficOf(run, "transform")
  const hybrid = run.scenario.security.upload === "hybrid"
  const { workers } = placement
  const all = total(run.cost.shares)
  /** A user's shares, after those of the users before: only tables of its own key are made anew. */
  const share = (count: number, i: number) => {
    const started = i > 0
    const messages = (traffic.messages * count) / all
    const bytes = (traffic.bytes * count) / all
    const ends = (["cloud0", "cloud1"] as const).map((who) => ({
      who,
      host: placement[who],
      ms: endMs(calibration, messages, bytes),
      threads: 1
    }))
    const before = total(run.cost.shares.slice(0, i))
    const own: ReadonlyArray<Work> = [
      [bcp.openMaster, count, before],
      [bcp.encryptFactored, count, before]
    ]
    const threads0 = { who: "cloud0", main: placement.cloud0, workers: workers.cloud0, started }
    const threads1 = { who: "cloud1", main: placement.cloud1, workers: workers.cloud1, started }
    return ground.work([
      ...ciphertextLoads(run, ground, threads0, hybrid ? own : [...own, [bcp.reencrypt, count, before]]),
      ...(hybrid
        ? []
        : ciphertextLoads(run, ground, threads1, [
            [bcp.blind, count],
            [bcp.strip, count, before]
          ])),
      ...ends,
      brokerLoad(ground, { messages, bytes })
    ])
  }
  const work = sumOf(run.cost.shares.map(share))
  // Each cloud keeps what came of each user: cloud 1 the words, and what rests under pk or under a key of its own.
  const words =
    wordBytes * run.cost.plan.rows * (run.cost.plan.network.inputs + outputs(run.cost.plan.network))
  const keeping = stored(ground, "cloud1", run.cost.shares.length, words + traffic.bytes)
  // A user's shares are transformed after another's.
  const waiting = ground.requests(placement.cloud1, placement.cloud0, 1 + run.cost.shares.length)
  return time(
    "transform",
    sumOf([work, keeping]),
    waiting,
    ground.transfer(placement.cloud1, placement.cloud0, traffic.bytes / 2)
  )
}

/** Arithmetic of a cloud, and of the dealer for it. */
const arithmeticMs = ({ calibration }: Ground, who: "cloud" | "dealer", cost: Cost): number => {
  const { millionProductsMs, [who]: own } = calibration.arithmetic
  const products = (cost.multiplications / mega) * millionProductsMs
  return (
    products + ((cost.bytesEachWay + cost.dealtBytes) / mega) * own.megabyteMs + cost.rounds * own.roundMs
  )
}

/** What a cloud's process has with a part of a step: its arithmetic, exchanges, and the corrections at C1. */
const cloudMs = (ground: Ground, cost: Cost, dealt: number): number =>
  arithmeticMs(ground, "cloud", cost) +
  endMs(ground.calibration, 2 * cost.rounds, 2 * cost.bytesEachWay) +
  endMs(ground.calibration, 0, dealt)

const train = (run: Predicted, ground: Ground): PredictedTime => {
  const { calibration, placement } = ground
  const { plan } = run.cost
  const { cloud0, cloud1, kgc, workers } = placement
  const data = setupCost(plan)
  const { first, lane, lanes, handedBytes, rounds, serialBytes, dealtBytes } = stepParts(plan, ground)
  const asks = 2 / stepsAsked(plan)
  const further = lanes - 1
  const perDealer = workers.kgc.length + 1
  const dealing =
    lanes * arithmeticMs(ground, "dealer", lane) +
    (lanes === 1 ? 0 : arithmeticMs(ground, "dealer", first)) +
    endMs(calibration, asks * lanes, dealtBytes)
  /** What all lanes have of it, and lane 0 alone. */
  const inAll = (of: (cost: Cost) => number) => lanes * of(lane) + (further === 0 ? 0 : of(first))
  const inFirst = (of: (cost: Cost) => number) => of(lane) + (further === 0 ? 0 : of(first))
  const handing = endMs(calibration, 2 * further, handedBytes)
  const main = (cloud: 0 | 1) =>
    inFirst((cost) => cloudMs(ground, cost, cloud === 1 ? cost.dealtBytes : 0)) + handing
  const lanesOf = (who: "cloud0" | "cloud1"): ReadonlyArray<Load> =>
    placement.lanes[who].map((host, i) => ({
      who: `lane ${i + 1} of ${who}`,
      host,
      ms: cloudMs(ground, lane, who === "cloud1" ? lane.dealtBytes : 0) + handing / further,
      threads: 1
    }))
  const exchanges = (of: typeof inAll) =>
    brokerMs(calibration, 2 * of((cost) => cost.rounds), 2 * of((cost) => cost.bytesEachWay))
  const dealt = brokerMs(calibration, asks * lanes, dealtBytes)
  const handed = brokerMs(calibration, 2 * further, handedBytes)
  const broker = (host: string, ms: number): Load => ({
    who: `the broker of ${host}`,
    host,
    ms,
    threads: ground.threads(host)
  })
  const own = (["cloud0", "cloud1"] as const).map((who) => ({ who, host: ground.broker(placement[who]) }))
  const atSites = own.filter(({ host }) => host !== placement.broker)
  const brokers = [
    broker(placement.broker, exchanges(inAll) + dealt + (2 - atSites.length) * handed),
    ...atSites.map(({ who, host }) =>
      broker(host, exchanges(inAll) + handed + (who === "cloud1" ? dealt : 0))
    )
  ]
  // The clouds and the brokers work one after the other: in a round each waits for what the other sends.
  const path = greatest(
    ([0, 1] as const).map((cloud) => ({
      seconds: (main(cloud) + (1 + atSites.length) * exchanges(inFirst)) / 1000,
      by:
        2 * handing > main(cloud)
          ? `lane 0 of cloud${cloud}, which hands out weights and adds up gradients`
          : `cloud${cloud} and the broker, one after the other`
    }))
  )
  const side = ground.work([
    { who: "cloud0", host: cloud0, ms: main(0), threads: 1 },
    { who: "cloud1", host: cloud1, ms: main(1), threads: 1 },
    ...lanesOf("cloud0"),
    ...lanesOf("cloud1"),
    ...[kgc, ...workers.kgc].map((host) => ({
      who: "the dealer",
      host,
      ms: dealing / perDealer,
      threads: 1
    })),
    ...brokers
  ])
  const handedOver = (who: "cloud0" | "cloud1") =>
    greatest(placement.lanes[who].map((host) => ground.requests(placement[who], host, 1)))
  const exchange =
    ground.calibration.messages.waitMs +
    Math.max(ground.delayMs(cloud0, cloud1), ground.delayMs(cloud1, cloud0))
  const waits = sumOf([
    { seconds: (rounds * exchange) / 1000, by: `the delay of ${rounds} rounds a step` },
    greatest([handedOver("cloud0"), handedOver("cloud1")])
  ])
  const links = sumOf([
    ground.transfer(cloud0, cloud1, serialBytes),
    greatest(
      (["cloud0", "cloud1"] as const).map((who) => {
        const host = placement.lanes[who].find((each) => each !== placement[who])
        const link = host === undefined ? undefined : ground.link(placement[who], host)
        const seconds = link === undefined ? 0 : (8 * handedBytes) / mega / link.megabitsPerSecond
        return { seconds, by: `the link of lane 0 of ${who}` }
      })
    )
  ])
  const step = time("train", greatest([path, side]), waits, links)
  const corrections = ground.transfer(kgc, cloud1, dealtBytes)
  // Corrections come ahead of the steps, by the way that the openings take too.
  const perStep = corrections.seconds > step.seconds ? time("train", nobody, nobody, corrections) : step
  // Each process compiles what it does again and again, side by side with the others.
  const trainers = [cloud0, cloud1, ...placement.lanes.cloud0, ...placement.lanes.cloud1]
  const compiler = (who: "cloud" | "dealer") => (host: string) => ({
    who,
    host,
    ms: calibration.arithmetic[who].firstMs + calibration.messages.end.firstMs,
    threads: 1
  })
  const compiling = ground.work([...trainers.map(compiler("cloud")), compiler("dealer")(kgc)])
  const opening = {
    work:
      compiling.seconds +
      (cloudMs(ground, data, 0) / lanes + brokerMs(calibration, 2, 2 * data.bytesEachWay)) / 1000,
    transfer: ground.transfer(cloud0, cloud1, data.bytesEachWay).seconds
  }
  const times = (part: Part, once: number): Part => ({
    seconds: once + plan.steps * part.seconds,
    by: part.by
  })
  return time(
    "train",
    times(perStep.work, opening.work),
    times(perStep.waiting, 0),
    times(perStep.transfer, opening.transfer)
  )
}

/** A step cut over the lanes: what each lane has of it, and what is lane 0's alone. */
const stepParts = (plan: TrainingPlan, { placement }: Ground) => {
  const lanes = 1 + placement.lanes.cloud0.length
  const whole = stepCost(plan)
  if (lanes === 1)
    return {
      lanes,
      lane: whole,
      first: whole,
      handedBytes: 0,
      rounds: whole.rounds,
      serialBytes: whole.bytesEachWay,
      dealtBytes: whole.dealtBytes
    }
  const rows = Math.ceil(plan.batch / lanes)
  const lane = sliceCost(plan, { first: 0, of: plan.batch }, rows)
  const update = updateCost(plan)
  const words = modelWords(plan.network)
  const first: Cost = {
    rounds: update.rounds + 1,
    bytesEachWay: update.bytesEachWay + wordBytes * words,
    dealtBytes: update.dealtBytes,
    multiplications: 0
  }
  return {
    lanes,
    lane,
    first,
    // The opened weights to each, and its share of the gradient back.
    handedBytes: 2 * (lanes - 1) * wordBytes * words,
    rounds: lane.rounds + first.rounds,
    serialBytes: lanes * lane.bytesEachWay + first.bytesEachWay,
    dealtBytes: lanes * lane.dealtBytes + first.dealtBytes
  }
}

const output = (run: Predicted, ground: Ground): PredictedTime => {
  const { calibration, placement } = ground
  const bcp = bcpOf(run, ground)
  const { modelCiphertexts: count, shares } = run.cost
  const traffic = trafficOf(run, "output")
  const { usersLeaveAfterUpload } = run.scenario.placement
  const users = shares.flatMap((_, index): ReadonlyArray<Load> => {
    const host = ground.user(index)
    const who = `user ${index + 1}`
    return [
      ...ciphertextLoads(run, ground, { who, main: host, started: !usersLeaveAfterUpload }, [
        [bcp.partialDecrypt, count],
        [bcp.combine, count]
      ]),
      {
        who,
        host,
        ms:
          endMs(calibration, traffic.messages / shares.length, traffic.bytes / shares.length) +
          (usersLeaveAfterUpload ? calibration.startUpMs : 0),
        threads: 1
      }
    ]
  })
  const clouds = [
    ...ciphertextLoads(
      run,
      ground,
      { who: "cloud0", main: placement.cloud0, workers: placement.workers.cloud0, started: true },
      [[bcp.encryptFactored, count]]
    ),
    ...ciphertextLoads(
      run,
      ground,
      { who: "cloud1", main: placement.cloud1, workers: placement.workers.cloud1 },
      [[bcp.encrypt, count]]
    )
  ]
  // One after the other: C0 seals, C1 joins its share, the users open.
  const work = sumOf([
    ground.work(clouds.slice(0, 1)),
    ground.work(clouds.slice(1)),
    ground.work([...users, brokerLoad(ground, traffic)])
  ])
  const farthest = greatest(placement.users.map((host) => ground.requests(host, placement.cloud1, 1)))
  const waiting = { seconds: 6 * farthest.seconds, by: farthest.by }
  return time("output", work, waiting, ground.transfer(placement.cloud1, placement.broker, traffic.bytes))
}

/** What a process takes beside the data. */
const processBytes = 150e6

/**
 * What the parties keep: at a cloud the opened table, of which lane 0 has the rows of all and the others their own, and the labels of
 * a ReLU output once more; what the KGC knows of its mask. Each in the memory of one host.
 */
const memory = ({ cost: { plan } }: Predicted, ground: Ground): ReadonlyArray<TooSmall> => {
  const { placement } = ground
  const lanes = 1 + placement.lanes.cloud0.length
  const labels = wordBytes * plan.rows * outputs(plan.network)
  const table = wordBytes * plan.rows * plan.network.inputs + labels
  const opened = table + (opensLabels(plan.network) ? labels : 0)
  const kept = new Map<string, number>()
  const keep = (host: string, bytes: number) => kept.set(host, (kept.get(host) ?? processBytes) + bytes)
  for (const who of ["cloud0", "cloud1"] as const) {
    keep(placement[who], opened)
    for (const host of placement.lanes[who]) keep(host, opened / lanes)
  }
  for (const host of [placement.kgc, ...placement.workers.kgc]) keep(host, table)
  return Array.from(kept, ([host, bytes]) => ({ host, gigabytes: bytes / 1e9 })).filter(
    ({ host, gigabytes }) => gigabytes > (ground.host(host).gigabytes ?? Number.POSITIVE_INFINITY)
  )
}
