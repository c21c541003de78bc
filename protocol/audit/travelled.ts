/**
 * What the clouds received of the training, as a recording has it, each next to its lines of the ledger: the rounds
 * of every session of every pair of processes, and what was dealt to every process of cloud 1.
 */
import { Either } from "effect"
import { describeOperation, type Operation } from "../learning/operations.ts"
import { actorOf } from "../messages/subjects.ts"
import { Deal, type DealRequest, Join } from "../messages/training.ts"
import { Computations, type StepLedger } from "./computations.ts"
import { bytesOf, type Line, type Section } from "./ledger.ts"
import type { Order } from "./order.ts"
import { type Finding, isDealing, type Recording, type Seen } from "./recording.ts"

/** Bytes that travelled in a step, and their lines. */
export interface Travelled {
  readonly step: number
  readonly where: string
  readonly lines: ReadonlyArray<Line>
  /** As cloud 0 and cloud 1 received them, as often as they did; of a dealing, only cloud 1. */
  readonly received: readonly [ReadonlyArray<Uint8Array>, ReadonlyArray<Uint8Array>]
  readonly dealt: boolean
}

/** A session: the phase of its rounds, the step whose weights both had, and its processes, the leaders first. */
interface Session {
  readonly phase: string
  readonly step: number
  readonly pairs: ReadonlyArray<readonly [string, string]>
}

const all = (recording: Pick<Recording, "seen">, actor: string): ReadonlyArray<Seen> =>
  [...recording.seen].flatMap(([process, seen]) => (actorOf(process) === actor ? seen : []))

const is = (kind: Seen["kind"], tag: string) => (seen: Seen) => seen.kind === kind && seen.tag === tag

/** The sessions that both clouds agreed on. */
const sessionsOf = (recording: Pick<Recording, "seen">): ReadonlyArray<Session> => {
  const replies = all(recording, "cloud0").filter(is("reply", Join.tag))
  const sessions = new Map<string, Session>()
  for (const { id, body } of all(recording, "cloud1").filter(is("ask", Join.tag))) {
    const reply = replies.find((each) => each.id === id)
    if (reply === undefined) continue
    const { epoch, lanes } = Either.getOrThrow(Join.payload.decode(body))
    const joined = Either.getOrThrow(Join.reply.decode(reply.body))
    const phase = epoch === 1 ? "train" : `train.${epoch}`
    const others = lanes.slice(0, joined.lanes.length).map((own, i) => [own, joined.lanes[i]!] as const)
    sessions.set(phase, { phase, step: joined.step, pairs: [["cloud0", "cloud1"], ...others] })
  }
  return [...sessions.values()]
}

/** How many pairs of processes trained at a time. */
export const lanesIn = (recording: Pick<Recording, "seen">): number =>
  Math.max(1, ...sessionsOf(recording).map(({ pairs }) => pairs.length))

/** The rounds of one process with another in a phase, as often as they arrived. */
class Rounds {
  readonly #bodies = new Map<string, Array<Uint8Array>>()
  /** Those that no line of a ledger has accounted for. */
  readonly left = new Set<string>()

  constructor(recording: Recording) {
    for (const [process, seen] of recording.seen) {
      for (const { kind, from, tag, number, body } of seen) {
        // A leader and its lanes are one party.
        if (kind !== "round" || isDealing(tag) || actorOf(from) === actorOf(process)) continue
        const key = Rounds.#key(process, from, tag, number)
        this.#bodies.set(key, [...(this.#bodies.get(key) ?? []), body])
        this.left.add(key)
      }
    }
  }

  static #key(process: string, from: string, phase: string, number: number): string {
    return `round ${number} of ${phase} from ${from} to ${process}`
  }

  take(process: string, from: string, phase: string, number: number): ReadonlyArray<Uint8Array> {
    const key = Rounds.#key(process, from, phase, number)
    this.left.delete(key)
    return this.#bodies.get(key) ?? []
  }
}

class Reading {
  readonly travelled: Array<Travelled> = []
  readonly findings: Array<Finding> = []
  readonly #recording: Recording
  readonly #computations: Computations
  readonly #rounds: Rounds

  constructor(recording: Recording, order: Order) {
    this.#recording = recording
    this.#computations = new Computations(recording.plan, order)
    this.#rounds = new Rounds(recording)
  }

  #unnamed(coalition: string, where: string, why: string): void {
    const what = `bytes without a pad: ${why}`
    this.findings.push({ coalition, what, where, remedy: "give each opened value a line in the ledger" })
  }

  /** Adds what was received, if it has the length of its lines. */
  #add(travelled: Travelled): void {
    const bytes = bytesOf(travelled.lines)
    for (const [cloud, bodies] of travelled.received.entries())
      for (const { length } of bodies)
        if (length !== bytes)
          this.#unnamed(`cloud${cloud}`, travelled.where, `${length} bytes where the ledger has ${bytes}`)
    const [at0, at1] = travelled.received.map((bodies) => bodies.filter(({ length }) => length === bytes))
    this.travelled.push({ ...travelled, received: [at0!, at1!] })
  }

  sessions(): void {
    for (const { phase, step, pairs } of sessionsOf(this.#recording))
      for (const [lane, [at0, at1]] of pairs.entries()) {
        let number = 0
        for (const { step: at, rounds } of this.#computations.session(lane, pairs.length, step)) {
          let arrived = rounds.length === 0
          for (const lines of rounds) {
            number++
            const received = [
              this.#rounds.take(at0, at1, phase, number),
              this.#rounds.take(at1, at0, phase, number)
            ] as const
            arrived ||= received.flat().length > 0
            const where = `round ${number} of ${phase} between ${at0} and ${at1}`
            this.#add({ step: at, where, lines, received, dealt: false })
          }
          if (!arrived) break
        }
      }
    for (const left of this.#rounds.left)
      this.#unnamed(left.includes(" to cloud0") ? "cloud0" : "cloud1", left, "no round of the ledger")
  }

  dealings(): void {
    // Where the clouds deal, lanes ask their leader.
    const asked = ["kgc", "cloud1"].flatMap((dealer) =>
      all(this.#recording, dealer).filter(is("ask", Deal.tag))
    )
    const requests = new Map(asked.map(({ id, from, body }) => [`${from} ${id}`, body]))
    for (const { process, id, body } of all(this.#recording, "cloud1").filter(is("reply", Deal.tag))) {
      const request = requests.get(`${process} ${id}`)
      if (request === undefined) this.#unnamed("cloud1", `corrections to ${process}`, "nobody asked for them")
      else this.#dealing(process, Either.getOrThrow(Deal.payload.decode(request)), body)
    }
  }

  #dealing(process: string, { step, steps = 1, part }: DealRequest, body: Uint8Array): void {
    let at = 0
    for (let each = step; each < step + steps; each++) {
      const ledgers: ReadonlyArray<StepLedger> =
        part === undefined
          ? [this.#computations.dealtFor(each)]
          : [
              ...this.#computations.gradients(each, part),
              ...(part.update ? [this.#computations.update(each)] : [])
            ]
      for (const { sections } of ledgers)
        for (const { operation, bytes, lines } of asIn(body, at, sections)) {
          const where = `corrections for ${describeOperation(operation)} in step ${each} to ${process}`
          if (!isSection(body, at, operation, bytes)) {
            this.#unnamed("cloud1", where, "another section than the ledger has")
            return
          }
          const from = at + sectionHeaderBytes
          at = from + bytes
          this.#add({ step: each, where, lines, received: [[], [body.subarray(from, at)]], dealt: true })
        }
    }
    if (at !== body.length)
      this.#unnamed("cloud1", `corrections to ${process}`, `${body.length - at} bytes after the last section`)
  }
}

/** Operation and length, u32 each: in the open. */
const sectionHeaderBytes = 8

/** The sections of a ledger in the order of a body: what is dealt side by side may come one after the other. */
function* asIn(body: Uint8Array, from: number, sections: ReadonlyArray<Section>): Generator<Section, void> {
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  const left = new Map(sections.map((section) => [section.operation, section]))
  for (let at = from; left.size > 0; ) {
    const there = at + sectionHeaderBytes <= body.length ? view.getUint32(at, true) : undefined
    const [next] = [left.get(there as Operation), ...left.values()].filter((each) => each !== undefined)
    left.delete(next!.operation)
    yield next!
    at += sectionHeaderBytes + next!.bytes
  }
}

const isSection = (body: Uint8Array, at: number, operation: Operation, bytes: number): boolean => {
  if (at + sectionHeaderBytes + bytes > body.length) return false
  const header = new DataView(body.buffer, body.byteOffset + at, sectionHeaderBytes)
  return header.getUint32(0, true) === operation && header.getUint32(4, true) === bytes
}

/** Everything of the training, and what does not fit the ledger. */
export const travelledIn = (recording: Recording, order: Order): Pick<Reading, "travelled" | "findings"> => {
  const reading = new Reading(recording, order)
  reading.sessions()
  reading.dealings()
  return reading
}
