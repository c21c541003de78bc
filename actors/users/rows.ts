/**
 * How the users agree on the rows of the joint table while no cloud ever sees an id. They send each other digests
 * of the rows they hold (`join.ts`) and in which columns; each derives the same joint order. Every user checks that
 * each cell is held exactly once, and names the cells that are not by the ids it knows.
 */
import { Data, Effect } from "effect"
import { BlockOutside, CoverageError, checkCoverage } from "../../protocol/data/coverage.ts"
import { featureCount, jointColumns } from "../../protocol/data/description.ts"
import { encodeTable, type HeldTable, pickHeld } from "../../protocol/data/encoding.ts"
import { prepare, type Statistics, treatedCells } from "../../protocol/data/preparation.ts"
import {
  type CellBlock,
  digestSet,
  type JointRows,
  joinRows,
  MalformedRows,
  MarkedByOneOnly,
  type PlacedCells,
  pickDigests,
  placeCells,
  placesOutside
} from "../../protocol/data/rows.ts"
import { shown } from "../../protocol/data/spelling.ts"
import { InvalidPlan } from "../../protocol/learning/network.ts"
import { Declaration } from "../../protocol/messages/upload.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { type Agreement, displayName, feasiblePlan, isTested, partTimeoutMs } from "../party/agreement.ts"
import type { Gathering } from "../party/gathering.ts"
import { unchanged } from "../party/root.ts"
import { raised } from "../party/typed-throws.ts"
import { declaredOf, joinedTables, type joinOf } from "./join.ts"
import { type Declared, digestDeclared } from "./upload-digest.ts"

/** What the users have agreed on, as one of them sees it. */
export interface AgreedRows extends Joined {
  /** SHA-256 of what each user declares, in the order of the users: the rows follow from it. */
  readonly declared: ReadonlyArray<Uint8Array>
}

/** The rows with this user's cells of them, encoded. */
export interface PlacedRows extends AgreedRows {
  readonly placed: PlacedCells
  /** What the users have found out together of their columns, by which cells are encoded. */
  readonly statistics: Statistics
}

/** The users' tables do not make up the joint table. The rows are named in each user's own log only. */
export class RowsDoNotMatch extends Data.TaggedError("RowsDoNotMatch")<{
  readonly user: string
  /** Cells that no one holds. */
  readonly gapCells: number
  /** Cells that several blocks hold. */
  readonly overlapCells: number
}> {
  readonly retryable = false
  override get message(): string {
    return `The users' rows do not match: ${this.gapCells} cells are held by nobody and ${this.overlapCells} more than once; the event log of ${this.user} names the rows that it knows; correct the files or the scenario`
  }
}

/** The model is to be tested, and no row is left to test it on. */
export class NothingHeldOut extends Data.TaggedError("NothingHeldOut")<{
  readonly share: number
  readonly rows: number
}> {
  readonly retryable = false
  override get message(): string {
    return `heldOut: ${this.share} of ${this.rows} rows is no row, so nothing is left to test on; hold out more, or take accuracy and metrics out of reveal`
  }
}

type Join = Effect.Effect.Success<ReturnType<typeof joinOf>>

/** Declares to the others what this user holds, waits for their declarations, and joins the rows. */
export const agreeOnRows = (
  agreement: Agreement,
  tables: ReadonlyArray<HeldTable>,
  join: Join,
  declarations: Gathering<Declared>
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const held = joinedTables(agreement, tables)
    const digests = yield* join.digests(held)
    const own = declaredOf(agreement, held, digests)
    const ask = { deadlineMs: partTimeoutMs(agreement), phase: "upload" }
    const others = agreement.users.map(({ actor }) => actor).filter((actor) => actor !== party.name)
    yield* Effect.forEach(others, (other) => party.ask(other, Declaration, own, ask), {
      concurrency: "unbounded",
      discard: true
    })
    const received = yield* declarations.all(partTimeoutMs(agreement))
    const declared = new Map(others.map((other, i) => [other, received[i]!]))
    declared.set(party.name, own)
    yield* join.examine(declared)
    const joined = yield* raised(unfit, () =>
      joinDeclared(agreement, { tables: held, digests }, declared)
    ).pipe(
      Effect.catchTag("CoverageError", (error) =>
        // The ids stay in this user's own log: the error itself goes to the director.
        Effect.zipRight(
          Effect.logError(error.message),
          new RowsDoNotMatch({
            user: displayName(agreement, party.name),
            gapCells: error.gapCells,
            overlapCells: error.overlapCells
          })
        )
      )
    )
    const agreed: AgreedRows = { ...joined, declared: yield* sameAsBefore(agreement, declared) }
    return agreed
  }).pipe(Effect.withSpan("user.agreeOnRows"))

/** Encodes this user's cells of the rows that are agreed on. */
export const placeRows = (agreement: Agreement, rows: AgreedRows, statistics: Statistics): PlacedRows => {
  const prepared = prepare(agreement.data, statistics)
  const encoded = rows.own.tables.map((table) => encodeTable(prepared, table))
  return { ...rows, placed: placeCells(encoded, rows.own.digests, rows.joint), statistics }
}

/**
 * Tells the owner, in this user's own log and nowhere else, what becomes of cells and rows that cannot be taken as they are.
 */
export const logTreated = (
  agreement: Agreement,
  tables: ReadonlyArray<HeldTable>,
  { own }: AgreedRows,
  statistics: Statistics
) =>
  Effect.gen(function* () {
    const rowsIn = (some: ReadonlyArray<HeldTable>) => new Set(some.flatMap(({ ids }) => ids)).size
    const leftOut = rowsIn(tables) - rowsIn(own.tables)
    if (leftOut > 0) yield* Effect.logInfo(`${leftOut} rows are left out, since their label is missing`)
    const prepared = prepare(agreement.data, statistics)
    for (const { column, filled, clipped } of own.tables.flatMap((table) => treatedCells(prepared, table)))
      yield* Effect.logInfo(`cells of column ${shown(column)}: ${filled} filled, ${clipped} clipped`)
  })

/**
 * The digests of what the users declare, in their order. Fails if rows were agreed on before that anyone's word
 * has changed since: an upload of them may be under way, and the same cells would go to the clouds in two orders.
 */
const sameAsBefore = ({ users }: Agreement, declared: ReadonlyMap<string, Declared>) =>
  Effect.forEach(users, ({ actor, name }) =>
    Effect.gen(function* () {
      const digest = yield* digestDeclared(declared.get(actor)!)
      const what = `What ${name} declares to hold`
      yield* unchanged(`declared-by-${actor}`, what, Buffer.from(digest).toString("hex"))
      return digest
    })
  )

/** What may be wrong with the rows of all users together. */
const unfit = [
  MalformedRows,
  MarkedByOneOnly,
  CoverageError,
  BlockOutside,
  InvalidPlan,
  NothingHeldOut
] as const

/** A user's own tables, and the digests of their ids in the order of their rows. */
interface OwnTables {
  readonly tables: ReadonlyArray<HeldTable>
  readonly digests: ReadonlyArray<Uint8Array>
}

/** What follows from all declarations. */
interface Joined {
  readonly joint: JointRows
  /** This user's own tables without the rows that are left out. */
  readonly own: OwnTables
  /** The users that hold labels: the first that is there tests on pooled held-out rows. */
  readonly testers: ReadonlyArray<string>
  /** How many users hold training rows of each column of the files. */
  readonly contributors: ReadonlyMap<string, number>
}

const joinDeclared = (
  agreement: Agreement,
  held: OwnTables,
  declared: ReadonlyMap<string, Declared>
): Joined => {
  const out = leftOut(agreement, declared)
  const all = agreement.users.map(({ actor }) => ({
    actor,
    blocks: declared.get(actor)!.blocks.map((block) => ({
      ...block,
      digests: pickDigests(block.digests, placesOutside(block.digests, out))
    }))
  }))
  const own = ownWithout(held, out)
  const { tables, digests } = own
  const joint = joinRows(
    all.flatMap(({ blocks }) => blocks),
    agreement.heldOut,
    agreement.validation
  )
  const columns = jointColumns(agreement.data).map((column) => column.source)
  const placed = all.map(({ actor, blocks }) => ({
    user: displayName(agreement, actor),
    blocks: blocks.map((block) => ({
      rows: joint.indices(block.digests),
      columns: Uint32Array.from(block.columns)
    }))
  }))
  /** The id of a row if this user knows it; for errors only. */
  const idOf = (row: number) =>
    tables.flatMap(({ ids }, table) => ids[joint.indices(digests[table]!).indexOf(row)] ?? [])[0]
  checkCoverage(
    {
      rows: joint.total,
      columns,
      rowName: (row) => idOf(row) ?? `number ${row} (its id is known to its holders)`
    },
    placed
  )
  // Nobody has uploaded yet: what can't be trained or tested is found out here.
  feasiblePlan(agreement, joint.uploaded)
  if (isTested(agreement) && joint.heldOut === 0)
    throw new NothingHeldOut({ share: agreement.heldOut, rows: joint.total })
  const features = featureCount(agreement.data)
  const testers = all
    .filter(({ blocks }) => blocks.some((block) => block.columns.some((column) => column >= features)))
    .map(({ actor }) => actor)
  return { joint, own, testers, contributors: contributorsTo(columns, joint, placed) }
}

/** By column of the files, how many users hold training rows of it. */
const contributorsTo = (
  columns: ReadonlyArray<string>,
  { training }: JointRows,
  users: ReadonlyArray<{ readonly blocks: ReadonlyArray<CellBlock> }>
): ReadonlyMap<string, number> => {
  const contributors = new Map<string, number>()
  for (const { blocks } of users) {
    const trained = blocks.filter(({ rows }) => rows.some((row) => row < training))
    for (const column of new Set(trained.flatMap((block) => Array.from(block.columns, (at) => columns[at]!))))
      contributors.set(column, (contributors.get(column) ?? 0) + 1)
  }
  return contributors
}

const ownWithout = ({ tables, digests }: OwnTables, out: ReadonlySet<string>): OwnTables => {
  if (out.size === 0) return { tables, digests }
  const kept = digests.map((each) => placesOutside(each, out))
  return {
    tables: tables.map((table, i) => pickHeld(table, kept[i]!)),
    digests: digests.map((each, i) => pickDigests(each, kept[i]!))
  }
}

/** The rows that a user leaves out, whose labels it should hold. Throws `MalformedRows` where it holds others' only. */
const leftOut = (
  { data, users }: Agreement,
  declared: ReadonlyMap<string, Declared>
): ReadonlySet<string> => {
  const features = featureCount(data)
  return new Set(
    users.flatMap(({ actor, name }) => {
      const { blocks, leftOut = new Uint8Array(0) } = declared.get(actor)!
      const labelled = blocks.filter(({ columns }) => columns.some((column) => column >= features))
      const own = new Set(labelled.flatMap(({ digests }) => [...digestSet(digests)]))
      const out = [...digestSet(leftOut)]
      if (out.every((digest) => own.has(digest))) return out
      throw new MalformedRows({ reason: `${name} leaves out rows of which it does not hold the label` })
    })
  )
}
