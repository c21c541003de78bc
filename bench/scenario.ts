/**
 * Whole scenarios as anybody runs them, every party a process over NATS: seconds by phase, bytes, and the most memory that each
 * process needed. `startup` is the breast-cancer scenario from nothing to the decrypted model, `epoch` the one on MNIST.
 */
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { artifact, projectRoot } from "../protocol/artifact.ts"
import type { RunResult } from "../scenarios/report/result.ts"
import { announceMachine, type Spread, spreadOf, writeFigures } from "./measure.ts"

const start = promisify(execFile)

interface Event {
  readonly name?: string
  readonly time: string
  readonly durationMs?: number
}

/** Seconds from the start of the training at cloud 0 to its first step, and from there to the end of its last: what dealing holds up is in these. */
const trainingOf = (out: string): { readonly opening: number; readonly steps: number } => {
  const events = readFileSync(join(out, "parties", "cloud0", "events.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Event)
  const started = (name: string) => events.filter((event) => event.name === name)
  const at = ({ time }: Event) => Date.parse(time)
  const [train] = started("cloud.train")
  const steps = started("steps")
  const last = steps.at(-1)
  if (train === undefined || last === undefined) throw new Error(`cloud 0 has no steps in its log in ${out}`)
  return {
    opening: (at(steps[0]!) - at(train)) / 1000,
    steps: (at(last) + last.durationMs! - at(steps[0]!)) / 1000
  }
}

interface Measured extends RunResult {
  readonly training: { readonly opening: number; readonly steps: number }
}

const runOnce = async (scenario: string): Promise<Measured> => {
  const out = mkdtempSync(join(tmpdir(), "bicameral-bench-"))
  try {
    const program = fileURLToPath(artifact("program/main.js"))
    const file = fileURLToPath(new URL(`scenarios/${scenario}.yaml`, projectRoot))
    await start(process.execPath, [program, "run", file, "--out", out])
    const result = JSON.parse(readFileSync(join(out, "result.json"), "utf8")) as RunResult
    return { ...result, training: trainingOf(out) }
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

const shown = (what: string, { median, least, most }: Spread): string =>
  `${what.padEnd(18)}${median.toFixed(2).padStart(10)}${`${least.toFixed(2)}–${most.toFixed(2)}`.padStart(18)}`

const measureScenario = async (topic: string, scenario: string, runs: number): Promise<void> => {
  const machine = announceMachine()
  const results: Array<Measured> = []
  for (let run = 0; run < runs; run++) results.push(await runOnce(scenario))
  const last = results.at(-1)!
  console.log(
    `\n${scenario}, ${last.modulusBits} bits, ${last.rows.training} training rows, ${last.steps} steps`
  )
  console.log(`${"phase".padEnd(18)}${"seconds".padStart(10)}${"spread".padStart(18)}   of ${runs} runs`)
  const phases = Object.keys(last.seconds) as Array<keyof RunResult["seconds"]>
  const seconds = Object.fromEntries(
    phases.map((phase) => [phase, spreadOf(results.map((result) => result.seconds[phase]))])
  )
  for (const [phase, spread] of Object.entries(seconds)) console.log(shown(phase, spread))
  const training = {
    opening: spreadOf(results.map(({ training }) => training.opening)),
    steps: spreadOf(results.map(({ training }) => training.steps))
  }
  console.log(shown("in train: opening", training.opening))
  console.log(shown("in train: steps", training.steps))
  for (const [actor, bytes] of Object.entries(last.peakMemoryBytes ?? {}))
    console.log(`${actor.padEnd(18)}${(bytes / 2 ** 20).toFixed(0).padStart(10)} MiB at most`)
  if (last.accuracy !== null) console.log(`accuracy ${last.accuracy.toFixed(4)}`)
  const { accuracy, steps, bytes, peakMemoryBytes } = last
  writeFigures(topic, { machine, scenario, runs, seconds, training, accuracy, steps, bytes, peakMemoryBytes })
}

/** `three-hospitals`, from its start to the decrypted model. */
export const startup = (): Promise<void> => measureScenario("startup", "three-hospitals", 5)

/** `mnist`: all of the training set once. */
export const epoch = (): Promise<void> => measureScenario("epoch", "mnist", 1)
