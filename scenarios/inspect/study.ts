/**
 * How the files of several owners fit together as one table: by rows, where all have the same columns; by columns, where
 * they have the same ids; or by both, where groups of them with the same columns have the same ids together. It is found out from the names and types of their columns, and from
 * ids where the files are at hand.
 */
import { Data } from "effect"
import { nearTexts, shown } from "../../protocol/data/spelling.ts"
import { counted, listed } from "../text/units.ts"
import { isIdName } from "./column-profile.ts"
import { type ColumnType, merged } from "./column-type.ts"
import { alignNames } from "./names.ts"
import type { LeftOut } from "./proposals.ts"
import type { StudyFile } from "./study-file.ts"
import { mostCompared } from "./value-counts.ts"

/**
 * `parts`: one file, whose rows are dealt to several owners. `mixed`: some have the same columns of other rows, and others
 * have other columns of all these rows.
 */
export type Split = "rows" | "columns" | "mixed" | "parts"

export interface Study {
  readonly split: Split
  readonly files: ReadonlyArray<StudyFile>
  /** The column by which rows are joined; undefined where they are numbered. */
  readonly id: string | undefined
  /** Why rows are numbered, where they are. */
  readonly numbered?: string
  /** Columns that may be the id. */
  readonly idCandidates: ReadonlyArray<string>
  /** All columns but the ids, in the order of the files. */
  readonly columns: ReadonlyArray<ColumnType>
  /** The columns that each file contributes. */
  readonly held: ReadonlyArray<ReadonlyArray<string>>
  readonly leftOut: ReadonlyArray<LeftOut>
}

/** Files that are no one table. */
export class FilesDoNotFit extends Data.TaggedError("FilesDoNotFit")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return this.reason
  }
}

/** Columns that all files have and that may be their id, the likeliest first. */
export const idCandidates = (files: ReadonlyArray<ReadonlyArray<ColumnType>>): ReadonlyArray<string> => {
  const [first = []] = files
  const isId = (types: ReadonlyArray<ColumnType>, name: string) =>
    types.some((type) => type.name === name && type.type === "id")
  const able = first.map(({ name }) => name).filter((name) => files.every((types) => isId(types, name)))
  const rank = (name: string) => (name === "id" ? 0 : isIdName(name) ? 1 : 2)
  return [...able].sort((a, b) => rank(a) - rank(b))
}

/** Owners with the same columns have the same ids: their rows may be the same too. */
export class SharedIds extends Data.TaggedError("SharedIds")<{
  readonly column: string
  readonly files: readonly [string, string]
  readonly count: number
  /** Whether the ids could be numbers instead: not where they join other columns too. */
  readonly mayBeNumbered: boolean
}> {
  readonly retryable = false
  override get message(): string {
    const otherwise = this.mayBeNumbered
      ? "--number-rows, or another column as --id"
      : "them ids of their own"
    return `${describeShared(this)}: a row that two owners have is to be held by one of them, so take it out of one file; if they are different rows, give ${otherwise}`
  }
}

/** `12 ids in the column id are in both north.csv and south.csv, which have the same columns` */
export const describeShared = ({
  column,
  count,
  files
}: Pick<SharedIds, "column" | "count" | "files">): string =>
  `${counted(count, "id")} in the column ${shown(column)} ${count === 1 ? "is" : "are"} in both ${files.join(" and ")}, which have the same columns`

/** A file with ids that others do not have, and where they are. */
interface Lacking {
  readonly file: string
  readonly unit: "line" | "row"
  readonly places: ReadonlyArray<number>
}

/** Owners of other columns of the same rows do not have the same rows. */
export class UnsharedIds extends Data.TaggedError("UnsharedIds")<{
  readonly column: string
  readonly lacking: ReadonlyArray<Lacking>
  /** What some of these ids differ in from others. */
  readonly difference: string | undefined
}> {
  readonly retryable = false
  override get message(): string {
    const { column, difference, lacking } = this
    const counts = lacking.map(describeLacking).join(" and ")
    const hint =
      difference === undefined
        ? ""
        : ` (ids are compared as exact texts, and some differ only in ${difference})`
    return `the files hold other columns of the same rows, joined by ${shown(column)}, but ${counts} are not in all of them${hint}; take the rows out that not all owners have, or correct the ids; if the files have other rows each, give --number-rows`
  }
}

/** `3 ids of line.csv (on lines 5, 9, 40)` */
const describeLacking = ({ file, places, unit }: Lacking): string => {
  const where = listed(places.map(String))
  return `${counted(places.length, "id")} of ${file} (${unit === "line" ? "on " : ""}${unit}${places.length === 1 ? "" : "s"} ${where})`
}

/** What is said of the ids. */
export interface IdWishes {
  /** The column of the ids. */
  readonly id?: string | undefined
  /** Whether rows are numbered, whatever ids the files have. */
  readonly numbersRows?: boolean | undefined
}

/** How files fit together. */
export const studyOf = (
  files: ReadonlyArray<StudyFile>,
  { id, numbersRows = false }: IdWishes = {}
): Study | FilesDoNotFit | SharedIds | UnsharedIds => {
  const names = files.map(({ types }) => types.map(({ name }) => name))
  const common = names[0]!.filter((name) => names.every((own) => own.includes(name)))
  if (id !== undefined && !common.includes(id))
    return new FilesDoNotFit({
      reason: `not all files have the column ${shown(id)}; give an id that all have, or call the column of the ids alike in all files`
    })
  const candidates = idCandidates(files.map(({ types }) => types))
  const found = id ?? candidates[0]
  const split = splitOf(files, names, common, numbersRows ? undefined : found)
  if (split instanceof FilesDoNotFit) return split
  if (split === "columns") {
    const unshared =
      found === undefined
        ? undefined
        : unsharedIds(
            files.map((file) => [file]),
            found
          )
    return unshared ?? byColumns({ files, split, idCandidates: candidates, id: found }, new Set([found]))
  }
  if (split === "mixed") return byBoth({ files, split, idCandidates: candidates, id: found! }, found!)
  const shared = found === undefined || numbersRows ? undefined : sharedIds(files, found, true)
  const counts = found !== undefined && files.every(({ countsRows }) => countsRows?.(found) ?? false)
  if (shared !== undefined && (id !== undefined || !counts)) return shared
  const numbered = numbersRows
    ? "as was said"
    : found === undefined
      ? "since no column has ids"
      : shared !== undefined
        ? `since ${shown(found)} counts the rows of each file anew`
        : undefined
  const own: Own = { files, split, idCandidates: candidates, id: numbered === undefined ? found : undefined }
  return byRows(
    numbered === undefined ? own : { ...own, numbered },
    common,
    new Set(numbersRows ? [] : [found])
  )
}

type Own = Pick<Study, "files" | "id" | "idCandidates" | "numbered" | "split">

const splitOf = (
  files: ReadonlyArray<StudyFile>,
  names: ReadonlyArray<ReadonlyArray<string>>,
  common: ReadonlyArray<string>,
  id: string | undefined
): Split | FilesDoNotFit => {
  if (files.length === 1) return "parts"
  const others = common.filter((name) => name !== id)
  const isSame = names.every((own) => own.length === common.length)
  if (isSame && others.length > 0) return "rows"
  if (files.every(({ named }) => !named)) return "columns"
  const areAtHand = files.every(({ kept }) => kept !== undefined)
  const groups = groupsOf(files)
  if (id !== undefined && groups.length > 1 && groups.length < files.length && others.length < 2) {
    const tables = groups.map((group) => asOne(group))
    if (!areAtHand || shareIds(tables, id)) return "mixed"
  }
  if (id !== undefined && (areAtHand ? shareIds(files, id) : others.length < 2)) return "columns"
  if (others.length >= 2) return "rows"
  const near = alignNames(files).told.map((each) => `\n${each}`)
  return new FilesDoNotFit({
    reason: `${files.map(({ file }) => file).join(" and ")} are no one table: they have neither the same columns, as where each has other rows, nor a column of ids in common, as where each has other columns of the same rows; give the files of one table${id === undefined ? ", or call the column of the ids alike in all of them" : ""}${near.join("")}`
  })
}

/** The files with the same columns, in the order of the files. */
const groupsOf = (files: ReadonlyArray<StudyFile>): ReadonlyArray<ReadonlyArray<StudyFile>> => {
  const groups = new Map<string, Array<StudyFile>>()
  for (const file of files) {
    const columns = JSON.stringify(file.types.map(({ name }) => name).sort())
    const group = groups.get(columns)
    if (group === undefined) groups.set(columns, [file])
    else group.push(file)
  }
  return [...groups.values()]
}

/** Files with the same columns of other rows as if they were one. */
const asOne = (group: ReadonlyArray<StudyFile>): StudyFile => ({
  ...group[0]!,
  owner: group.map(({ owner }) => owner).join(" and "),
  file: group.map(({ file }) => file).join(" and "),
  kept: group.every(({ kept }) => kept !== undefined)
    ? (column) => new Map(group.flatMap((file) => [...idsOf(file, column)]))
    : undefined
})

/** Whether each file has rows that the first has too. */
const shareIds = ([first, ...others]: ReadonlyArray<StudyFile>, id: string): boolean =>
  others.every((file) => countShared(idsOf(file, id), idsOf(first!, id)) > 0)

/** Groups of files that are one table each, in the order of the files. */
export const tablesAmong = (files: ReadonlyArray<StudyFile>): ReadonlyArray<ReadonlyArray<StudyFile>> => {
  const groups: Array<Array<StudyFile>> = []
  for (const file of files) {
    const group = groups.find((own) => !(studyOf(alignNames([...own, file]).files) instanceof FilesDoNotFit))
    if (group === undefined) groups.push([file])
    else group.push(file)
  }
  return groups
}

/** The first two files that have some of the same ids, though they have other rows. */
const sharedIds = (
  files: ReadonlyArray<StudyFile>,
  column: string,
  mayBeNumbered: boolean
): SharedIds | undefined => {
  for (const [index, file] of files.entries())
    for (const other of files.slice(index + 1)) {
      const count = countShared(idsOf(file, column), idsOf(other, column))
      if (count > 0) return new SharedIds({ column, files: [file.file, other.file], count, mayBeNumbered })
    }
  return undefined
}

/** Ids, and their lines or rows. */
type Ids = ReadonlyMap<string, number>

const countShared = (one: Ids, other: Ids): number =>
  [...one.keys()].reduce((sum, id) => (other.has(id) ? sum + 1 : sum), 0)

const idsOf = ({ kept }: StudyFile, column: string): Ids => kept?.(column) ?? new Map()

/** The ids that not all tables have, though they have other columns of the same rows; a table may have several files. */
const unsharedIds = (
  tables: ReadonlyArray<ReadonlyArray<StudyFile>>,
  column: string
): UnsharedIds | undefined => {
  const files = tables.flat()
  if (files.some(({ kept, named }) => kept === undefined || !named)) return undefined
  const all = tables.map((own) => idsOf(asOne(own), column))
  // Of so many not all are kept.
  if (all.some(({ size }) => size >= mostCompared)) return undefined
  const unshared = files.map((file) =>
    [...idsOf(file, column)].filter(([id]) => !all.every((others) => others.has(id)))
  )
  const lacking = files.flatMap(({ file, isRenamable }, index): ReadonlyArray<Lacking> => {
    const places = unshared[index]!.map(([, place]) => place)
    return places.length === 0 ? [] : [{ file, unit: isRenamable ? "line" : "row", places }]
  })
  if (lacking.length === 0) return undefined
  const [near] = nearTexts(new Set(unshared.flat().map(([id]) => id)), 1)
  return new UnsharedIds({ column, lacking, difference: near?.difference })
}

const byRows = (own: Own, common: ReadonlyArray<string>, ids: ReadonlySet<string | undefined>): Study => {
  const { files } = own
  const leftOut: Array<LeftOut> = []
  for (const { owner, types } of files)
    for (const { name } of types)
      if (!common.includes(name))
        leftOut.push({ column: name, reason: `is not in all files: ${owner} has it` })
  const columns = common
    .filter((name) => !ids.has(name))
    .flatMap((name) => {
      const type = merged(files.map(({ owner, types }) => [owner, types.find((each) => each.name === name)!]))
      if (typeof type !== "string") return [type]
      leftOut.push({ column: name, reason: type, isContested: true })
      return []
    })
  const held = files.map(() => columns.map(({ name }) => name))
  return { ...own, columns, held, leftOut: once(leftOut) }
}

const byColumns = (own: Own, ids: ReadonlySet<string | undefined>): Study => {
  const taken = new Map<string, string>()
  const leftOut: Array<LeftOut> = []
  const columns: Array<ColumnType> = []
  const held = own.files.map(({ owner, types }) =>
    types.flatMap((type) => {
      if (ids.has(type.name)) return []
      const before = taken.get(type.name)
      if (before !== undefined) {
        leftOut.push({ column: type.name, reason: `is taken from ${before}, though ${owner} has it too` })
        return []
      }
      taken.set(type.name, owner)
      columns.push(type)
      return [type.name]
    })
  )
  return { ...own, columns, held, leftOut }
}

/** Groups of owners with the same columns of other rows are joined by columns with each other. */
const byBoth = (own: Own, id: string): Study | SharedIds | UnsharedIds => {
  const ids = new Set([id])
  const groups = groupsOf(own.files)
  for (const group of groups) {
    const shared = sharedIds(group, id, false)
    if (shared !== undefined) return shared
  }
  const unshared = unsharedIds(groups, id)
  if (unshared !== undefined) return unshared
  const tables = groups.map((files) => {
    const common = files[0]!.types.map(({ name }) => name)
    return { files, study: byRows({ ...own, files }, common, ids) }
  })
  const joined = byColumns(
    { ...own, files: tables.map(({ files, study }) => ({ ...asOne(files), types: study.columns })) },
    ids
  )
  const held = new Map(
    tables.flatMap(({ files }, at) => files.map((file) => [file, joined.held[at]!] as const))
  )
  return {
    ...joined,
    files: own.files,
    held: own.files.map((file) => held.get(file)!),
    leftOut: once([...tables.flatMap(({ study }) => study.leftOut), ...joined.leftOut])
  }
}

const once = (leftOut: ReadonlyArray<LeftOut>): ReadonlyArray<LeftOut> => [
  ...new Map(leftOut.map((each) => [each.column, each])).values()
]
