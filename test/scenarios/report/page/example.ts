/** A result with everything in it that a report can show, in which all names come from data of somebody who means ill. */

import { noStatistics, prepare } from "../../../../protocol/data/preparation.ts"
import { modelOf } from "../../../../protocol/learning/model.ts"
import { EventLogReading } from "../../../../scenarios/report/event-log.ts"
import type { PageInput } from "../../../../scenarios/report/page/input.ts"
import type { RunResult } from "../../../../scenarios/report/result.ts"
import { timelineOf } from "../../../../scenarios/report/run-timeline.ts"
import { networkOf } from "../../../protocol/learning/example.ts"
import { classMetricsOf } from "../../../protocol/metrics/tested.ts"

/** Texts that would do harm as markup. */
export const evil = [
  "<script>document.title='owned'</script>",
  '"><img src=x onerror="document.title=1">',
  "'--></style><svg onload=alert(1)>",
  "\u202eright to left"
] as const
const [script, image, svg, turned] = evil

const two = classMetricsOf(2, "softmax", {
  truth: [0, 0, 0, 1, 1],
  outputs: [
    [3, 0],
    [2, 1],
    [0, 1],
    [0, 2],
    [1, 0]
  ]
})
const metrics = {
  ...two,
  majority: { label: image, accuracy: 0.6 },
  twoClasses: { ...two.twoClasses!, positive: script },
  classes: two.classes.map((each, i) => ({ ...each, label: [image, script][i]! }))
}

export const wholeResult: RunResult = {
  scenario: script,
  run: "a1b2c3d4e5f6",
  transport: "nats",
  modulusBits: 2048,
  seed: 7,
  users: [
    { actor: "user1", name: image },
    { actor: "user2", name: turned }
  ],
  revealed: ["metrics", "curve"],
  accuracy: 0.6,
  tested: { correct: 3, total: 5 },
  referenceAccuracy: 0.6,
  maxWeightDeviation: 0,
  metrics,
  referenceMetrics: metrics,
  alone: [
    { user: image, rows: 80, accuracy: 0.4 },
    { user: turned, rows: 0, reason: `no whole row ${svg}` }
  ],
  reasons: {},
  meaningless: [],
  warnings: [`beware of ${svg}`],
  rows: { training: 160, validation: 20, heldOut: 5 },
  classWeights: [{ label: script, weight: 2 }],
  curve: {
    rows: 20,
    epochs: [
      { loss: 0.5, accuracy: 0.5 },
      { loss: 0.25, accuracy: 0.75 },
      { loss: 0.3, accuracy: 0.7 }
    ],
    best: 2,
    stopped: true
  },
  steps: 1200,
  rounds: { predicted: 13_201, measured: 13_201 },
  bytes: {
    predicted: 2_000_000,
    measured: 2_050_000,
    byPhase: { train: { predicted: 2_000_000, measured: 2_050_000 } },
    byLink: [
      { link: "cloud 0 and cloud 1", predicted: 2_000_000, measured: 2_040_000 },
      { link: "within a party", predicted: 0, measured: 10_000 }
    ]
  },
  received: { cloud0: { messages: 12, bytes: 1_000_000 }, user1: { messages: 3, bytes: 400 } },
  seconds: { setup: 3.21, upload: 1, transform: 2, train: 61.7, output: 0.5, total: 70.41 },
  peakMemoryBytes: { cloud0: 1_000_000 },
  kept: { kgc: [], user1: [`the model ${svg}`] },
  recoveries: [{ party: "cloud0", seconds: 2.5 }],
  faults: { kill: 1 },
  openers: {
    threshold: 1,
    opened: [image],
    absent: [{ user: turned, reason: svg }],
    rejected: [script]
  },
  expectations: [
    { what: `accuracy at least 0.5 ${script}`, held: true },
    { what: "weights", held: false, reason: image }
  ]
}

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + 1000 * seconds).toISOString()

/** A line of an actor's event log. */
export const spanLine = (actor: string, name: string, from: number, seconds: number, id = name): string =>
  JSON.stringify({
    ...{ actor, type: "span", time: at(from), name, traceId: "t", spanId: id },
    ...{ durationMs: 1000 * seconds, status: "ok", attributes: name.startsWith("ask ") ? { to: "kgc" } : {} }
  })
export const startLine = (actor: string, from: number, pid: number): string =>
  JSON.stringify({ actor, type: "start", time: at(from), pid })

/** The timeline of these lines. */
export const timelineOfLines = (lines: ReadonlyArray<string>) => {
  const reading = new EventLogReading()
  for (const line of lines) reading.add(line)
  return timelineOf(reading.logs)
}

export const wholeInput: PageInput = {
  result: wholeResult,
  model: modelOf(
    {
      data: prepare(
        {
          id: "id",
          features: [{ name: image, range: [0, 1] }],
          label: { column: "kind", values: [image, script] },
          scaleTo: [-1, 1]
        },
        noStatistics
      ),
      network: networkOf([1, 2], "identity"),
      loss: "softmax",
      fractionalBits: 20
    },
    Float64Array.from([0.5, -0.25, 0, 1])
  ),
  files: [{ user: image, file: `/data/${script.replace("/", "")}.csv`, rows: 80, columns: 3 }],
  timeline: timelineOfLines([
    spanLine("user1", "User.encryptPiece", 4, 1),
    startLine("cloud0", 0, 1),
    spanLine("cloud0", "ask Enrolment", 1, 2),
    spanLine("cloud0", "steps", 8, 12),
    startLine("cloud0", 22, 2),
    spanLine("cloud0", "steps", 24, 44, "again"),
    spanLine("director", "phase setup", 0, 3.2),
    spanLine("director", "phase train", 7, 61)
  ]),
  journal: [
    {
      event: "begin",
      time: 0,
      scenario: script,
      run: "a1b2c3d4e5f6",
      transport: "nats",
      pid: 1,
      parties: []
    },
    { event: "died", time: 20_000, party: "cloud0", reason: svg },
    { event: "back", time: 22_500, party: "cloud0", awayMs: 2_500 },
    { event: "note", time: 30_000, text: `warning: ${image}` },
    { event: "note", time: 31_000, text: "of no interest" }
  ],
  version: "1.2.3"
}
