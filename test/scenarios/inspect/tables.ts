/** Small tables as owners have them, in the habits of several offices. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"

const rows = (count: number, row: (index: number) => ReadonlyArray<string>, separator: string, end = "\n") =>
  Array.from({ length: count }, (_, index) => row(index).join(separator) + end).join("")

const half = (index: number) => (index % 2 === 0 ? "neg" : "pos")

/** A clinic's patients, of whom each has another glucose and some have no mass. */
const patients = (from: number, missing: string, decimal: string) => (index: number) => [
  `P${from + index}`,
  String(80 + ((index * 37) % 90)),
  index % 7 === 0 ? missing : `3${index % 10}${decimal}${index % 4}`,
  half(index)
]

/** Three files by rows, with separators, decimal marks and marks of missing cells of their own. */
export const clinics: ReadonlyMap<string, string> = new Map([
  ["harbour.csv", `id,glucose,mass,diabetes\n${rows(40, patients(100, "", "."), ",")}`],
  ["hill.csv", `id;glucose;mass;diabetes\r\n${rows(40, patients(200, "NA", ","), ";", "\r\n")}`],
  ["valley.tsv", `\ufeffid\tglucose\tmass\tdiabetes\r\n${rows(40, patients(300, "?", "."), "\t", "\r\n")}`]
])

/** How the rows of a file are written, where they are not as usual. */
interface Habits {
  readonly id?: (row: number) => string
  readonly age?: (row: number) => string
  readonly ill?: (row: number) => string
}

/** A file of patients, with ids from a number on. */
export const patientsOf = (count: number, from: number, habits: Habits = {}): string => {
  const { age, id, ill } = habits
  const row = (i: number) => [
    id?.(i) ?? `P${from + i}`,
    age?.(i) ?? String(20 + ((i * 37) % 55)),
    `${100 + ((i * 53) % 80)}.5`,
    ill?.(i) ?? (i % 2 === 0 ? "no" : "yes")
  ]
  return `id,age,pressure,ill\n${rows(count, row, ",")}`
}

const withAges = (age: (row: number) => string | undefined): ReadonlyMap<string, string> =>
  new Map([
    ["a.csv", patientsOf(60, 100)],
    ["b.csv", patientsOf(60, 200, { age: (i) => age(i) ?? String(20 + ((i * 37) % 55)) })]
  ])

/** An age with its unit, on line 17 of `b.csv`. */
export const withAUnit = withAges((row) => (row === 15 ? "45 y" : undefined))

/** Ages of which three are marked as unknown. */
export const withMarks = withAges((row) => (row % 20 === 3 ? "unknown" : undefined))

/** An id on lines 5 and 9 of `b.csv`. */
export const withAnIdTwice: ReadonlyMap<string, string> = new Map([
  ["a.csv", patientsOf(40, 100)],
  ["b.csv", patientsOf(40, 200, { id: (i) => `P${i === 7 ? 203 : 200 + i}` })]
])

/** The files of a scenario that is shipped. */
export const shipped = (name: string): ReadonlyMap<string, string> => {
  const folder = fileURLToPath(new URL(`../../../scenarios/data/${name}`, import.meta.url))
  return new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), "utf8")]))
}

/** Two files by columns, in different orders. */
export const passengers: ReadonlyMap<string, string> = new Map([
  ["line.csv", `id,class\n${rows(60, (i) => [`T${59 - i}`, ["1st", "2nd", "3rd"][(59 - i) % 3]!], ",")}`],
  [
    "registry.csv",
    `id,survived,sex,age\n${rows(60, (i) => [`T${i}`, i % 3 === 0 ? "yes" : "no", i % 2 === 0 ? "male" : "female", i % 5 === 0 ? "" : String(20 + (i % 31))], ",")}`
  ]
])

/** One file with a number to predict. */
export const progression: ReadonlyMap<string, string> = new Map([
  [
    "progression.csv",
    `id,bmi,target\n${rows(60, (i) => [`D${i}`, `2${i % 9}.${i % 7}`, String(100 + ((i * 53) % 97))], ",")}`
  ]
])

/** A folder with these files, which goes with the scope. */
export const folderOf = (files: ReadonlyMap<string, string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const folder = mkdtempSync(join(tmpdir(), "bicameral-init-"))
      for (const [name, text] of files) {
        mkdirSync(dirname(join(folder, name)), { recursive: true })
        writeFileSync(join(folder, name), text)
      }
      return folder
    }),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
