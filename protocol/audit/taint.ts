/**
 * What a coalition comes to know: everything that its members have opened, and all that their keys open in it, until nothing new
 * comes out. Ciphertexts are decrypted with every key that it has or finds, pieces under keys that were in ciphertexts are
 * opened, masks whose keys are known are taken away, and shares are added up. Whatever it may not know is a finding.
 */
import { Either } from "effect"
import { wordBytes } from "../bytes.ts"
import { nameOf } from "../channels/frames.ts"
import { decodeEnvelope } from "../messages/envelope.ts"
import { isGroup, parseSubject } from "../messages/subjects.ts"
import { openShare, shareOverheadBytes } from "../sharing/hybrid-output.ts"
import type { FactKind } from "./claims.ts"
import { brokerName, type Coalition, follow, permitted } from "./coalitions.ts"
import { describeFact, type Facts, factsOf } from "./facts.ts"
import { describeFrame } from "./frames.ts"
import { describeOrigin, type Material, materialOf, partyOf } from "./material.ts"
import type { Hit } from "./needles.ts"
import { isOpening, unmaskedOpening } from "./opening-round.ts"
import { jointKey, Openings } from "./openings.ts"
import type { Finding, Framed, Recording, Seen } from "./recording.ts"

/** What all coalitions of a run are judged by. */
export class Truth {
  readonly recording: Recording
  readonly facts: Facts
  readonly openings: Openings | undefined
  readonly #searched = new WeakMap<Uint8Array, ReadonlyArray<Hit>>()

  constructor(recording: Recording) {
    this.recording = recording
    this.facts = factsOf(recording)
    this.openings = Openings.of(recording)
  }

  get fractionalBits(): number {
    return this.recording.agreement.security.fractionalBits
  }

  /** What is in bytes. They are searched once, whichever coalition has them. */
  search(bytes: Uint8Array): ReadonlyArray<Hit> {
    const before = this.#searched.get(bytes)
    if (before !== undefined) return before
    const hits = this.facts.needles.search(bytes)
    this.#searched.set(bytes, hits)
    return hits
  }
}

/** How a fact became known, and from how much of it. */
interface Known {
  readonly where: string
  patterns: number
}

/** The knowledge of one coalition. */
class Knowledge {
  readonly #truth: Truth
  readonly #may: ReadonlySet<number>
  readonly #known = new Map<number, Known>()
  /** What was opened already, by what it was opened with. */
  readonly #done = new Set<string>()
  readonly #messages: Array<Seen> = []
  readonly #materials: Array<Material> = []

  constructor(truth: Truth, coalition: Coalition) {
    this.#truth = truth
    this.#may = permitted(truth.recording, truth.facts, coalition)
  }

  /** What it knows and may not. */
  findings({ name }: Coalition): ReadonlyArray<Finding> {
    return [...this.#known].flatMap(([number, { where, patterns }]) => {
      if (this.#may.has(number)) return []
      const fact = describeFact(this.#truth.facts.get(number))
      return [{ coalition: name, what: patterns > 1 ? `${fact} (${patterns} patterns)` : fact, where }]
    })
  }

  see(seen: Seen): void {
    const material = materialOf(seen, this.#truth.fractionalBits)
    this.#messages.push(seen)
    this.#materials.push(material)
    const where = describeOrigin(material.origin)
    for (const bytes of material.readable) this.#search(bytes, where)
  }

  carry(frame: Framed): void {
    this.#search(frame.data, describeFrame(frame))
    const message = messageIn(frame)
    if (message !== undefined) this.see(message)
  }

  /** Opens all that can be, until nothing new is known. */
  conclude(): void {
    for (let before = -1; before !== this.#progress(); ) {
      before = this.#progress()
      this.#openCiphertexts()
      this.#unmask()
      this.#joinGroups()
      follow(
        this.#truth.recording,
        this.#truth.facts,
        (number) => this.#has(number),
        (number, from) => this.#follows(number, from)
      )
    }
  }

  #progress(): number {
    return this.#known.size + this.#done.size
  }

  /** By right or by what it found. */
  #has(number: number): boolean {
    return this.#known.has(number) || this.#may.has(number)
  }

  #knows(kind: FactKind, of = ""): boolean {
    return this.#has(this.#truth.facts.number(kind, of))
  }

  #learn(number: number, where: string, patterns: number): void {
    const before = this.#known.get(number)
    if (before === undefined) this.#known.set(number, { where, patterns })
    else before.patterns += patterns
  }

  /** A consequence is known where all of what it follows from is, and says how the last of it came. */
  #follows(number: number, from: ReadonlyArray<number>): void {
    const { facts } = this.#truth
    const news = from.findLast((each) => this.#known.has(each))
    const where = news === undefined ? "what its members hold" : this.#known.get(news)!.where
    const with_ = from.filter((each) => each !== news).map((each) => describeFact(facts.get(each)))
    this.#learn(number, with_.length === 0 ? where : `${where}, with ${with_.join(" and ")}`, 1)
  }

  /** What is found in bytes. A pattern of several facts gives none away if one of them may be known. */
  #search(bytes: Uint8Array, where: string): void {
    for (const { facts, patterns } of this.#truth.search(bytes))
      if (!facts.some((each) => this.#may.has(each))) this.#learn(facts[0]!, where, patterns)
  }

  /** Does something once. */
  #once(name: string, work: () => void): void {
    if (this.#done.has(name)) return
    this.#done.add(name)
    work()
  }

  /** Does something once with all that it has seen by now. */
  #onceInAll(name: string, work: () => void): void {
    this.#once(`${name}, in ${this.#messages.length} messages`, work)
  }

  #openCiphertexts(): void {
    const { openings, recording } = this.#truth
    if (openings === undefined) return
    const users = recording.agreement.users.map(({ actor }) => actor)
    const without = (kind: FactKind) => users.filter((user) => !this.#knows(kind, user))
    const missing = without("secretKey")
    const master = this.#knows("factors")
    for (const key of openings.keys)
      if (key !== jointKey && (master || !missing.includes(key)))
        this.#onceInAll(`under ${key}`, () =>
          this.#openUnder(openings, key, () => true, master ? "the master key" : `the key of ${key}`)
        )
    const threshold = recording.agreement.decryption?.threshold
    const others = threshold === undefined ? missing : without("keyShare")
    const lacking = (threshold ?? users.length) - (users.length - others.length)
    if (master || missing.length === 0 || lacking <= 0)
      this.#onceInAll("under all keys", () =>
        this.#openUnder(openings, jointKey, () => true, "the joint key")
      )
    else
      this.#onceInAll(`with parts of ${others.join()}`, () => {
        const elements = openings.elementsIn(this.#materials.flatMap(({ strings }) => strings))
        const complete = (A: bigint) => openings.areRaisedIn(elements, A, others, lacking)
        const by = `partial decryptions of ${threshold ?? "all"} users`
        this.#openUnder(openings, jointKey, complete, by)
      })
  }

  #openUnder(openings: Openings, key: string, may: (A: bigint) => boolean, by: string): void {
    // Keys of the clouds tell nothing by themselves.
    const hybrid = key === jointKey && this.#truth.recording.agreement.security.output === "hybrid"
    for (const { origin, strings } of this.#materials)
      for (const bytes of strings)
        for (const { A, readable } of openings.under(key, bytes)) {
          // Only what would tell something is worth its powers.
          if (!(hybrid || readable.some((each) => this.#truth.search(each).length > 0)) || !may(A)) continue
          const where = `${describeOrigin(origin)}, opened with ${by}`
          for (const each of readable) {
            this.#search(each, where)
            this.#openShares(each, where)
          }
        }
  }

  /** In the hybrid form both clouds' keys are in one plaintext, and their shares under them. */
  #openShares(words: Uint8Array, where: string): void {
    const { plan, run } = this.#truth.recording
    if (words.length < keysBytes) return
    for (const cloud of [0, 1] as const) {
      const key = words.subarray((cloud * keysBytes) / 2, ((cloud + 1) * keysBytes) / 2)
      for (const sealed of this.#sealedShares(modelBytes(plan) + shareOverheadBytes)) {
        // The same share comes to each user.
        const name = `share ${cloud} ${nameOf(sealed.subarray(-keysBytes))}`
        const share = this.#done.has(name) ? undefined : openShare({ run, cloud }, key, sealed)
        if (share === undefined || Either.isLeft(share)) continue
        this.#done.add(name)
        this.#search(share.right, `${where}, which opens a share of the model`)
      }
    }
  }

  *#sealedShares(bytes: number): Iterable<Uint8Array> {
    for (const { strings } of this.#materials)
      for (const each of strings) if (each.length === bytes) yield each
  }

  /** Takes the masks of a cloud, whose key is known, off its part of the round that opens the data. */
  #unmask(): void {
    const { recording } = this.#truth
    for (const [cloud, kind] of [
      ["cloud0", "k0"],
      ["cloud1", "k1"]
    ] as const) {
      const key = recording.held.get(cloud)?.secrets.get("prgKey")
      if (key === undefined || !this.#knows(kind)) continue
      this.#onceInAll(`unmask ${cloud}`, () => {
        for (const message of this.#messages)
          if (partyOf(message.from) === cloud && isOpening(message) && message.body.length % wordBytes === 0)
            for (const words of unmaskedOpening(recording, key, message.body))
              this.#search(words, `${describeOrigin(message)}, unmasked with ${kind}`)
      })
    }
  }

  /** Whoever has the identity of a party opens what is sealed to its groups. */
  #joinGroups(): void {
    const { recording } = this.#truth
    for (const [process, messages] of recording.seen) {
      const party = partyOf(process)
      const identity = this.#truth.facts.number("identity", party)
      if (!this.#known.has(identity)) continue
      this.#once(`groups of ${process}`, () => {
        for (const message of messages) if (isGroup(message.to)) this.see(message)
      })
    }
  }
}

/** Two keys of AES-128. */
const keysBytes = 32

const modelBytes = ({ network }: Recording["plan"]): number => {
  let inputs = network.inputs
  let words = 0
  for (const { units } of network.layers) {
    words += (inputs + 1) * units
    inputs = units
  }
  return words * wordBytes
}

/** The message in a frame that nobody sealed. */
const messageIn = ({ subject, data }: Framed): Seen | undefined => {
  const address = parseSubject(subject)
  const envelope = decodeEnvelope(data)
  if (address === undefined || Either.isLeft(envelope)) return undefined
  const { from, to, channel } = address
  const { kind, tag, id, number, body } = envelope.right
  return { process: to, from, to, channel, kind, tag, id, number, body }
}

/** What a coalition learns beyond its claim. */
export const auditCoalition = (truth: Truth, coalition: Coalition): ReadonlyArray<Finding> => {
  const { seen, frames } = truth.recording
  const knowledge = new Knowledge(truth, coalition)
  for (const [process, messages] of seen)
    if (coalition.members.includes(partyOf(process))) for (const message of messages) knowledge.see(message)
  if (coalition.members.includes(brokerName)) for (const frame of frames) knowledge.carry(frame)
  knowledge.conclude()
  return knowledge.findings(coalition)
}
