/**
 * What training in lanes costs and gains: the same scenario with 1, 2 and 4 lanes a cloud, all processes on one core and on all of
 * them, in turns. Milliseconds a step as cloud 0 saw them, and whether the models are the same to the bit.
 */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { parse, stringify } from "yaml"
import { artifact, projectRoot } from "../protocol/artifact.ts"
import { announceMachine, type Spread, spreadOf, writeFigures } from "./measure.ts"

const start = promisify(execFile)
const repetitions = 3
const lanes = [1, 2, 4] as const
/** 2,000 digits in batches of 500, for the network of the other benchmarks. */
const changes = {
  network: { hidden: [128, 128] },
  training: { epochs: 10, batch: 500, rate: 0.1 },
  security: { modulusBits: 512, insecure: true, upload: "hybrid", output: "hybrid" },
  expect: {}
}
/** The first steps are spent on compiling. */
const warmShare = 0.25

/** The scenario with so many lanes, as a file in `folder`. */
const scenarioWith = (count: number, folder: string): string => {
  const source = new URL("scenarios/mnist-small.yaml", projectRoot)
  const scenario = parse(readFileSync(source, "utf8"), { merge: true }) as {
    users: Array<{ holds: Array<{ file: string }> }>
  }
  for (const { holds } of scenario.users)
    for (const held of holds) held.file = relative(folder, fileURLToPath(new URL(held.file, source)))
  const file = join(folder, `lanes-${count}.yaml`)
  writeFileSync(
    file,
    stringify({ ...scenario, ...changes, placement: { lanes: count } }, { aliasDuplicateObjects: false })
  )
  return file
}

interface StepsSpan {
  readonly name?: string
  readonly durationMs: number
  readonly attributes: { readonly first: number; readonly last: number }
}

/** Milliseconds of a step at cloud 0 in one run, and the digest of the model. */
const runOnce = async (
  count: number,
  cores: number
): Promise<{ readonly ms: number; readonly model: string }> => {
  const folder = mkdtempSync(join(tmpdir(), "bicameral-bench-"))
  try {
    const program = [process.execPath, fileURLToPath(artifact("program/main.js"))] as const
    const words = ["run", scenarioWith(count, folder), "--out", join(folder, "out")]
    const pinned = ["taskset", "-c", "0", ...program, ...words]
    const [command, ...rest] = cores === 1 ? pinned : [...program, ...words]
    await start(command!, rest, { maxBuffer: 2 ** 26 })
    const spans = readFileSync(join(folder, "out", "parties", "cloud0", "events.jsonl"), "utf8")
      .split("\n")
      .filter((line) => line.includes('"steps"'))
      .map((line) => JSON.parse(line) as StepsSpan)
      .filter(({ name }) => name === "steps")
    const each = spans.map(({ durationMs, attributes: { first, last } }) => durationMs / (last - first + 1))
    const model = readFileSync(join(folder, "out", "model.json"))
    return {
      ms: spreadOf(each.slice(Math.floor(each.length * warmShare))).median,
      model: createHash("sha256").update(model).digest("hex")
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const run = async (): Promise<void> => {
  const machine = announceMachine()
  const rows: Array<{ cores: number; lanes: number; ms: Spread; times: Spread }> = []
  const models = new Set<string>()
  for (const cores of [1, availableParallelism()]) {
    const samples = lanes.map(() => [] as number[])
    for (let repetition = 0; repetition < repetitions; repetition++)
      for (const [i, count] of lanes.entries()) {
        const { ms, model } = await runOnce(count, cores)
        samples[i]!.push(ms)
        models.add(model)
      }
    for (const [i, count] of lanes.entries())
      rows.push({
        cores,
        lanes: count,
        ms: spreadOf(samples[i]!),
        times: spreadOf(samples[i]!.map((ms, repetition) => ms / samples[0]![repetition]!))
      })
  }
  console.log("\n784-128-128-10, batch 500: ms a step, and times that of one lane in the same turn")
  for (const { cores, lanes: count, ms, times } of rows)
    console.log(
      `${cores} core${cores === 1 ? " " : "s"} ${count} lane${count === 1 ? " " : "s"}${ms.median.toFixed(1).padStart(9)}${`${ms.least.toFixed(1)}–${ms.most.toFixed(1)}`.padStart(16)}${times.median.toFixed(2).padStart(8)}`
    )
  console.log(models.size === 1 ? "all models are the same to the bit" : `${models.size} DIFFERENT MODELS`)
  if (models.size !== 1) process.exitCode = 1
  writeFigures("lanes", { machine, repetitions, rows, models: models.size })
}
