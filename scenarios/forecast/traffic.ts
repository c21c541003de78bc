/**
 * What a run will do and cost, before it starts: a pure function of the scenario and of how many cells each
 * user holds. Rounds are exact, and so are their bytes. Bytes are those of requests and replies on the wire,
 * with envelope and seal, by message, as the parties count them. What is small compared with ciphertexts and
 * openings (field names, indices) is estimated; handshakes, repetitions and the progress of a phase are left out.
 */

import { planOf, quorumOf } from "../../actors/party/agreement.ts"
import { pieceBytes } from "../../actors/party/bcp-pool.ts"
import type { Phase } from "../../actors/party/phases.ts"
import { strandName, stretchesOf } from "../../actors/party/stretches.ts"
import { sharingOf } from "../../actors/sharing/forms.ts"
import { cellsARun } from "../../actors/sharing/share-words.ts"
import { nonceBytes, tagBytes } from "../../protocol/aead.ts"
import { secretKeyBits } from "../../protocol/bcp/keys.ts"
import { outputSlotBits, plaintextsFor } from "../../protocol/bcp/packing.ts"
import { randomnessDigestBytes } from "../../protocol/bcp/randomness.ts"
import { decryptionBits, keyShareBytes } from "../../protocol/bcp/threshold.ts"
import { ciphertextBytes, elementBytes, plaintextBytes } from "../../protocol/bcp/wire.ts"
import { wordBytes } from "../../protocol/bytes.ts"
import { trainingCost } from "../../protocol/computation/cost.ts"
import { featureCount } from "../../protocol/data/description.ts"
import { statisticsNeeded } from "../../protocol/data/preparation.ts"
import { type CellBlock, cellsInOrder, countCells, type PlacedCells } from "../../protocol/data/rows.ts"
import { commitmentBytes, pieceCount } from "../../protocol/join/lists.ts"
import { pointBytes } from "../../protocol/join/points.ts"
import { modelWords } from "../../protocol/learning/model.ts"
import type { Network } from "../../protocol/learning/network.ts"
import { evaluates, type TrainingPlan } from "../../protocol/learning/plan.ts"
import {
  Begin,
  DealAhead,
  Enrol,
  Erase,
  Finish,
  OpenModel,
  Report,
  RollCall,
  SealModel,
  Train,
  Transform,
  Upload
} from "../../protocol/messages/control.ts"
import { Enrolment, markBytes } from "../../protocol/messages/enrolment.ts"
import {
  FetchModel,
  HeldOutCells,
  ModelDigest,
  ModelShare,
  PartialDecryptions,
  digestBytes as sha256Bytes
} from "../../protocol/messages/output.ts"
import { MaskedSums, MaskSecret } from "../../protocol/messages/statistics.ts"
import { Deal, Join } from "../../protocol/messages/training.ts"
import { Reencrypt, UnifiedShare0 } from "../../protocol/messages/transformation.ts"
import {
  CommitIds,
  Declaration,
  OpenUpload,
  RaiseIds,
  RowSalt,
  UploadRandomness,
  UploadShare0,
  UploadShare1,
  UploadWords1
} from "../../protocol/messages/upload.ts"
import { tallySize } from "../../protocol/metrics/tally.ts"
import { challengeBytes, responseBytes } from "../../protocol/proofs/equal-logarithms.ts"
import { keyWords, shareOverheadBytes } from "../../protocol/sharing/hybrid-output.ts"
import { secretBytes, vectorBytes } from "../../protocol/statistics/masks.ts"
import { firstLayout, secondLayout } from "../../protocol/statistics/statistics.ts"
import { agreementOf, isTested } from "../description/agreement.ts"
import type { JoinedData } from "../description/joined.ts"
import type { Scenario } from "../description/schema.ts"
import { type CiphertextTraining, ciphertextTraining } from "./ciphertexts.ts"
import { dealingCosts } from "./dealing.ts"
import { kgcReturns, predictNewKeys, predictReopening } from "./reopening.ts"
import { fieldBytes, type PredictedPhase, type PredictedTraffic, Tally, total } from "./tally.ts"

export interface PredictedCost {
  readonly plan: TrainingPlan
  readonly rows: { readonly training: number; readonly heldOut: number }
  /** Exchanges of the clouds in training, the opening of the data set included. */
  readonly rounds: number
  /** What the training takes where it is on ciphertexts. */
  readonly onCiphertexts?: CiphertextTraining
  readonly phases: ReadonlyArray<PredictedPhase>
  readonly traffic: ReadonlyArray<PredictedTraffic>
  /** Ciphertexts of one share of each user, and of the encrypted model. */
  readonly shares: ReadonlyArray<number>
  readonly modelCiphertexts: number
  /** Ids that each user has raised in a private join; none in a salted one. */
  readonly raisedIds: ReadonlyArray<number>
  /** Bytes of corrections on C1's disk before the training; none where nobody deals ahead. */
  readonly storedBytes: number
  /** All bytes of the run. */
  readonly bytes: number
}

/**
 * Predicts a run of the scenario on its data, joined as that run joins them; or a training on what rests of them in an
 * archive (`reopens`). Throws `InvalidPlan` where it can't run.
 */
export const predictCost = (
  scenario: Scenario,
  { rows, placed }: Pick<JoinedData, "rows" | "placed">,
  { reopens = false }: { readonly reopens?: boolean } = {}
): PredictedCost => {
  const plan = planOf(agreementOf(scenario), rows.uploaded)
  const onCiphertexts =
    scenario.training.on === "ciphertexts"
      ? ciphertextTraining(
          scenario,
          plan,
          placed.map(({ training }) => countCells(training))
        )
      : undefined
  const tally = new Tally()
  if (reopens) {
    predictNewKeys(tally, scenario)
    predictReopening(tally, scenario, piecesOf(scenario, placed))
  } else {
    predictSetup(tally, scenario)
    predictUpload(tally, scenario, placed)
    predictTransformation(tally, scenario, placed)
  }
  tally.ask("train", Train, 2, evaluates(plan) ? { replies: 2 * plan.epochs * evaluatedBytes } : {})
  tally.ask("train", Join, 1, { requests: 0, replies: 0 })
  const rounds =
    onCiphertexts === undefined ? predictTrainingOnShares(tally, scenario, plan) : onCiphertexts.rounds
  if (onCiphertexts !== undefined) tally.exchanges("train", "train", rounds, onCiphertexts.bytes)
  predictOutput(tally, scenario, placed, plan.network, reopens)
  return {
    plan,
    rows: { training: rows.training, heldOut: rows.heldOut },
    rounds,
    ...(onCiphertexts && { onCiphertexts }),
    phases: tally.phases,
    traffic: tally.traffic,
    shares: shareCiphertexts(scenario, placed),
    modelCiphertexts: modelCiphertexts(scenario, plan.network),
    raisedIds: raisedIds(scenario, placed),
    storedBytes: scenario.security.dealing === "kgc-ahead" ? dealtBytesAtRest(plan) : 0,
    bytes: total(tally.traffic, ({ bytes }) => bytes)
  }
}

/** Corrections of all steps at rest: each stretch is sealed as one entry. */
export const dealtBytesAtRest = (plan: TrainingPlan): number =>
  trainingCost(plan).dealtBytes + stretchesOf(plan, 0).length * (nonceBytes + tagBytes)

/** The rounds of a training on shares, and what is dealt for it. Returns how many rounds there are. */
const predictTrainingOnShares = (tally: Tally, { security }: Scenario, plan: TrainingPlan): number => {
  const training = trainingCost(plan)
  tally.rounds("train", training.rounds, training.bytesEachWay)
  if (security.dealing === "kgc-ahead") tally.ask("train", DealAhead, 1)
  if (security.dealing !== "clouds")
    tally.ask("train", Deal, stretchesOf(plan, 0).length, { replies: training.dealtBytes })
  else
    for (const [strand, { rounds, bytes }] of dealingCosts(plan).entries())
      tally.exchanges("train", strandName(strand), rounds, bytes)
  return training.rounds
}

/** The size of the modulus, in the form that the sizes of numbers depend on. */
const modulus = ({ security }: Scenario) => ({ bits: security.modulusBits })

const predictSetup = (tally: Tally, scenario: Scenario): void => {
  const users = scenario.users.length
  const members = users + 2
  const pp = modulus(scenario)
  const publicKeys = users * (elementBytes(pp) + fieldBytes)
  const parameters = 2 * plaintextBytes(pp) + 2 * elementBytes(pp)
  const secrets = elementBytes(pp) + 3 * fieldBytes
  const quorum = quorumOf(agreementOf(scenario))
  const keyBits = secretKeyBits(pp, scenario.security.exponents)
  const shares = quorum === undefined ? 0 : users * (keyShareBytes(quorum, keyBits) + fieldBytes)
  const verificationKeys = quorum === undefined ? 0 : publicKeys
  const parties = members + 1
  // Each tells all others and the director that it is there.
  tally.tell("setup", "hello", parties * parties)
  tally.ask("setup", Begin, parties, { requests: 64 * parties })
  tally.ask("setup", Enrol, members)
  tally.ask("setup", Enrolment, members, {
    requests: members * markBytes,
    replies: members * (publicKeys + verificationKeys + parameters + secrets) + shares
  })
}

/** What both clouds tell of an epoch. */
const evaluatedBytes = 27
const digestBytes = 16
const indexBytes = 4
/** The name of a user, and of the field that it is in. */
const ownerBytes = 12

/** Bytes of blocks as they are declared: something for each row, a small number for each column. */
const declaredBytes = (blocks: ReadonlyArray<CellBlock>, bytesARow: number): number =>
  total(blocks, ({ rows, columns }) => rows.length * bytesARow + columns.length + fieldBytes)

/**
 * Ciphertexts of each user's share for C0: of its training cells, or of the seed that it is expanded from.
 */
const shareCiphertexts = (scenario: Scenario, placed: ReadonlyArray<PlacedCells>): ReadonlyArray<number> => {
  const { upload } = sharingOf(agreementOf(scenario))
  const { modulusBits } = scenario.security
  return placed.map(({ training }) => upload.ciphertexts(countCells(training), modulusBits)[0])
}

/** The different ids of each user, if they are raised. */
const raisedIds = ({ join }: Scenario, placed: ReadonlyArray<PlacedCells>): ReadonlyArray<number> =>
  placed.map(({ training, heldOut }) => {
    if (join === "salted") return 0
    const rows = new Set<number>()
    for (const block of [...training, ...heldOut]) for (const row of block.rows) rows.add(row)
    return rows.size
  })

/** How the users come to the digests of their ids. */
const predictJoin = (tally: Tally, scenario: Scenario, placed: ReadonlyArray<PlacedCells>): void => {
  const users = placed.length
  const others = users - 1
  if (scenario.join === "salted") {
    tally.ask("upload", RowSalt, others, { replies: others * digestBytes })
    return
  }
  const ids = raisedIds(scenario, placed)
  const lists = total(ids, pieceCount)
  tally.ask("upload", CommitIds, users * others, { requests: others * lists * commitmentBytes })
  const bytes = others * total(ids, (count) => count * pointBytes)
  // The requests say whose ids they are.
  tally.ask("upload", RaiseIds, others * lists, {
    requests: bytes + others * lists * ownerBytes,
    replies: bytes
  })
}

/** How the users find statistics of their columns. */
const predictStatistics = (tally: Tally, { data }: Scenario, users: number): void => {
  const needed = statisticsNeeded(data)
  const passes = [firstLayout(needed), secondLayout(needed)].filter((layout) => layout.length > 0)
  if (passes.length === 0) return
  const pairs = users * (users - 1)
  tally.ask("upload", MaskSecret, pairs, { requests: pairs * secretBytes })
  tally.ask("upload", MaskedSums, passes.length * pairs, { requests: pairs * total(passes, vectorBytes) })
}

/** Messages in which a number of ciphertexts travels. */
const pieces = (scenario: Scenario, ciphertexts: number): number =>
  Math.ceil(ciphertexts / Math.floor(pieceBytes / ciphertextBytes(modulus(scenario))))

const predictUpload = (tally: Tally, scenario: Scenario, placed: ReadonlyArray<PlacedCells>): void => {
  const users = placed.length
  const others = users - 1
  const shares = shareCiphertexts(scenario, placed)
  const bytes = total(shares, (count) => count * ciphertextBytes(modulus(scenario)))
  const messages = total(shares, (count) => pieces(scenario, count))
  const declared = total(
    placed,
    ({ training, heldOut }) => declaredBytes(training, digestBytes) + declaredBytes(heldOut, digestBytes)
  )
  const opened = total(placed, ({ training }) => declaredBytes(training, indexBytes))
  tally.ask("upload", Upload, users)
  predictJoin(tally, scenario, placed)
  tally.ask("upload", Declaration, users * others, { requests: others * declared })
  predictStatistics(tally, scenario, users)
  tally.ask("upload", OpenUpload, 2 * users, { requests: 2 * opened })
  tally.ask("upload", UploadShare0, messages, { requests: bytes })
  const hybrid = scenario.security.upload === "hybrid"
  const sealed = hybrid ? total(placed, ({ training }) => cellsInOrder(training, cellsARun).length) : messages
  const words = total(placed, ({ training }) => wordBytes * countCells(training))
  tally.ask("upload", hybrid ? UploadWords1 : UploadShare1, sealed, {
    requests: (hybrid ? words : bytes) + sealed * fieldBytes
  })
  if (!hybrid) tally.ask("upload", UploadRandomness, users, { requests: messages * randomnessDigestBytes })
  tally.encrypted("upload", (hybrid ? 1 : 2) * total(shares, (count) => count))
  if (scenario.placement.usersLeaveAfterUpload) predictFarewell(tally, "upload", users)
}

/** Parties that report what they sent, and leave. What they send after that, the report included, is in none. */
const predictFarewell = (tally: Tally, phase: Phase, parties: number): void => {
  tally.request(phase, Report, parties)
  tally.request(phase, Finish, parties)
}

/** Ciphertexts of all users' shares for one cloud, and the messages in which they travel. */
const piecesOf = (scenario: Scenario, placed: ReadonlyArray<PlacedCells>) => {
  const shares = shareCiphertexts(scenario, placed)
  return {
    ciphertexts: total(shares, (ciphertexts) => ciphertexts),
    messages: total(shares, (ciphertexts) => pieces(scenario, ciphertexts))
  }
}

const predictTransformation = (
  tally: Tally,
  scenario: Scenario,
  placed: ReadonlyArray<PlacedCells>
): void => {
  const { ciphertexts: count, messages } = piecesOf(scenario, placed)
  const pp = modulus(scenario)
  tally.ask("transform", Transform, 2)
  tally.ask("transform", UnifiedShare0, messages, { requests: count * ciphertextBytes(pp) })
  if (scenario.security.upload === "hybrid") {
    tally.encrypted("transform", count)
    return
  }
  tally.ask("transform", Reencrypt, messages, {
    requests: count * ciphertextBytes(pp),
    replies: count * (ciphertextBytes(pp) + (scenario.training.on === "ciphertexts" ? 0 : plaintextBytes(pp)))
  })
  // C0 encrypts its own shares and what C1 blinded.
  tally.encrypted("transform", 2 * count)
}

/** Ciphertexts of the encrypted model; of a hybrid one, of its keys. */
const modelCiphertexts = ({ security: { output, modulusBits } }: Scenario, network: Network): number =>
  plaintextsFor(output === "hybrid" ? keyWords : modelWords(network), modulusBits, outputSlotBits)

const predictOutput = (
  tally: Tally,
  scenario: Scenario,
  placed: ReadonlyArray<PlacedCells>,
  network: Network,
  reopens: boolean
): void => {
  const users = placed.length
  const parties = users + (reopens && !kgcReturns(scenario) ? 2 : 3)
  const pp = modulus(scenario)
  const hybrid = scenario.security.output === "hybrid"
  const ciphertexts = modelCiphertexts(scenario, network)
  const share = hybrid ? wordBytes * modelWords(network) + shareOverheadBytes : 0
  const others = users - 1
  const opened = scenario.model !== "served"
  if (opened) {
    tally.ask("output", SealModel, 2)
    tally.ask("output", ModelShare, 1, {
      requests: ciphertexts * ciphertextBytes(pp) + share
    })
  }
  const quorum = quorumOf(agreementOf(scenario))
  const digests = { requests: 64 * users }
  if (quorum !== undefined) tally.ask("output", RollCall, users, { ...digests, replies: 0 })
  else if (reopens || scenario.placement.usersLeaveAfterUpload) tally.ask("output", Begin, users, digests)
  // Names of actors, such as user1.
  const testers = !isTested(scenario) ? 0 : scenario.reveal.includes("heldOutRows") ? 1 : users
  const tallies = scenario.reveal.includes("metrics") ? testers * (tallySize(scenario.data) + fieldBytes) : 0
  tally.ask("output", OpenModel, users, {
    ...(quorum === undefined ? {} : { requests: users * users * 6 }),
    ...(tallies === 0 ? {} : { replies: tallies })
  })
  if (opened) {
    tally.ask("output", FetchModel, users, {
      replies: users * (ciphertexts * ciphertextBytes(pp) + 2 * share)
    })
    tally.ask("output", ModelDigest, users, { replies: users * sha256Bytes })
    const secretBits = decryptionBits(pp, scenario.security.exponents, quorum)
    const proof = challengeBytes + responseBytes(secretBits) + sha256Bytes
    tally.ask("output", PartialDecryptions, users * others, {
      requests: users * others * (ciphertexts * elementBytes(pp) + proof + 2 * fieldBytes)
    })
    tally.encrypted("output", ciphertexts)
  }
  if (scenario.reveal.includes("heldOutRows")) {
    const features = featureCount(scenario.data)
    const tester = placed.findIndex(({ training }) =>
      training.some(({ columns }) => columns.some((column) => column >= features))
    )
    const sent = placed.filter((_, user) => user !== tester).map(({ heldOut }) => heldOut)
    tally.ask("output", HeldOutCells, sent.length, {
      requests: total(sent, (blocks) => declaredBytes(blocks, indexBytes) + 8 * countCells(blocks))
    })
  }
  tally.ask("output", Erase, parties)
  predictFarewell(tally, "output", parties)
}
