/**
 * `check` of a large table: 20 columns of two owners, split by columns, with the ids in different orders; one file as English
 * programs write CSV, the other as German ones do. Seconds from start to end, and the most memory that the process needed.
 */
import { spawn } from "node:child_process"
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { artifact } from "../protocol/artifact.ts"
import { announceMachine, type Spread, spreadOf, writeFigures } from "./measure.ts"

const repetitions = 3
const columns = Array.from({ length: 19 }, (_, column) => `x${column + 1}`)
const [left, right] = [columns.slice(0, 10), columns.slice(10)]

/** Numbers from 0 to 1, the same in every run (xorshift). */
const randomNumbers = (seed: number) => {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const shuffled = (length: number, random: () => number): Uint32Array => {
  const order = Uint32Array.from({ length }, (_, place) => place)
  for (let last = length - 1; last > 0; last--) {
    const other = Math.floor((last + 1) * random())
    ;[order[last], order[other]] = [order[other]!, order[last]!]
  }
  return order
}

/** Lines written together. */
const together = 10_000

const writeTable = async (
  file: string,
  names: ReadonlyArray<string>,
  rows: Uint32Array,
  line: (row: number) => string
): Promise<void> => {
  const out = createWriteStream(file)
  out.write(`${names.join(",")}\n`)
  for (let at = 0; at < rows.length; at += together) {
    const text = Array.from(rows.subarray(at, at + together), line).join("")
    if (!out.write(text)) await new Promise<void>((resume) => out.once("drain", () => resume()))
  }
  await new Promise<void>((done) => out.end(() => done()))
}

const idOf = (row: number): string => `patient-${String(row).padStart(8, "0")}`

const writeStudy = async (folder: string, rows: number): Promise<void> => {
  const random = randomNumbers(20_261_130)
  const number = () => (20 * random() - 10).toFixed(6)
  const cells = (names: ReadonlyArray<string>) => names.map(number).join(",")
  await writeTable(join(folder, "left.csv"), ["id", ...left], shuffled(rows, random), (row) => {
    return `${idOf(row)},${cells(left)}\n`
  })
  const german = (text: string) => text.replaceAll(",", ";").replaceAll(".", ",")
  await writeTable(
    join(folder, "right.csv"),
    [["id", ...right, "kind"].join(";")],
    shuffled(rows, random),
    (row) => german(`${idOf(row)},${cells(right)},${random() < 0.5 ? "ash" : "elm"}\n`)
  )
  const scenario = {
    name: "large",
    description: "A large table of two owners",
    data: {
      features: Object.fromEntries(columns.map((name) => [name, [-10, 10]])),
      label: { column: "kind", values: ["ash", "elm"] }
    },
    users: [
      { name: "left", holds: [{ file: "left.csv", columns: left }] },
      { name: "right", holds: [{ file: "right.csv", columns: [...right, "kind"] }] }
    ],
    network: { hidden: [16] },
    training: { epochs: 1, batch: 1000, rate: 0.1 },
    security: { upload: "hybrid" }
  }
  writeFileSync(join(folder, "scenario.yaml"), JSON.stringify(scenario))
}

/** Has a process tell its use of the machine when it ends, as JSON. */
const telling = `data:text/javascript,${encodeURIComponent(
  'import { writeSync } from "node:fs"; process.on("exit", () => writeSync(3, JSON.stringify(process.resourceUsage())))'
)}`

interface Check {
  readonly seconds: number
  /** Of the processors. */
  readonly processorSeconds: number
  readonly peakBytes: number
}

const check = (scenario: string): Promise<Check> =>
  new Promise((resolve, reject) => {
    const program = fileURLToPath(artifact("program/main.js"))
    const began = performance.now()
    const child = spawn(process.execPath, ["--import", telling, program, "check", scenario], {
      stdio: ["ignore", "ignore", "inherit", "pipe"]
    })
    let told = ""
    child.stdio[3]!.on("data", (bytes: Uint8Array) => {
      told += Buffer.from(bytes).toString()
    })
    child.on("error", reject)
    child.on("close", (status) => {
      if (status !== 0) return reject(new Error(`check ended with status ${status}`))
      const { maxRSS, userCPUTime, systemCPUTime } = JSON.parse(told) as NodeJS.ResourceUsage
      resolve({
        seconds: (performance.now() - began) / 1000,
        processorSeconds: (userCPUTime + systemCPUTime) / 1e6,
        peakBytes: 1024 * maxRSS
      })
    })
  })

const shown = ({ median, least, most }: Spread): string =>
  `${median.toFixed(1)} s (${least.toFixed(1)}–${most.toFixed(1)})`

/** Measures, prints, and writes `out/bench/data.json`. */
export const run = async (): Promise<void> => {
  const machine = announceMachine()
  const rows = Number(process.argv[3] ?? 1_000_000)
  const folder = mkdtempSync(join(tmpdir(), "bicameral-bench-"))
  try {
    await writeStudy(folder, rows)
    const checks: Array<Check> = []
    for (let turn = 0; turn < repetitions; turn++) checks.push(await check(join(folder, "scenario.yaml")))
    const seconds = spreadOf(checks.map((each) => each.seconds))
    const processorSeconds = spreadOf(checks.map((each) => each.processorSeconds))
    const peakBytes = spreadOf(checks.map((each) => each.peakBytes))
    console.log(`check of ${rows} rows × 20 columns in two CSV files, ${repetitions} times`)
    console.log(`on the clock ${shown(seconds)}, processors ${shown(processorSeconds)}`)
    console.log(`memory ${(peakBytes.most / 2 ** 20).toFixed(0)} MiB at most`)
    writeFigures("data", { machine, rows, columns: 20, repetitions, seconds, processorSeconds, peakBytes })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
