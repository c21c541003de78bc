/**
 * The joint table of a scenario as only its author can see it, on a machine that holds every user's files: the check
 * that the files fit together, and the training and test tables of the references. No party of a run uses this.
 */
import { Effect } from "effect"
import { CoverageError, checkCoverage } from "../protocol/data/coverage.ts"
import { type EncodedTable, featureCount, jointColumns } from "../protocol/data/encoding.ts"
import { assemble, type JointTable } from "../protocol/data/joint.ts"
import { digestIds, type JointRows, joinRows, type PlacedCells, placeCells } from "../protocol/data/rows.ts"
import { nearTexts } from "../protocol/data/spelling.ts"
import { shareHeldOut } from "./agreement.ts"
import { type LoadedScenario, type Problem, readFiles, ScenarioError } from "./load.ts"
import type { Scenario } from "./schema.ts"

/** What all users hold, each list in the order of the scenario's users. */
export interface CheckedData {
  readonly tables: ReadonlyArray<ReadonlyArray<EncodedTable>>
  /** Rows of the joint table, held-out rows included. */
  readonly rows: number
}

/** Reads the files of all users and checks that together they hold every cell exactly once. */
export const checkData = Effect.fn("Scenario.checkData")(function* (loaded: LoadedScenario) {
  const { scenario, file } = loaded
  const read = yield* Effect.forEach(scenario.users.keys(), (user) => readFiles(loaded, user))
  const unreadable = read.flatMap(({ problems }) => problems)
  if (unreadable.length > 0) return yield* new ScenarioError({ file, problems: unreadable })
  const tables = read.map((files) => files.tables)
  const rows = new Set(tables.flat().flatMap(({ ids }) => ids)).size
  const problems = [...coverageProblems(loaded, tables), ...testingProblems(loaded, tables)]
  if (problems.length > 0) return yield* new ScenarioError({ file, problems })
  const checked: CheckedData = { tables, rows }
  return checked
})

const coverageProblems = (
  { scenario, locate }: LoadedScenario,
  tables: ReadonlyArray<ReadonlyArray<EncodedTable>>
): ReadonlyArray<Problem> => {
  const ids = [...new Set(tables.flat().flatMap((table) => table.ids))].sort()
  const rowOf = new Map(ids.map((id, row) => [id, row]))
  try {
    checkCoverage(
      {
        rows: ids.length,
        columns: jointColumns(scenario.data).map(({ source }) => source),
        rowName: (row) => ids[row]!
      },
      scenario.users.map(({ name }, user) => ({
        user: name,
        blocks: tables[user]!.map((table) => ({
          rows: Uint32Array.from(table.ids, (id) => rowOf.get(id)!),
          columns: table.columns
        }))
      }))
    )
    return []
  } catch (error) {
    if (!(error instanceof CoverageError)) throw error
    const message = [error.message, ...spellingHints(ids)].join("\n")
    return [{ at: locate(["users"]), path: "users", message }]
  }
}

/** Ids that look like the same but are not: what is behind many a gap. */
const spellingHints = (ids: ReadonlyArray<string>): ReadonlyArray<string> => {
  const near = nearTexts(ids, 5)
  if (near.length === 0) return []
  return [
    "Ids are joined as exact texts. These differ only in their spelling; write them alike if they mean the same row:",
    ...near.map(({ one, other, difference }) => `  ${one} and ${other}, in ${difference}`)
  ]
}

/** A user can test alone only rows that it holds whole. */
const testingProblems = (
  { scenario, locate }: LoadedScenario,
  tables: ReadonlyArray<ReadonlyArray<EncodedTable>>
): ReadonlyArray<Problem> => {
  if (!scenario.reveal.includes("accuracy") || scenario.reveal.includes("heldOutRows")) return []
  const holder = new Map<string, number>()
  for (const [user, held] of tables.entries()) {
    for (const id of held.flatMap(({ ids }) => ids)) {
      const before = holder.get(id) ?? user
      if (before !== user) {
        const names = [before, user].map((index) => scenario.users[index]!.name).join(" and ")
        return [
          {
            at: locate(["reveal"]),
            path: "reveal",
            message: `the cells of row ${id} are spread over ${names}, so neither can test it alone; add heldOutRows, or leave accuracy out`
          }
        ]
      }
      holder.set(id, user)
    }
  }
  return []
}

/** The joint table in joint order, split into what is trained on and what is held out. */
export interface JoinedData {
  readonly rows: JointRows
  /** Where each user's cells belong, in the order of the scenario's users. */
  readonly placed: ReadonlyArray<PlacedCells>
  /** The tables themselves, put together anew each time: they may be large. */
  readonly training: () => JointTable
  readonly heldOut: () => JointTable
}

/** Joins the users' tables as a run with this salt does. */
export const joinData = (scenario: Scenario, { tables }: CheckedData, salt: Uint8Array): JoinedData => {
  const lists = tables.map((held) =>
    held.map(({ ids, heldOut = false }) => ({ digests: digestIds(salt, ids), heldOut }))
  )
  const rows = joinRows(lists.flat(), shareHeldOut(scenario))
  const placed = tables.map((held, user) =>
    placeCells(
      held,
      lists[user]!.map(({ digests }) => digests),
      rows
    )
  )
  const widths = { features: featureCount(scenario.data), labels: scenario.data.label.values.length }
  return {
    rows,
    placed,
    training: () =>
      assemble(
        placed.flatMap(({ training }) => training),
        { firstRow: 0, rows: rows.training, ...widths }
      ),
    heldOut: () =>
      assemble(
        placed.flatMap(({ heldOut }) => heldOut),
        { firstRow: rows.training, rows: rows.heldOut, ...widths }
      )
  }
}
