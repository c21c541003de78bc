/**
 * The joint table of a scenario as only its author can see it, on a machine that holds every user's files:
 * the check that the files fit together, and the training and test tables of the references. No party of a
 * run uses this.
 */
import { Effect } from "effect"
import { pickRows } from "../../protocol/data/cells.ts"
import { CoverageError, checkCoverage } from "../../protocol/data/coverage.ts"
import {
  type DataDescription,
  featureCount,
  jointColumns,
  labelCount,
  type Prepared
} from "../../protocol/data/description.ts"
import { type EncodedTable, encodeTable, type HeldTable } from "../../protocol/data/encoding.ts"
import { assemble, type JointTable } from "../../protocol/data/joint.ts"
import {
  needsStatistics,
  noStatistics,
  prepare,
  type Statistics,
  statisticsNeeded
} from "../../protocol/data/preparation.ts"
import {
  type FilledBlock,
  type JointRows,
  joinRows,
  leaveOut,
  type PlacedCells,
  placeCells
} from "../../protocol/data/rows.ts"
import { type NearTexts, nearTexts, shown } from "../../protocol/data/spelling.ts"
import { TextIndex } from "../../protocol/data/text-index.ts"
import { type OwnCells, statisticsOf, trainingCells } from "../../protocol/statistics/statistics.ts"
import { describePath, type Problem, ScenarioError } from "../text/problems.ts"
import { counted } from "../text/units.ts"
import { isTested, shareHeldOut } from "./agreement.ts"
import type { Inconsistency } from "./inconsistency.ts"
import { type LoadedScenario, problemsOf, readFiles } from "./load.ts"
import { planProblems } from "./plan-problem.ts"
import type { Scenario } from "./schema.ts"

/** What all users hold, each list in the order of the scenario's users. */
export interface CheckedData {
  readonly tables: ReadonlyArray<ReadonlyArray<HeldTable>>
  /** Rows of the joint table, held-out rows included. */
  readonly rows: number
  /** Rows that no user uploads, since their label is missing. */
  readonly leftOut: number
}

/** Reads the files of all users and checks that together they hold every cell exactly once. */
export const checkData = Effect.fn("Scenario.checkData")(function* (loaded: LoadedScenario) {
  const { scenario, file } = loaded
  const read = yield* Effect.forEach(scenario.users.keys(), (user) => readFiles(loaded, user))
  const unreadable = problemsOf(loaded, read)
  if (unreadable.length > 0) return yield* new ScenarioError({ file, problems: unreadable })
  const all = read.map((files) => files.tables)
  const tables = leaveOut(all)
  const numbered = numberIds(tables)
  const { rows } = numbered
  const unfit = [...coverageProblems(loaded, tables, numbered), ...markingProblems(loaded, tables)]
  // How many rows are for what is known only where they fit together.
  const problems = [
    ...unfit,
    ...testingProblems(loaded, tables, numbered),
    ...(unfit.length > 0 ? [] : sizeProblems(loaded, tables, rows))
  ]
  if (problems.length > 0) return yield* new ScenarioError({ file, problems })
  const areWhole = all.flat().every(({ unlabelled }) => unlabelled.length === 0)
  const leftOut = areWhole ? 0 : numberIds(all).rows - rows
  const checked: CheckedData = { tables: all, rows, leftOut }
  return checked
})

/** The ids of all tables as numbers, each different one once, so that a million of them are compared quickly. */
interface NumberedIds {
  /** How many different ids there are. */
  readonly rows: number
  /** Of each user's tables the numbers, in the order of their ids. */
  readonly numbers: ReadonlyArray<ReadonlyArray<Uint32Array>>
}

/** `first` are numbered before all others. */
const numberIds = (tables: CheckedData["tables"], first: ReadonlyArray<string> = []): NumberedIds => {
  const index = new TextIndex()
  for (const id of first) index.numberOf(id)
  const numbers = tables.map((held) =>
    held.map(({ ids }) => Uint32Array.from(ids, (id) => index.numberOf(id)))
  )
  return { rows: index.size, numbers }
}

const coverageProblems = (
  loaded: LoadedScenario,
  tables: CheckedData["tables"],
  numbered: NumberedIds
): ReadonlyArray<Problem> => {
  if (coverageFault(loaded, tables, numbered) === undefined) return []
  // Rows are named in the order of their ids.
  const ids = [...new Set(tables.flat().flatMap((table) => table.ids))].sort()
  const fault = coverageFault(loaded, tables, numberIds(tables, ids), ids)!
  const message = [fault.message, ...spellingHints(ids)].join("\n")
  return [{ at: loaded.locate(["users"]), path: "users", message }]
}

const coverageFault = (
  { scenario }: LoadedScenario,
  tables: CheckedData["tables"],
  { rows, numbers }: NumberedIds,
  names: ReadonlyArray<string> = []
): CoverageError | undefined => {
  const columns = jointColumns(scenario.data).map(({ source }) => source)
  const declared = scenario.users.map(({ name }, user) => ({
    user: name,
    blocks: tables[user]!.map(({ columns }, table) => ({ rows: numbers[user]![table]!, columns }))
  }))
  try {
    checkCoverage({ rows, columns, rowName: (row) => names[row] ?? `${row}` }, declared)
    return undefined
  } catch (error) {
    if (!(error instanceof CoverageError)) throw error
    return error
  }
}

/** Rows that are named in an error about them. */
const mostNamed = 5

/** A row's cells must be for the test in every file that has some of them, or in none. */
const markingProblems = (
  { scenario, locate }: LoadedScenario,
  tables: CheckedData["tables"]
): ReadonlyArray<Problem> => {
  const holdings = tables.flatMap((held, user) =>
    held.map(({ ids, heldOut = false }, holding) => ({ user, holding, ids, heldOut }))
  )
  if (!holdings.some(({ heldOut }) => heldOut)) return []
  const unmarked = new Map<string, { readonly user: number; readonly holding: number }>()
  for (const { ids, heldOut, ...place } of holdings)
    if (!heldOut) for (const id of ids) unmarked.set(id, place)
  const fileOf = ({ user, holding }: { readonly user: number; readonly holding: number }) =>
    `${scenario.users[user]!.holds[holding]!.file} of user ${scenario.users[user]!.name}`
  return holdings.flatMap(({ ids, heldOut, ...place }) => {
    const torn = heldOut ? ids.filter((id) => unmarked.has(id)) : []
    if (torn.length === 0) return []
    const path = ["users", place.user, "holds", place.holding, "heldOut"]
    const named = torn.slice(0, mostNamed).map((id) => `${shown(id)} (also in ${fileOf(unmarked.get(id)!)})`)
    const more = torn.length > mostNamed ? `, and ${torn.length - mostNamed} more` : ""
    const rows = torn.length === 1 ? "row" : "rows"
    return [
      {
        at: locate(path),
        path: describePath(path),
        message: `${fileOf(place)} is marked as held out, but other cells of its ${rows} ${named.join(", ")}${more} are in a file that is not; mark both files or neither`
      }
    ]
  })
}

/**
 * There must be rows to train on, as many as a batch has, and where the model is tested rows to test
 * on.
 */
const sizeProblems = (
  { scenario, locate }: LoadedScenario,
  tables: ReadonlyArray<ReadonlyArray<HeldTable>>,
  rows: number
): ReadonlyArray<Problem> => {
  const { heldOut: share } = scenario
  const marked = new Set(tables.flat().flatMap(({ ids, heldOut }) => (heldOut ? ids : []))).size
  const heldOut = marked + Math.floor(shareHeldOut(scenario) * (rows - marked))
  const problems = planProblems(scenario, rows - heldOut)
  if (heldOut > 0 || rows === 0 || !isTested(scenario)) return placed(locate, problems)
  // A file that is marked has a row, so it is the share that comes to none.
  const message = `${share} of ${counted(rows, "row")} is no row, so nothing is left to test on; ${rows === 1 ? "bring more rows" : `hold out at least ${leastShare(rows)}`}, or take accuracy and metrics out of reveal`
  return placed(locate, [{ path: ["heldOut"], message }, ...problems])
}

/** The smallest share of this many rows that is a whole row, in few digits. */
const leastShare = (rows: number): number => {
  const digits = Math.ceil(Math.log10(rows)) + 1
  return Math.ceil(10 ** digits / rows) / 10 ** digits
}

const placed = (
  locate: LoadedScenario["locate"],
  problems: ReadonlyArray<Inconsistency>
): ReadonlyArray<Problem> =>
  problems.map(({ path, message }) => ({ at: locate(path), path: describePath(path), message }))

/** Ids that look like the same but are not: what is behind many a gap. */
const spellingHints = (ids: ReadonlyArray<string>): ReadonlyArray<string> => {
  const near = nearTexts(ids, 5)
  if (near.length === 0) return []
  return [
    "Ids are joined as exact texts. These differ only in their spelling; write them alike if they mean the same row:",
    ...near.map(({ one, other, difference }) => `  ${shown(one)} and ${shown(other)}, in ${difference}`)
  ]
}

/** A user can test alone only rows that it holds whole. */
const testingProblems = (
  { scenario, locate }: LoadedScenario,
  tables: CheckedData["tables"],
  { rows, numbers }: NumberedIds
): ReadonlyArray<Problem> => {
  if (!isTested(scenario) || scenario.reveal.includes("heldOutRows")) return []
  const nobody = -1
  const holder = new Int32Array(rows).fill(nobody)
  for (const [user, held] of numbers.entries()) {
    for (const [table, ofTable] of held.entries()) {
      const torn = ofTable.findIndex((row) => holder[row] !== nobody && holder[row] !== user)
      if (torn >= 0) {
        const names = [holder[ofTable[torn]!]!, user]
          .map((index) => scenario.users[index]!.name)
          .join(" and ")
        return [
          {
            at: locate(["reveal"]),
            path: "reveal",
            message: `the cells of row ${shown(tables[user]![table]!.ids[torn]!)} are spread over ${names}, so neither can test it alone; add heldOutRows, or leave accuracy and metrics out`
          }
        ]
      }
      for (const row of ofTable) holder[row] = user
    }
  }
  return []
}

/** The joint table in joint order, split into what is trained on and what is held out. */
export interface JoinedData {
  readonly rows: JointRows
  /** What becomes of each cell. */
  readonly prepared: Prepared
  /** Where each user's cells belong, in the order of the scenario's users. */
  readonly placed: ReadonlyArray<PlacedCells>
  /**
   * The tables themselves, put together anew each time: they may be large. Rows to validate on are the last of those
   * that are uploaded to train.
   */
  readonly training: () => JointTable
  readonly heldOut: () => JointTable
  /** Ids that look like the same and are different rows, some of them. */
  readonly nearIds: () => ReadonlyArray<NearTexts>
  /** The given training rows only, ascending. */
  readonly trainingRows: (rows: Uint32Array) => JointTable
}

/** The users' tables as they are joined, each list in the order of the users. */
export interface JoinedTables {
  readonly rows: JointRows
  /** As the users find them among themselves. */
  readonly statistics: Statistics
  readonly prepared: Prepared
  /** Without the rows that are left out. */
  readonly tables: ReadonlyArray<ReadonlyArray<EncodedTable>>
  /** Of the ids of each table. */
  readonly digests: ReadonlyArray<ReadonlyArray<Uint8Array>>
  /** Each user's training cells of the columns that need statistics, as they were read. */
  readonly summed: ReadonlyArray<OwnCells>
}

/** What of a scenario or an agreement says how tables are joined. */
interface JoinOutline {
  readonly data: DataDescription
  readonly heldOut: number
  readonly validation?: number
}

/**
 * Joins all tables as a run does in which ids have these digests, of 16 bytes each. Throws `NoValues` and
 * `ValueTooLarge` where a column has no statistics.
 */
export const joinTables = (
  { data, heldOut: share, validation }: JoinOutline,
  all: ReadonlyArray<ReadonlyArray<HeldTable>>,
  digestsOf: (ids: ReadonlyArray<string>) => Uint8Array
): JoinedTables => {
  const held = leaveOut(all)
  const digests = held.map((tables) => tables.map(({ ids }) => digestsOf(ids)))
  const rows = joinRows(
    held.flatMap((tables, user) =>
      tables.map(({ heldOut = false }, i) => ({ digests: digests[user]![i]!, heldOut }))
    ),
    share,
    validation
  )
  const needed = statisticsNeeded(data)
  const summed = held.map((tables, user) => trainingCells(needed, tables, digests[user]!, rows))
  const statistics = needsStatistics(data) ? statisticsOf(needed, summed, rows.training) : noStatistics
  const prepared = prepare(data, statistics)
  const tables = held.map((own) => own.map((table) => encodeTable(prepared, table)))
  return { rows, statistics, prepared, tables, digests, summed }
}

/** Joins the users' tables as a run does in which ids have these digests. */
export const joinData = (
  scenario: Scenario,
  data: Pick<CheckedData, "tables">,
  digestsOf: (ids: ReadonlyArray<string>) => Uint8Array
): JoinedData => {
  const { data: columns, validation } = scenario
  const outline = { data: columns, heldOut: shareHeldOut(scenario), validation }
  const { rows, prepared, tables, digests } = joinTables(outline, data.tables, digestsOf)
  const placed = tables.map((held, user) => placeCells(held, digests[user]!, rows))
  const widths = { features: featureCount(scenario.data), labels: labelCount(scenario.data) }
  return {
    rows,
    prepared,
    placed,
    training: () =>
      assemble(
        placed.flatMap(({ training }) => training),
        { firstRow: 0, rows: rows.uploaded, ...widths }
      ),
    nearIds: () => likelyTheSame(tables.flat().map(({ ids }) => ids)),
    heldOut: () =>
      assemble(
        placed.flatMap(({ heldOut }) => heldOut),
        { firstRow: rows.uploaded, rows: rows.heldOut, ...widths }
      ),
    trainingRows: (some) => {
      const kept = placed.flatMap(({ training }) => training).map((block) => rowsOf(block, some))
      return assemble(kept, { firstRow: 0, rows: some.length, ...widths })
    }
  }
}

/** More ids than these are not looked at for what is only a hint. */
const mostCompared = 200_000

/** Where underscores part numbers, `1_11` is not meant to be `11_1`. */
const likelyTheSame = (lists: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<NearTexts> =>
  lists.reduce((sum, { length }) => sum + length, 0) > mostCompared
    ? []
    : nearTexts(
        lists.flat().filter((id) => !id.includes("_")),
        3
      )

/** The part of a block that is of some rows, ascending, which get their places among those. */
const rowsOf = ({ rows, columns, cells }: FilledBlock, some: Uint32Array): FilledBlock => {
  const kept: Array<number> = []
  const places: Array<number> = []
  let at = 0
  some.forEach((row, place) => {
    while (at < rows.length && rows[at]! < row) at++
    if (rows[at] !== row) return
    kept.push(at)
    places.push(place)
  })
  return { rows: Uint32Array.from(places), columns, cells: pickRows(cells, Uint32Array.from(kept)) }
}
