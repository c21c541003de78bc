/**
 * The coupling: that what a cloud sees does not depend on the data of others. The training runs twice by the
 * program's own computation, the second time on other data outside the coalition. There the pads outside the
 * coalition are chosen again, each for the byte that the ledger has it cover, so that the coalition receives the same
 * bytes. As the pads are uniform, both data are then equally likely behind what it saw, byte for byte.
 *
 * A pad that serves twice, or not at all, cannot be chosen for what it should cover: the views differ.
 */
import { sameBytes } from "../canonical.ts"
import { initialWeightsShare } from "../learning/initial.ts"
import { outputs } from "../learning/network.ts"
import { describeOperation } from "../learning/operations.ts"
import type { TrainingPlan } from "../learning/plan.ts"
import type { Ring } from "../ring/ring.ts"
import { addWords, expandSeed, splitWords, subtractWords } from "../sharing/split.ts"
import { ChosenPads } from "./chosen-pads.ts"
import { type CarryOut, type Shares, type Stage, trainInStages } from "./coupled-training.ts"
import { auditMasks } from "./drawn-masks.ts"
import { bytesAt, bytesOf, type Line, placed } from "./ledger.ts"
import type { Finding } from "./recording.ts"

/** A coalition of a cloud with some users, and the training that it sees. */
export interface Coupling {
  /** Small: a stage is run again for each of its rounds. */
  readonly plan: TrainingPlan
  readonly lanes: number
  readonly cloud: 0 | 1
  /** How many users share the rows of the table, and which of them, counted from 1, are with the cloud. */
  readonly users: number
  readonly with: ReadonlyArray<number>
}

export const coalitionOf = ({ cloud, with: users }: Pick<Coupling, "cloud" | "with">): string =>
  users.length === 0 ? `cloud${cloud}` : `cloud${cloud} with ${users.map((k) => `user${k}`).join(", ")}`

/** What a cloud receives in a stage. */
interface StageView {
  readonly rounds: ReadonlyArray<Uint8Array>
  /** At cloud 1. */
  readonly corrections: Uint8Array | undefined
}

const clouds = [0, 1] as const

/** Runs both sides of a stage with these corrections. What cloud `cloud` receives, by round. */
const driven = <A>(stage: Stage<A>, corrections: Uint8Array | undefined, cloud: 0 | 1) => {
  const [left, right] = [stage.run(0, corrections), stage.run(1, corrections)]
  const rounds: Array<Uint8Array> = []
  for (let received: ReadonlyArray<ReadonlyArray<Uint8Array>> = [[], []]; ; ) {
    const [a, b] = [left.next(received[0]!), right.next(received[1]!)]
    if (a.done && b.done) return { rounds, results: [a.value, b.value] as const }
    if (a.done || b.done) throw new Error("one cloud ended a stage before the other")
    const sent = [a, b].map(({ value }) =>
      (value as ReadonlyArray<() => Uint8Array>).map((part) => part().slice())
    )
    rounds.push(new Uint8Array(Buffer.concat(sent[1 - cloud]!)))
    received = [sent[1]!, sent[0]!]
  }
}

/** Bytes of a view next to their lines, and where they are. */
interface Part {
  readonly where: string
  readonly lines: ReadonlyArray<Line>
  readonly bytes: Uint8Array
}

const sectionHeaderBytes = 8

/** A dealing, section by section. */
const sectionsOf = (stage: Stage<unknown>, corrections: Uint8Array): ReadonlyArray<Part> => {
  let at = 0
  return stage.ledger.sections.map(({ lines, bytes, operation }) => {
    at += sectionHeaderBytes + bytes
    const where = `corrections for ${describeOperation(operation)}, ${stage.name}`
    return { where, lines, bytes: corrections.subarray(at - bytes, at) }
  })
}

const roundsOf = (stage: Stage<unknown>, rounds: ReadonlyArray<Uint8Array>): ReadonlyArray<Part> =>
  rounds.map((bytes, i) => ({
    where: `round ${i + 1} of ${stage.name}`,
    lines: stage.ledger.rounds[i] ?? [],
    bytes
  }))

class Coupled {
  readonly findings: Array<Finding> = []
  readonly #coupling: Coupling
  readonly #view: Array<StageView> = []
  /** Of the second run: those of the other cloud are chosen. */
  readonly pads: readonly [ChosenPads, ChosenPads]
  #at = 0

  constructor(coupling: Coupling, pads: readonly [ChosenPads, ChosenPads]) {
    this.#coupling = coupling
    this.pads = pads
  }

  get #chosen(): ChosenPads {
    return this.pads[1 - this.#coupling.cloud]!
  }

  #found(what: string, where: string): void {
    this.findings.push({ coalition: coalitionOf(this.#coupling), what, where })
  }

  /** The first run: what the cloud sees. */
  readonly record: CarryOut = (stage) => {
    const { cloud } = this.#coupling
    const corrections = stage.deal?.()
    const { rounds, results } = driven(stage, corrections, cloud)
    this.#view.push({ rounds, corrections: cloud === 1 ? corrections : undefined })
    return results
  }

  /** The second run: chooses pads until the cloud sees the same, in each stage before the next. */
  readonly search: CarryOut = (stage) => {
    const wanted = this.#view[this.#at++]!
    const marks = stage.rings.map((ring) => ring.mark())
    for (let fixed = 0; ; ) {
      stage.rings.forEach((ring, i) => {
        ring.release(marks[i]!)
      })
      const corrections = this.#matched(stage, stage.deal?.(), wanted.corrections)
      const { rounds, results } = driven(stage, corrections, this.#coupling.cloud)
      const round = rounds.findIndex((bytes, i) => !sameBytes(bytes, wanted.rounds[i]!))
      if (round < 0 || this.findings.length > 0) return results
      const part = roundsOf(stage, rounds)[round]!
      if (round < fixed) {
        this.#differs(part, wanted.rounds[round]!, stage.rings[0]!)
        return results
      }
      this.#choose([part], [wanted.rounds[round]!], stage.rings[0]!)
      fixed = round + 1
    }
  }

  /** Corrections that are the same as in the first run, under pads of cloud 0 that are chosen for it. */
  #matched<A>(
    stage: Stage<A>,
    corrections: Uint8Array | undefined,
    wanted: Uint8Array | undefined
  ): Uint8Array | undefined {
    if (corrections === undefined || wanted === undefined || sameBytes(corrections, wanted))
      return corrections
    const goal = sectionsOf(stage, wanted).map(({ bytes }) => bytes)
    this.#choose(sectionsOf(stage, corrections), goal, stage.rings[0]!)
    const again = stage.deal!()
    sectionsOf(stage, again).forEach((part, i) => {
      this.#differs(part, goal[i]!, stage.rings[0]!)
    })
    return again
  }

  #choose(parts: ReadonlyArray<Part>, wanted: ReadonlyArray<Uint8Array>, ring: Ring): void {
    for (const [i, { where, lines, bytes }] of parts.entries()) {
      if (bytesOf(lines) !== bytes.length)
        this.#found(`${bytes.length} bytes where the ledger has ${bytesOf(lines)}`, where)
      else
        for (const each of placed(lines)) {
          const [sent, goal] = [bytes, wanted[i]!].map((all) => bytesAt(all, each))
          this.#chosen.choose(ring, each.line, sent!, goal!, describe(each.line, where))
        }
    }
  }

  /** The second run again, from the beginning, under the pads as they are chosen now. */
  readonly verify: CarryOut = (stage) => {
    const wanted = this.#view[this.#at++]!
    const corrections = stage.deal?.()
    const { rounds, results } = driven(stage, corrections, this.#coupling.cloud)
    const ring = stage.rings[0]!
    if (corrections !== undefined && wanted.corrections !== undefined) {
      const goal = sectionsOf(stage, wanted.corrections)
      sectionsOf(stage, corrections).forEach((part, i) => {
        this.#differs(part, goal[i]!.bytes, ring)
      })
    }
    roundsOf(stage, rounds).forEach((part, i) => {
      this.#differs(part, wanted.rounds[i]!, ring)
    })
    return results
  }

  again(): void {
    this.#at = 0
  }

  /** Adds a finding for the first line that is not the same as in the first run; nothing after that. */
  #differs({ where, lines, bytes }: Part, wanted: Uint8Array, ring: Ring): void {
    for (const each of placed(lines)) {
      const [is, goal] = [bytes, wanted].map((all) => bytesAt(all, each))
      const byte = is!.findIndex((value, i) => value !== goal![i])
      if (byte < 0 || this.findings.length > 0) continue
      const here = describe(each.line, where)
      const unit = Math.floor(byte / each.line.unitBytes)
      const others = this.#chosen.chosenFor(ring, each.line, unit).filter((other) => other !== here)
      const why =
        others.length === 0
          ? "its bytes are not under the pad that the ledger names"
          : "one pad covers two contents"
      const from = each.at + byte
      this.#found(
        `what it sees depends on the data of others: ${why}`,
        [`byte ${from}, ${here}`, ...new Set(others)].join("; and ")
      )
    }
  }

  narrow(): void {
    for (const cloud of clouds)
      if (this.pads[cloud].narrow !== undefined) {
        const { step, operation } = this.pads[cloud].narrow
        this.#found(
          "a pad has fewer bits than what it covers: half a word of it is zero",
          `${describeOperation(operation as Parameters<typeof describeOperation>[0])} in step ${step}, cloud${cloud}`
        )
      }
  }
}

const describe = ({ part, stream }: Line, where: string): string =>
  `${part}${stream === undefined ? "" : ` of ${describeOperation(stream.operation)}`}, ${where}`

const key = (byte: number): Uint8Array => new Uint8Array(16).fill(byte)
const padsOf = () => [new ChosenPads(key(1)), new ChosenPads(key(2))] as const

/** Cells of all users, as words between −1 and 1; those of the users with the cloud are the same in both runs. */
const tablesOf = (coupling: Coupling, cols: number): readonly [Uint8Array, Uint8Array] => {
  const { plan, users } = coupling
  const draw = (seed: number) => {
    const words = new BigInt64Array(expandSeed(key(seed), plan.rows * cols).slice().buffer)
    return words.map((word) => word >> BigInt(63 - plan.fractionalBits))
  }
  const [first, second] = [draw(3), draw(4)]
  for (let row = 0; row < plan.rows; row++)
    if (coupling.with.includes(1 + Math.floor((row * users) / plan.rows)))
      second.set(first.subarray(row * cols, (row + 1) * cols), row * cols)
  return [new Uint8Array(first.buffer), new Uint8Array(second.buffer)]
}

/** Shares of a table as it is uploaded, in both runs, with the same for the cloud of the coalition. */
const uploads = (coupling: Coupling, cols: number, seed: number) => {
  const [first, second] = tablesOf(coupling, cols)
  const split = splitWords(first, key(seed))
  // To cloud 1 the seed is unknown, and with it the pad; to cloud 0 it is given, and m_i1 is not.
  const again =
    coupling.cloud === 0
      ? splitWords(second, key(seed))
      : { share0: subtractWords(second, split.share1), share1: split.share1 }
  const sum = sameBytes(addWords(split.share0, split.share1), first)
  const pad = coupling.cloud === 1 || sameBytes(split.share0, again.share0)
  const masks = new Map([...wordsOf(split.share0)].map((word, i) => [`word ${i} of an upload`, word]))
  const findings = auditMasks({ coalition: coalitionOf(coupling), what: "pad of an upload", bits: 64, masks })
  if (!sum || !pad) {
    const what = "an upload is not split into a pad, for cloud 0, and the cells less the pad"
    findings.push({ coalition: coalitionOf(coupling), what, where: "the shares of the cells" })
  }
  return { split, again, findings }
}

const wordsOf = (bytes: Uint8Array): BigUint64Array => new BigUint64Array(bytes.slice().buffer)

/** The clouds' shares in both runs, and what is wrong with how they are made. */
const sharesOf = (coupling: Coupling) => {
  const { plan } = coupling
  const features = uploads(coupling, plan.network.inputs, 5)
  const labels = uploads(coupling, outputs(plan.network), 6)
  const layersOf = (cloud: 0 | 1): Shares["layers"] =>
    plan.network.layers.map(({ units }, i) => ({
      weights: initialWeightsShare(plan.network, i + 1, key(7 + cloud), plan.fractionalBits),
      bias: new BigUint64Array(units)
    }))
  const of = (run: "split" | "again", cloud: 0 | 1): Shares => {
    const share = cloud === 0 ? "share0" : "share1"
    return {
      features: wordsOf(features[run][share]),
      labels: wordsOf(labels[run][share]),
      layers: layersOf(cloud)
    }
  }
  const both = (run: "split" | "again") => [of(run, 0), of(run, 1)] as const
  return { first: both("split"), second: both("again"), findings: [...features.findings, ...labels.findings] }
}

/** What the coalition sees of others' data; nothing if its view can be the same for other data. */
export const auditCoupling = async (coupling: Coupling): Promise<ReadonlyArray<Finding>> => {
  const { plan, lanes } = coupling
  const common = { plan, lanes, orderKey: key(9) }
  const { first, second, findings } = sharesOf(coupling)
  if (findings.length > 0) return findings
  const coupled = new Coupled(coupling, padsOf())
  await trainInStages({ ...common, prgs: padsOf(), shares: first }, coupled.record)
  await trainInStages({ ...common, prgs: coupled.pads, shares: second }, coupled.search)
  coupled.again()
  if (coupled.findings.length === 0)
    await trainInStages({ ...common, prgs: coupled.pads, shares: second }, coupled.verify)
  coupled.narrow()
  return coupled.findings
}
