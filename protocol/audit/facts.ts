/**
 * The truth about a run that an audit looks for in what each coalition has: every party's keys, cells and shares, and the
 * weights, each as the bytes in which it could travel, of both orders of bytes. Real numbers are sought as the words that
 * they become (`material.ts`).
 */
import { wordBytes } from "../bytes.ts"
import { featureCount } from "../data/description.ts"
import { digestIds } from "../data/rows.ts"
import { digestIdsUnder } from "../join/points.ts"
import { Deal } from "../messages/training.ts"
import { fractionBits } from "../statistics/exact-sum.ts"
import { toVector } from "../statistics/masks.ts"
import { nearestQuotient } from "../statistics/nearest.ts"
import { firstLayout, secondLayout } from "../statistics/statistics.ts"
import { type FactKind, factKinds } from "./claims.ts"
import { markOfText } from "./material.ts"
import { leastNeedleBytes, Needles } from "./needles.ts"
import type { Held, Recording } from "./recording.ts"

/** Something that may be known: of a party, of a pair of users, or of the run where `of` is empty. */
export interface Fact {
  readonly kind: FactKind
  readonly of: string
}

/** Facts by number, and the patterns that give them away. */
export class Facts {
  readonly needles = new Needles()
  readonly #numbers = new Map<string, number>()
  readonly #all: Array<Fact> = []

  /** The number of a fact; the same for the same. */
  number(kind: FactKind, of = ""): number {
    const key = `${kind} ${of}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    this.#numbers.set(key, this.#all.length)
    return this.#all.push({ kind, of }) - 1
  }

  get(number: number): Fact {
    return this.#all[number]!
  }

  get all(): ReadonlyArray<Fact> {
    return this.#all
  }
}

/** A fact for people: `cells to train on of user1`. */
export const describeFact = ({ kind, of }: Fact): string =>
  of === "" ? factKinds[kind] : `${factKinds[kind]} of ${of}`

/** A pair of users, by whichever of the two. */
export const pairOf = (one: string, other: string): string => [one, other].sort().join(" and ")

/** Secrets by their names in `Held`, and the facts that they are. */
const secretFacts: ReadonlyMap<string, FactKind> = new Map([
  ["identity", "identity"],
  ["root", "root"],
  ["secretKey", "secretKey"],
  ["keyShare", "keyShare"],
  ["join", "join"],
  ["share", "seed"],
  ["randomizers", "randomizers"],
  ["weights", "initial"]
])
const runSecrets: ReadonlyMap<string, FactKind> = new Map([
  ["salt", "salt"],
  ["p", "factors"],
  ["q", "factors"],
  ["dealer0", "k0"],
  ["dealer1", "k1"]
])
/** Where the clouds deal, each has drawn its own. */
const ownKeys: ReadonlyMap<string, FactKind> = new Map([
  ["cloud0", "k0"],
  ["cloud1", "k1"]
])

/** All facts of a recorded run. */
export const factsOf = (recording: Recording): Facts => {
  const facts = new Facts()
  for (const [party, held] of recording.held) {
    addSecrets(facts, party, held, recording)
    addCells(facts, party, held, recording)
    addShares(facts, party, held)
    addSums(facts, party, held, recording)
  }
  addStatistics(facts, recording)
  addWeights(facts, recording)
  addCorrections(facts, recording)
  return facts
}

/** The tester of a run whose held-out rows are pooled: the first user that holds labels. */
export const testerOf = ({ agreement, held }: Recording): string | undefined => {
  const features = featureCount(agreement.data)
  return agreement.users.find(({ actor }) =>
    held.get(actor)?.cells.some(({ columns }) => columns.some((column) => column >= features))
  )?.actor
}

/** A key is found in parts, too. */
const partBytes = 16

const addSecrets = (facts: Facts, party: string, { secrets }: Held, { agreement }: Recording): void => {
  const drawn = agreement.security.dealing === "clouds" ? ownKeys.get(party) : undefined
  for (const [name, bytes] of secrets) {
    const [, ofUsers, ofUser] = /^(secretKey|keyShare) of (user\d+)$/.exec(name) ?? []
    const [, other] = /^mask secret for (user\d+)$/.exec(name) ?? []
    const own = secretFacts.get(name)
    const ofRun = name === "prgKey" ? drawn : runSecrets.get(name)
    const fact =
      ofUser !== undefined
        ? facts.number(secretFacts.get(ofUsers!)!, ofUser)
        : other !== undefined
          ? facts.number("maskSecret", pairOf(party, other))
          : own !== undefined
            ? facts.number(own, party)
            : ofRun !== undefined
              ? facts.number(ofRun)
              : undefined
    if (fact !== undefined) addKey(facts, fact, bytes)
  }
}

const addKey = (facts: Facts, fact: number, bytes: Uint8Array): void => {
  const first = bytes.findIndex((byte) => byte !== 0)
  const key = bytes.subarray(Math.max(0, first))
  for (const way of [key, key.toReversed()])
    for (let at = 0; at + leastNeedleBytes <= way.length; at += partBytes)
      facts.needles.add(fact, way.slice(at, at + partBytes))
}

/** Words, each alone, in pairs and in longer runs: a single small number may turn up by chance, a run of them does not. */
const addWords = (facts: Facts, fact: number, words: BigUint64Array): void => {
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
  const tells = Array.from(words, isTelling)
  for (const way of [bytes, swapped(bytes)]) {
    const take = (word: number, count: number) =>
      facts.needles.add(fact, way.slice(word * wordBytes, (word + count) * wordBytes))
    for (let word = 0; word < words.length; word++) {
      if (tells[word]) take(word, 1)
      if (tells[word] && tells[word + 1] && words[word] !== words[word + 1]) take(word, 2)
    }
    for (const first of runStarts(words)) if (changesIn(words, first) >= leastChanges) take(first, runWords)
  }
}

const runWords = 32

/** Runs begin at a word that is not 0: data are full of zeros, at each of which all runs would be compared. */
const runStarts = (words: BigUint64Array): ReadonlyArray<number> => {
  const starts: Array<number> = []
  for (let at = 0; at + runWords <= words.length; at++) {
    if (words[at] === 0n || at < (starts.at(-1) ?? -runWords) + runWords / 2) continue
    starts.push(at)
  }
  return starts
}

const leastChanges = 8

const changesIn = (words: BigUint64Array, first: number): number => {
  let changes = 0
  for (let at = first + 1; at < first + runWords; at++) if (words[at] !== words[at - 1]) changes++
  return changes
}

/** Round numbers, as labels are, and small ones look like other numbers. */
const isTelling = (word: bigint): boolean => {
  const value = BigInt.asIntN(64, word)
  return value % 256n !== 0n && (value >= 2n ** 16n || value <= -(2n ** 16n))
}

/** The same words in the other order of bytes. */
const swapped = (bytes: Uint8Array): Uint8Array => new Uint8Array(Buffer.from(bytes).swap64())

const addCells = (facts: Facts, party: string, { cells }: Held, recording: Recording): void => {
  const digestsOf = digestsIn(recording)
  for (const { heldOut, ids, words } of cells) {
    addWords(facts, facts.number(heldOut ? "heldOut" : "cells", party), words)
    addIds(facts, party, ids)
    if (digestsOf === undefined) continue
    const digests = digestsOf(ids)
    for (let at = 0; at < digests.length; at += partBytes)
      facts.needles.add(facts.number("digests", party), digests.slice(at, at + partBytes))
  }
}

/** The digests of ids in a run; nothing where it ended before its users had what they are under. */
const digestsIn = ({ agreement, held }: Recording) => {
  const own = (name: string) =>
    agreement.users.flatMap(({ actor }) => held.get(actor)?.secrets.get(name) ?? [])
  const [salt] = own("salt")
  if (salt !== undefined) return (ids: ReadonlyArray<string>) => digestIds(salt, ids)
  const secrets = own("join")
  return secrets.length === agreement.users.length
    ? (ids: ReadonlyArray<string>) => digestIdsUnder(secrets, ids)
    : undefined
}

/** Ids, wherever their bytes are, and short ones where they stand alone. */
const addIds = (facts: Facts, party: string, ids: ReadonlyArray<string>): void => {
  const fact = facts.number("ids", party)
  for (const id of ids) {
    const text = new TextEncoder().encode(id)
    if (text.length >= leastNeedleBytes) facts.needles.add(fact, text)
    facts.needles.add(fact, markOfText(id))
  }
}

const addShares = (facts: Facts, party: string, { shares }: Held): void => {
  for (const { what, words } of shares) {
    const fact =
      what === "upload0"
        ? facts.number("share0", party)
        : what === "upload1"
          ? facts.number("share1", party)
          : facts.number(party === "cloud0" ? "weights0" : "weights1")
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
    for (const way of [bytes, swapped(bytes)])
      for (let at = 0; at < way.length; at += wordBytes)
        facts.needles.add(fact, way.slice(at, at + wordBytes))
  }
}

/** Sums as they are before they are under masks, and what they come to as real numbers. */
const addSums = (facts: Facts, party: string, { sums }: Held, { plan, statistics }: Recording): void => {
  if (sums === undefined || statistics === undefined) return
  const fact = facts.number("sums", party)
  const vectors = [
    [firstLayout(statistics.needed), sums[1]],
    [secondLayout(statistics.needed), sums[2]]
  ] as const
  for (const [layout, numbers] of vectors)
    for (const [i, bytes] of layout.entries()) {
      const number = toVector([bytes], [numbers[i]!])
      for (const way of [number, number.toReversed()]) addDigits(facts, fact, way)
    }
  const reals = statistics.needed.moments.flatMap((_, i) => {
    const [count, sum] = [sums[1][2 * i]!, sums[1][2 * i + 1]!]
    return count === 0n
      ? []
      : [nearestQuotient(sum, 1n, fractionBits), nearestQuotient(sum, count, fractionBits)]
  })
  addReals(facts, fact, reals, plan.fractionalBits)
}

/** The bytes of a number from the first that says something. Counts look like other small numbers. */
const addDigits = (facts: Facts, fact: number, bytes: Uint8Array): void => {
  const first = bytes.findIndex((byte) => byte !== 0 && byte !== 0xff)
  if (bytes.length > wordBytes && first >= 0 && bytes.length - first >= leastNeedleBytes)
    facts.needles.add(fact, bytes.slice(first))
}

/** Real numbers as they are, and as the words that they become. */
const addReals = (facts: Facts, fact: number, reals: ReadonlyArray<number>, fractionalBits: number): void => {
  for (const real of reals) {
    const bytes = new Uint8Array(Float64Array.of(real).buffer)
    for (const way of [bytes, bytes.toReversed()]) facts.needles.add(fact, way)
  }
  const words = reals.map((real) => Math.round(real * 2 ** fractionalBits)).filter(Number.isSafeInteger)
  addWords(
    facts,
    fact,
    BigUint64Array.from(words, (word) => BigInt.asUintN(64, BigInt(word)))
  )
}

/** Joint means and deviations. Counts are of rows, which everybody knows. */
const addStatistics = (facts: Facts, { plan, statistics }: Recording): void => {
  const reals = [...(statistics?.found.moments.values() ?? [])].flatMap(({ mean, deviation }) => [
    mean,
    deviation ?? mean
  ])
  addReals(facts, facts.number("statistics"), reals, plan.fractionalBits)
}

/** The trained weights: the sum of both clouds' shares. */
const addWeights = (facts: Facts, { held }: Recording): void => {
  const [one, other] = ["cloud0", "cloud1"].map(
    (cloud) => held.get(cloud)?.shares.find(({ what }) => what === "weights")?.words
  )
  if (one === undefined || other === undefined) return
  const sum = BigUint64Array.from(one, (word, i) => BigInt.asUintN(64, word + other[i]!))
  addWords(facts, facts.number("weights"), sum)
}

/** Of the corrections, samples as far apart as this. */
const sampleBytes = 1024

/** What the dealer sends cloud 1 and nobody else. Noughts fill up sections, so a sample may say nothing. */
const addCorrections = (facts: Facts, { seen }: Recording): void => {
  const fact = facts.number("corrections")
  for (const [process, messages] of seen) {
    if (!process.startsWith("cloud1")) continue
    for (const { body, kind, tag } of messages) {
      if (tag !== Deal.tag || kind !== "reply") continue
      for (let at = 0; at + partBytes <= body.length; at += sampleBytes)
        facts.needles.add(fact, body.slice(at, at + partBytes))
    }
  }
}
