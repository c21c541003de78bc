/** Names of columns that owners write in different ways: `Age` in one file and `age` in another. */
import { looseSpelling, shown, spellingDifference } from "../../protocol/data/spelling.ts"
import type { StudyFile } from "./study-file.ts"

/** Files whose columns are called alike, and what was changed, for people. */
export interface AlignedFiles {
  readonly files: ReadonlyArray<StudyFile>
  readonly told: ReadonlyArray<string>
}

/**
 * Gives columns whose names differ in their spelling alone the name that the first file has. The scenario says the names
 * of a file in CSV; of another file they are told only, and stay different.
 */
export const alignNames = (files: ReadonlyArray<StudyFile>): AlignedFiles => {
  const known = new Map<string, { readonly name: string; readonly file: string }>()
  const told: Array<string> = []
  const aligned = files.map((file) => {
    const own = new Set(file.types.map(({ name }) => name))
    const names = new Map<string, string>()
    for (const { name } of file.types) {
      const first = known.get(looseSpelling(name))
      const difference = first && spellingDifference(name, first.name)
      // A file may have both, which are two columns.
      if (first === undefined || difference === undefined || first.name === name || own.has(first.name))
        continue
      const both = `${shown(name)} of ${file.file} and ${shown(first.name)} of ${first.file} differ only in ${difference}`
      if (!file.isRenamable) {
        told.push(`${both}, and are two columns; write them alike if they mean the same`)
        continue
      }
      if ([...names.values()].includes(first.name)) continue
      names.set(name, first.name)
      told.push(`${both}: both are read as ${shown(first.name)}, by the header of the holding`)
    }
    for (const { name } of file.types)
      if (!names.has(name) && !known.has(looseSpelling(name)))
        known.set(looseSpelling(name), { name, file: file.file })
    return names.size === 0 ? file : renamed(file, names)
  })
  return { files: aligned, told }
}

const renamed = (file: StudyFile, names: ReadonlyMap<string, string>): StudyFile => {
  const before = new Map([...names].map(([was, name]) => [name, was]))
  const { counts, countsRows, kept, numbers } = file
  const types = file.types.map((type) => ({ ...type, name: names.get(type.name) ?? type.name }))
  return {
    ...file,
    types,
    header: (file.columnsInFile ?? []).map((name) => names.get(name) ?? name),
    kept: kept && ((column) => kept(before.get(column) ?? column)),
    counts: counts && ((column) => counts(before.get(column) ?? column)),
    numbers: numbers && ((column) => numbers(before.get(column) ?? column)),
    countsRows: countsRows && ((column) => countsRows(before.get(column) ?? column))
  }
}
