/**
 * What training in lanes costs and gains: the same scenario with 1, 2 and 4 lanes a cloud, in turns, all processes on one
 * core. Milliseconds a step as cloud 0 saw them, and whether the models are the same to the bit.
 */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { parse, stringify } from "yaml"
import { artifact, projectRoot } from "../protocol/artifact.ts"
import { announceMachine, type Spread, spreadOf, writeFigures } from "./measure.ts"

const start = promisify(execFile)
const repetitions = 2
const lanes = [1, 2, 4] as const

/**
 * Digits of five users, in batches that are cut over the lanes. As many steps as a lane's program needs to be compiled, which each process
 * does for itself.
 */
interface Batches {
  readonly rowsOfUser: number
  readonly batch: number
  readonly epochs: number
}
const measured: ReadonlyArray<Batches> = [
  { rowsOfUser: 400, batch: 500, epochs: 40 },
  { rowsOfUser: 3200, batch: 4000, epochs: 10 }
]
/** For the network of the other benchmarks. */
const changes = ({ batch, epochs }: Batches) => ({
  network: { hidden: [128, 128] },
  training: { epochs, batch, rate: 0.1 },
  // The gradients of a large batch leave no room for more bits.
  security: { modulusBits: 512, insecure: true, upload: "hybrid", output: "hybrid", fractionalBits: 18 },
  expect: {}
})
/** The first steps are spent on compiling. */
const warmShare = 0.5

/** The scenario with so many lanes, as a file in `folder`. */
const scenarioWith = (batches: Batches, count: number, folder: string): string => {
  const source = new URL("scenarios/mnist-small.yaml", projectRoot)
  const scenario = parse(readFileSync(source, "utf8"), { merge: true }) as {
    users: Array<{ holds: Array<{ file: string; part: object; heldOut?: boolean }> }>
  }
  const { rowsOfUser } = batches
  for (const [user, { holds }] of scenario.users.entries())
    for (const held of holds) {
      held.file = relative(folder, fileURLToPath(new URL(held.file, source)))
      if (!held.heldOut) held.part = { from: 1 + user * rowsOfUser, to: (user + 1) * rowsOfUser }
    }
  const file = join(folder, `lanes-${count}.yaml`)
  writeFileSync(
    file,
    stringify(
      { ...scenario, ...changes(batches), placement: { lanes: count } },
      { aliasDuplicateObjects: false }
    )
  )
  return file
}

/** Runs a scenario on one core until the model is there: the references that it is compared with then take as long again. */
const trained = async (scenario: string, out: string): Promise<void> => {
  const program = [process.execPath, fileURLToPath(artifact("program/main.js"))]
  const running = start("taskset", ["-c", "0", ...program, "run", scenario, "--out", out], {
    maxBuffer: 2 ** 26
  })
  let over = false
  let failure: unknown
  const ended = running
    .catch((error: unknown) => {
      if (!over) failure = error
    })
    .then(() => {
      over = true
    })
  while (!over && !isWhole(join(out, "model.json"))) await pause(200)
  over = true
  // The parties have ended by then, and their broker.
  running.child.kill("SIGKILL")
  await ended
  if (failure !== undefined) throw failure
}

const isWhole = (file: string): boolean => {
  try {
    JSON.parse(readFileSync(file, "utf8"))
    return true
  } catch {
    return false
  }
}

interface StepsSpan {
  readonly name?: string
  readonly durationMs: number
  readonly attributes: { readonly first: number; readonly last: number }
}

/** Milliseconds of a step at cloud 0 in one run, and the digest of the model. */
const runOnce = async (
  batches: Batches,
  count: number
): Promise<{ readonly ms: number; readonly model: string }> => {
  const folder = mkdtempSync(join(tmpdir(), "bicameral-bench-"))
  try {
    await trained(scenarioWith(batches, count, folder), join(folder, "out"))
    const spans = readFileSync(join(folder, "out", "parties", "cloud0", "events.jsonl"), "utf8")
      .split("\n")
      .filter((line) => line.includes('"steps"'))
      .map((line) => JSON.parse(line) as StepsSpan)
      .filter(({ name }) => name === "steps")
    const warm = spans.slice(Math.floor(spans.length * warmShare))
    const [before, after] = [warm[0]!.attributes.first - 1, warm.at(-1)!.attributes.last]
    const model = readFileSync(join(folder, "out", "model.json"))
    return {
      // Not the median: what is dealt comes some steps at a time, and the first of them waits for it.
      ms: warm.reduce((sum, { durationMs }) => sum + durationMs, 0) / (after - before),
      model: createHash("sha256").update(model).digest("hex")
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Row {
  readonly batch: number
  readonly lanes: number
  readonly ms: Spread
  /** Beside one lane in the same turn. */
  readonly times: Spread
}

/** Takes turns with each number of lanes. */
const measure = async (batches: Batches): Promise<ReadonlyArray<Row>> => {
  const samples = lanes.map(() => [] as number[])
  const models = new Set<string>()
  for (let repetition = 0; repetition < repetitions; repetition++)
    for (const [i, count] of lanes.entries()) {
      const { ms, model } = await runOnce(batches, count)
      samples[i]!.push(ms)
      models.add(model)
    }
  if (models.size !== 1) throw new Error(`${models.size} different models of batch ${batches.batch}`)
  return lanes.map((count, i) => ({
    batch: batches.batch,
    lanes: count,
    ms: spreadOf(samples[i]!),
    times: spreadOf(samples[i]!.map((ms, repetition) => ms / samples[0]![repetition]!))
  }))
}

export const run = async (): Promise<void> => {
  const machine = announceMachine()
  console.log("\n784-128-128-10: ms a step, and times that of one lane in the same turn")
  const rows: Array<Row> = []
  for (const batches of measured)
    for (const row of await measure(batches)) {
      const { ms, times, lanes: count } = row
      rows.push(row)
      console.log(
        `batch ${String(row.batch).padEnd(5)} ${count} lane${count === 1 ? " " : "s"}${ms.median.toFixed(1).padStart(9)}${`${ms.least.toFixed(1)}–${ms.most.toFixed(1)}`.padStart(18)}${times.median.toFixed(2).padStart(8)}${`${times.least.toFixed(2)}–${times.most.toFixed(2)}`.padStart(12)}`
      )
    }
  console.log("all models of a batch are the same to the bit")
  writeFigures("lanes", { machine, repetitions, rows })
}
