/**
 * What a scenario comes to that says nothing of its network and its training: the shipped scenarios without these sections, each
 * with several seeds, as the references train them, in float64 and in fixed point. The rows of each seed, as they are trained and
 * tested on, are written to `out/bench/defaults`, for `bench/scikit_learn.py`.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Effect, Either } from "effect"
import { parse, stringify } from "yaml"
import { lossOf } from "../actors/party/agreement.ts"
import { projectRoot } from "../protocol/artifact.ts"
import type { JointTable } from "../protocol/data/joint.ts"
import type { Model } from "../protocol/learning/model.ts"
import { metricsOf } from "../protocol/metrics/metrics.ts"
import { tallyOf } from "../protocol/metrics/tally.ts"
import { parseScenario } from "../scenarios/description/load.ts"
import { choicesOf } from "../scenarios/reference/comparison.ts"
import { trainFixedReference, trainFloatReference } from "../scenarios/reference/reference.ts"
import { type Prepared, prepareLoaded } from "../scenarios/run/prepare.ts"
import { announceMachine, spreadOf, writeFigures } from "./measure.ts"

const scenarios = [
  "three-clinics",
  "three-hospitals",
  "two-labs",
  "passengers",
  "progression",
  "mnist-small"
] as const
const seeds = [1, 2, 3, 4, 5]
const folder = "out/bench/defaults"

/** The scenario as it would be without a word on its network and its training. */
const prepared = (name: string, seed: number): Promise<Prepared> => {
  const file = fileURLToPath(new URL(`scenarios/${name}.yaml`, projectRoot))
  const { network: _, training: __, ...rest } = parse(readFileSync(file, "utf8")) as Record<string, unknown>
  const loaded = Either.getOrThrow(parseScenario(stringify(rest, { aliasDuplicateObjects: false }), file))
  return Effect.runPromise(Effect.provide(prepareLoaded(loaded, seed), nodeContext))
}

/** A row a line: features, then labels. */
const writeRows = (name: string, { rows, features, labels }: JointTable): void => {
  const line = (from: Float64Array, row: number) => {
    const width = from.length / rows
    return from.subarray(row * width, (row + 1) * width).join(",")
  }
  const lines = Array.from({ length: rows }, (_, row) => `${line(features, row)};${line(labels, row)}\n`)
  writeFileSync(join(folder, name), lines.join(""))
}

const measured = async (name: string, seed: number) => {
  const { agreement, joined } = await prepared(name, seed)
  const { dealerKey: _, ...choices } = choicesOf(agreement, joined)
  const training = joined.training()
  const heldOut = joined.heldOut()
  writeRows(`${name}-${seed}-training.csv`, training)
  writeRows(`${name}-${seed}-test.csv`, heldOut)
  const loss = lossOf(agreement)
  const figureOf = (model: Model): number => {
    const metrics = metricsOf(agreement.data, loss, tallyOf(model, heldOut))!
    return metrics.kind === "classes" ? metrics.accuracy : metrics.numbers[0]!.r2!
  }
  const { model: float } = await trainFloatReference({ ...choices, training })
  const { model: fixed } = await trainFixedReference({ ...choices, training })
  const { rows, batch, epochs, steps } = choices.plan
  return {
    settings: { rows, batch, epochs, steps, hidden: agreement.network.hidden, loss },
    float: figureOf(float),
    fixed: figureOf(fixed)
  }
}

const shown = (samples: ReadonlyArray<number>): string => {
  const { median, least, most } = spreadOf(samples)
  return `${median.toFixed(4)} (${least.toFixed(4)}–${most.toFixed(4)})`
}

/** Measures, prints, and writes `out/bench/defaults.json`. */
export const run = async (): Promise<void> => {
  const machine = announceMachine()
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  console.log(
    `accuracy, or R², on the held-out rows, with defaults alone: median and spread of ${seeds.length} seeds\n`
  )
  const figures: Record<string, unknown> = {}
  for (const name of scenarios) {
    const all: Array<Awaited<ReturnType<typeof measured>>> = []
    for (const seed of seeds) all.push(await measured(name, seed))
    const [float, fixed] = [all.map((each) => each.float), all.map((each) => each.fixed)]
    const { settings } = all[0]!
    console.log(
      `${name.padEnd(16)}fixed point ${shown(fixed)}  float64 ${shown(float)}  ${settings.rows} rows, [${settings.hidden}], ${settings.epochs} × ${settings.batch}, ${settings.loss}`
    )
    figures[name] = { settings, float, fixed }
  }
  writeFigures("defaults", { machine, seeds, ...figures })
}
