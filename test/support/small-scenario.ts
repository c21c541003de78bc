/**
 * A scenario small enough to run in a second: made-up measurements of two kinds of leaves, one table split among three
 * growers in different ways, a modulus of 512 bits. Written into a folder that goes with the scope.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Effect, Option } from "effect"
import { stringify } from "yaml"
import { claimOut } from "../../scenarios/folders/out-folder.ts"
import { type RunOptions, runScenario } from "../../scenarios/run/run.ts"
import { patienceMs } from "./patience.ts"

export const columns = ["length", "width", "veins", "weight"] as const
const kinds = ["ash", "elm"] as const
export const rowCount = 60

export interface Leaf {
  readonly id: string
  /** By column; `kind` is the label. */
  readonly cells: Readonly<Record<string, string>>
}

/** A leaf of either kind in turn; the two lie well apart in length and weight. */
export const leaves: ReadonlyArray<Leaf> = Array.from({ length: rowCount }, (_, row) => {
  const elm = row % 2
  const spread = (column: number) => ((row * (7 + 6 * column) + 3 * column) % 19) / 19
  const cells = {
    length: (2 + 3 * elm + 2 * spread(0)).toFixed(3),
    width: (1 + 3 * spread(1)).toFixed(3),
    veins: String(4 + Math.round(8 * spread(2))),
    weight: (0.2 + 0.4 * (1 - elm) + 0.3 * spread(3)).toFixed(3),
    kind: kinds[elm]!
  }
  return { id: `leaf-${row}`, cells }
})

/** A CSV file of some columns of some rows. */
export const csv = (rows: ReadonlyArray<Leaf>, held: ReadonlyArray<string>): string =>
  [["id", ...held], ...rows.map(({ id, cells }) => [id, ...held.map((column) => cells[column]!)])]
    .map((line) => `${line.join(",")}\n`)
    .join("")

export const whole = [...columns, "kind"]
const part = (from: number, to: number) => leaves.slice(from, to)

/** The same table split among three users in three ways: what each user's files hold. */
export const splits = {
  rows: [[[part(0, 20), whole]], [[part(20, 45), whole]], [[part(45, rowCount), whole]]],
  columns: [
    [[leaves, ["length", "width"]]],
    [[leaves.toReversed(), ["veins", "weight"]]],
    [[leaves, ["kind"]]]
  ],
  blocks: [
    [
      [part(0, 30), ["length", "kind"]],
      [part(30, rowCount), ["width"]]
    ],
    [
      [part(0, 30), ["width", "weight"]],
      [part(30, rowCount), ["veins", "length", "kind"]]
    ],
    [
      [part(0, 30), ["veins"]],
      [part(30, rowCount), ["weight"]]
    ]
  ]
} satisfies Record<string, Split>

export type Split = ReadonlyArray<ReadonlyArray<readonly [ReadonlyArray<Leaf>, ReadonlyArray<string>]>>

const growers = ["north", "south", "west"]

/** The scenario as the parser of a file gives it; `changes` replace its sections. */
export const smallScenario = (split: Split, changes: object = {}) => ({
  name: "leaves",
  description: "Three growers tell ashes from elms",
  data: {
    features: { length: [0, 8], width: [0, 5], veins: [0, 16], weight: [0, 1] },
    label: { column: "kind", values: [...kinds] }
  },
  users: split.map((files, user) => ({
    name: growers[user],
    holds: files.map(([, held], file) => ({ file: `${growers[user]}-${file}.csv`, columns: [...held] }))
  })),
  heldOut: 0.2,
  network: { hidden: [6] },
  training: { epochs: 12, batch: 8, rate: 0.25 },
  security: { modulusBits: 512, insecure: true },
  reveal: ["accuracy", "heldOutRows", "progress"],
  deadlines: { replyTimeoutMs: patienceMs, roundTimeoutMs: patienceMs, phaseTimeoutMs: 600_000 },
  ...changes
})

/** What of it runs for long enough to be disturbed in every phase, and must come out to the bit all the same. */
export const disturbedRun = {
  seed: 5,
  training: { epochs: 40, batch: 8, rate: 0.25 },
  reveal: ["metrics", "heldOutRows", "progress"],
  expect: { maxWeightDeviation: 0 }
}

/** A folder that goes with the scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-test-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)

/** Writes the scenario and its data into a folder of its own; `files` replace or add data files. */
export const writeScenario = (
  split: Split,
  changes: object = {},
  files: Readonly<Record<string, string>> = {}
) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const contents: Record<string, string> = { "leaves.yaml": stringify(smallScenario(split, changes)) }
    split.forEach((held, user) => {
      held.forEach(([rows, names], file) => {
        contents[`${growers[user]}-${file}.csv`] = csv(rows, names)
      })
    })
    yield* Effect.promise(() =>
      Promise.all(
        Object.entries({ ...contents, ...files }).map(([name, text]) => writeFile(join(folder, name), text))
      )
    )
    return { folder, file: join(folder, "leaves.yaml"), out: join(folder, "out") }
  })

/** The text of a file that a run wrote. */
export const read = (...path: ReadonlyArray<string>) => Effect.promise(() => readFile(join(...path), "utf8"))

export const silent: RunOptions["display"] = { note: () => {}, phase: () => {}, progress: () => {} }

/** Makes sure that the next run would know all that a run has left in its out folder for the program's. */
export const allOwn = (out: string) => claimOut(out)

/** Runs a written scenario with all parties in this process. */
export const runInMemory = (file: string, out: string, changes: Partial<RunOptions> = {}) =>
  runScenario({
    file,
    out,
    transport: "memory",
    seed: Option.none(),
    display: silent,
    report: false,
    ...changes
  }).pipe(Effect.provide(nodeContext))

/** The words with which a run ended. */
export const ending = <A, E extends { readonly message: string }, R>(work: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(work as Effect.Effect<A, E, R>), ({ message }) => message)
