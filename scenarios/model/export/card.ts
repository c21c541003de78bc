/** The card of a model: where it comes from, how good it is, and who learnt what of it, in Markdown. Pure. */
import {
  type DataDescription,
  type Feature,
  isCategory,
  labelColumns
} from "../../../protocol/data/description.ts"
import type { Model } from "../../../protocol/learning/model.ts"
import { figureTables, gain, judgement } from "../../report/figures-text.ts"
import type { RunResult } from "../../report/result.ts"
import { count, counted, duration, size } from "../../text/units.ts"
import type { RunOfModel } from "../run-of-model.ts"

/** A model with what its run left beside it. */
export interface Described extends RunOfModel {
  readonly model: Model
}

export const cardOf = (described: Described): string =>
  `${[
    `# ${described.result.scenario}`,
    "",
    ...origin(described),
    "",
    "## Data",
    "",
    ...dataLines(described),
    "",
    "## Quality",
    "",
    ...qualityLines(described.result),
    "",
    "## Security",
    "",
    ...securityLines(described.result),
    "",
    "## Cost",
    "",
    ...costLines(described.result)
  ].join("\n")}\n`

/** A cell of a table, or a text within a line: names come from data. */
const plain = (text: string): string =>
  text.replace(/[\\`*_{}[\]<>()#+!|~\r\n-]/g, (sign) => (/[\r\n]/.test(sign) ? " " : `\\${sign}`))

const tableOf = (
  header: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>
): ReadonlyArray<string> => [
  `| ${header.join(" | ")} |`,
  `|${header.map(() => "---").join("|")}|`,
  ...rows.map((cells) => `| ${cells.map(plain).join(" | ")} |`)
]

const origin = ({ model, result }: Described): ReadonlyArray<string> => {
  const { network, loss, fractionalBits } = model
  const units = [network.inputs, ...network.layers.map((layer) => layer.units)].join("-")
  return [
    `A dense network ${units} with ReLU, trained by bicameral (run \`${result.run}\`) with ${loss} in ${counted(result.steps, "step")},`,
    `in fixed-point numbers of ${fractionalBits} bits after the point. No party had the data of all owners in the clear, or the model before its owners opened it.`
  ]
}

const dataLines = ({ model: { data }, result, data: held }: Described): ReadonlyArray<string> => {
  const { training, validation = 0, heldOut } = result.rows
  return [
    `It predicts ${labelColumns(data).map(plain).join(", ")}${labelText(data)} from ${counted(data.features.length, "column")}.`,
    `${counted(training, "row")} to train on, ${validation === 0 ? "" : `${count(validation)} to validate on, `}${count(heldOut)} for the test.`,
    "",
    // A run within one process leaves no list of its files.
    ...(held.length === 0
      ? []
      : [
          ...tableOf(
            ["owner", "file", "rows", "columns"],
            held.map(({ user, file, rows, columns }) => [user, baseOf(file), count(rows), count(columns)])
          ),
          ""
        ]),
    ...tableOf(
      ["column", "values", "missing cells"],
      data.features.map((feature) => [feature.name, valuesText(feature), fillText(feature)])
    )
  ]
}

const baseOf = (file: string): string => file.replace(/^.*[/\\]/, "")

const labelText = ({ label }: DataDescription): string =>
  "values" in label ? ` (${label.values.map(plain).join(", ")})` : ""

const valuesText = (feature: Feature): string => {
  if (isCategory(feature)) return `${feature.values.join(", ")}${feature.other ? ", others" : ""}`
  const kind = feature.kind ?? "number"
  if (feature.range !== undefined) return `${kind} from ${feature.range[0]} to ${feature.range[1]}`
  return `${kind}, mean ${Number(feature.mean!.toPrecision(4))}, deviation ${Number(feature.deviation!.toPrecision(4))}`
}

const fillText = ({ fill, indicator }: Feature): string => {
  const filled = typeof fill === "object" ? `filled with ${fill.value}` : "an error"
  return indicator ? `${filled}, with an input that says so` : filled
}

const block = (lines: ReadonlyArray<string>): ReadonlyArray<string> => ["```text", ...lines, "```"]

const qualityLines = (result: RunResult): ReadonlyArray<string> => {
  const [name, ...lines] = judgement(result)
  const more = [...figureTables(result), ...gain(result)]
  return [
    ...(result.meaningless.length === 0
      ? []
      : [`**Not meaningful**: ${result.meaningless.map(plain).join("; ")}`, ""]),
    `The ${name}, on rows that nobody trained on:`,
    "",
    ...block([...lines, ...more]),
    ...(result.warnings.length === 0 ? [] : ["", ...result.warnings.map((warning) => `- ${plain(warning)}`)])
  ]
}

const securityLines = ({
  modulusBits,
  seed,
  openers,
  kept,
  rows,
  metrics,
  curve,
  accuracy
}: RunResult): ReadonlyArray<string> => [
  `- BCP with a modulus of ${modulusBits} bits; all parties follow the protocol, and the clouds collude neither with each other nor with the KGC.`,
  ...(seed === null
    ? []
    : [
        `- **Not private**: the run was made reproducible with seed ${seed}, from which everybody can compute its masks.`
      ]),
  openers === undefined
    ? "- All owners opened the model together; each has it."
    : `- ${openers.opened.map(plain).join(", ")} opened the model, of whom it takes ${openers.threshold}; each of them has it.`,
  `- Told to the director and to all who read the result: ${[
    `the number of rows (${count(rows.training)})`,
    ...(accuracy === null ? [] : ["the accuracy"]),
    ...(metrics === undefined ? [] : ["all figures of the test"]),
    ...(curve === undefined ? [] : ["the loss on validation rows after each epoch"])
  ].join(", ")}.`,
  ...Object.entries(kept)
    .filter(([, what]) => what.length > 0)
    .map(([actor, what]) => `- ${actor} keeps ${what.map(plain).join(", ")}.`)
]

const costLines = ({ bytes, rounds, seconds, transport }: RunResult): ReadonlyArray<string> => [
  `${duration(seconds.total)}, ${size(bytes.measured)} sent, ${count(rounds.measured)} rounds between the clouds${transport === "memory" ? ", all parties in one process" : ""}.`
]
