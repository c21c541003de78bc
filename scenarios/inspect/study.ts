/**
 * How the files of several owners fit together as one table: by rows, where all have the same columns, or by
 * columns, where they have the same ids. It is found out from the names and types of their columns, and from
 * ids where the files are at hand.
 */
import { Data } from "effect"
import { isIdName } from "./column-profile.ts"
import { type ColumnType, merged } from "./column-type.ts"
import type { LeftOut } from "./proposals.ts"

/** A file of the study, and who holds it. */
export interface StudyFile {
  readonly owner: string
  /** As the scenario will name it. */
  readonly file: string
  readonly types: ReadonlyArray<ColumnType>
  /** Whether the file names its columns; rows of one that does not are numbered. */
  readonly named: boolean
  /** The values that are known of a column; undefined where the file is not at hand. */
  readonly kept?: ((column: string) => ReadonlySet<string>) | undefined
}

/** `parts`: one file, whose rows are dealt to several owners. */
export type Split = "rows" | "columns" | "parts"

export interface Study {
  readonly split: Split
  readonly files: ReadonlyArray<StudyFile>
  /** The column by which rows are joined; undefined where they are numbered. */
  readonly id: string | undefined
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

/** How files fit together; `id` says the column of the ids. */
export const studyOf = (files: ReadonlyArray<StudyFile>, id?: string): Study | FilesDoNotFit => {
  const names = files.map(({ types }) => types.map(({ name }) => name))
  const common = names[0]!.filter((name) => names.every((own) => own.includes(name)))
  if (id !== undefined && !common.includes(id))
    return new FilesDoNotFit({ reason: `not all files have the column ${id}; give an id that all have` })
  const candidates = idCandidates(files.map(({ types }) => types))
  const found = id ?? candidates[0]
  const split = splitOf(files, names, common, found)
  if (split instanceof FilesDoNotFit) return split
  const isNumbered =
    split !== "columns" && (found === undefined || (id === undefined && repeats(files, found)))
  const ids = new Set(isNumbered ? candidates.slice(0, 1) : [found])
  const own = { files, split, id: isNumbered ? undefined : found, idCandidates: candidates }
  return split === "columns" ? byColumns(own, ids) : byRows(own, common, ids)
}

type Own = Pick<Study, "files" | "id" | "idCandidates" | "split">

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
  if (id !== undefined && (areAtHand ? shareIds(files, id) : others.length < 2)) return "columns"
  if (others.length >= 2) return "rows"
  return new FilesDoNotFit({
    reason: `${files.map(({ file }) => file).join(" and ")} are no one table: they have neither the same columns, as where each has other rows, nor a column of ids in common, as where each has other columns of the same rows; give the files of one table${id === undefined ? ", or the column of the ids" : ""}`
  })
}

/** Whether each file has rows that the first has too. */
const shareIds = (files: ReadonlyArray<StudyFile>, id: string): boolean => {
  const [first, ...others] = files.map(({ kept }) => kept?.(id) ?? new Set<string>())
  return others.every((ids) => [...ids].some((each) => first!.has(each)))
}

/** Groups of files that are one table each, in the order of the files. */
export const tablesAmong = (files: ReadonlyArray<StudyFile>): ReadonlyArray<ReadonlyArray<StudyFile>> => {
  const groups: Array<Array<StudyFile>> = []
  for (const file of files) {
    const group = groups.find((own) => !(studyOf([...own, file]) instanceof FilesDoNotFit))
    if (group === undefined) groups.push([file])
    else group.push(file)
  }
  return groups
}

/** Whether files that have other rows have the same ids, as where each of them counts from one. */
const repeats = (files: ReadonlyArray<StudyFile>, id: string): boolean =>
  files.some((file, index) => files.slice(index + 1).some((other) => shareIds([file, other], id)))

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
      leftOut.push({ column: name, reason: type })
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

const once = (leftOut: ReadonlyArray<LeftOut>): ReadonlyArray<LeftOut> => [
  ...new Map(leftOut.map((each) => [each.column, each])).values()
]

/** Names that a user can't have, since other parties have them. */
const reserved = /^(kgc|cloud[01]|director|user\d+)$/

/** Whether a text can be the name of a user or of a scenario. */
export const isUserName = (text: string): boolean =>
  /^[a-z][a-z0-9-]{0,39}$/.test(text) && !reserved.test(text)

/** A name of a user, or of a scenario, from that of a file or a folder. */
export const nameOf = (path: string, otherwise: string): string => {
  const base = path
    .replace(/^.*[/\\]/, "")
    .replace(/\.(gz|csv|tsv|txt|tab|dat|parquet|pq|idx|part|yaml|yml)\b.*$/i, "")
    .normalize("NFKD")
    .replace(/\p{Mark}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
  const name = (/^[a-z]/.test(base) ? base : `${otherwise}-${base}`).slice(0, 40).replace(/-+$/, "")
  return reserved.test(name) ? `${otherwise}-${name}` : name
}

/** The same names, each made different from those before it. */
export const distinctNames = (names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const taken = new Set<string>()
  return names.map((name) => {
    let own = name
    for (let number = 2; taken.has(own); number++) own = `${name.slice(0, 36)}-${number}`
    taken.add(own)
    return own
  })
}
