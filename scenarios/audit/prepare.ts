/** Cuts a scenario to a trial that takes seconds: fewer rows and epochs, a short modulus, and no seed. */
import { Effect } from "effect"
import { sizesFor, trainedRows } from "../../actors/party/agreement.ts"
import { type HeldTable, pickHeld } from "../../protocol/data/encoding.ts"
import { agreementOf } from "../description/agreement.ts"
import { checkData } from "../description/joined.ts"
import { loadScenario } from "../description/load.ts"
import { requireOpened } from "../description/opened.ts"
import type { TrialInput } from "./trial.ts"

/** How large a trial is at most. */
export interface TrialSize {
  /** Bits of the BCP modulus; below 2048 only in a trial. */
  readonly modulusBits: number
  /** About how many rows to train on, and as many of those that are marked as held out. */
  readonly rows: number
  readonly epochs: number
}

export const defaultSize: TrialSize = { modulusBits: 512, rows: 96, epochs: 2 }

/** A size and what it was cut from. */
export interface Cut {
  readonly of: number
  readonly to: number
}

/** What a trial is of, for people and for `audit.json`. */
export interface TrialAbout {
  readonly scenario: string
  readonly modulusBits: number
  readonly rows: Cut
  readonly epochs: Cut
  readonly batch: Cut
  /** Whether the scenario's seed was left out: with it everybody can compute every mask. */
  readonly withoutSeed: boolean
}

export interface PreparedTrial {
  readonly input: TrialInput
  readonly about: TrialAbout
}

/** Reads a scenario and its data, and cuts them to a trial. */
export const prepareTrial = Effect.fn("Audit.prepare")(function* (file: string, size: TrialSize) {
  const loaded = yield* loadScenario(file)
  yield* requireOpened(loaded.scenario, file, "an audit")
  const { tables: whole, rows } = yield* checkData(loaded)
  const { seed, ...agreement } = agreementOf(loaded.scenario)
  const tables = cutRows(whole, size.rows)
  const kept = idsIn(tables)
  const unmarked = idsIn(tables.map((held) => held.filter(({ heldOut = false }) => !heldOut)))
  const { training, security } = agreement
  const trainingRows = trainedRows(agreement, unmarked.size - Math.floor(agreement.heldOut * unmarked.size))
  const full = sizesFor(agreement, trainedRows(agreement, rows - Math.floor(agreement.heldOut * rows)))
  const epochs = Math.min(full.epochs, size.epochs)
  const batch = Math.min(full.batch, Math.max(1, Math.floor(trainingRows / leastStepsAnEpoch)))
  const { modulusBits } = size
  const prepared: PreparedTrial = {
    input: {
      agreement: {
        ...agreement,
        training: { ...training, epochs, batch },
        security: { ...security, modulusBits, insecure: security.insecure || modulusBits < secureBits }
      },
      tables,
      placement: loaded.scenario.placement
    },
    about: {
      scenario: loaded.scenario.name,
      modulusBits,
      rows: { of: rows, to: kept.size },
      epochs: { of: full.epochs, to: epochs },
      batch: { of: full.batch, to: batch },
      withoutSeed: seed !== undefined
    }
  }
  return prepared
})

/** A modulus of fewer bits is for tests. */
const secureBits = 2048

/** Rows come into several batches, also of few rows: masks of different steps must differ. */
const leastStepsAnEpoch = 2

type Tables = ReadonlyArray<ReadonlyArray<HeldTable>>

const idsIn = (tables: Tables): ReadonlySet<string> => new Set(tables.flat().flatMap(({ ids }) => ids))

/** Of each table some rows, evenly spread, and whatever other tables have of the same rows. */
const cutRows = (tables: Tables, most: number): Tables => {
  const kept = new Set<string>()
  for (const marked of [false, true]) {
    const some = tables.flat().filter(({ heldOut = false }) => heldOut === marked)
    const total = new Set(some.flatMap(({ ids }) => ids)).size
    for (const { ids } of some)
      for (const id of spread(ids, Math.ceil((most * ids.length) / Math.max(1, total)))) kept.add(id)
  }
  return tables.map((held) =>
    held.map((table) => {
      const picked = Uint32Array.from(table.ids.keys()).filter((row) => kept.has(table.ids[row]!))
      return pickHeld(table, picked)
    })
  )
}

/** So many of the ids, by their order and not by that of a file: all files with the same ids keep the same. */
const spread = (ids: ReadonlyArray<string>, most: number): ReadonlyArray<string> => {
  const sorted = [...ids].sort()
  const count = Math.min(most, sorted.length)
  return Array.from({ length: count }, (_, i) => sorted[Math.floor((i * sorted.length) / count)]!)
}
