/**
 * The report of a run as one page: no script, nothing from elsewhere, and a policy that forbids both. Made where all data are,
 * so it may hold what `result.json` and `model.json` hold, and no more. Pure.
 */
import { reportBegins } from "../../folders/out-folder.ts"
import { count, counted, duration, size } from "../../text/units.ts"
import { figure } from "../figures-text.ts"
import type { RunResult } from "../result.ts"
import { type Html, html, none } from "./html.ts"
import type { PageInput } from "./input.ts"
import { digestSource } from "./policy.ts"
import { bestAlone, gainSection, qualitySection, trainingSection } from "./quality.ts"
import {
  costSection,
  expectationsSection,
  faultsSection,
  sightSection,
  timelineSection
} from "./run-sections.ts"
import { pageStyle } from "./style.ts"

const sections: ReadonlyArray<readonly [id: string, title: string]> = [
  ["quality", "Quality"],
  ["gain", "Gain"],
  ["training", "Training"],
  ["timeline", "Timeline"],
  ["cost", "Cost"],
  ["sight", "Who saw what"],
  ["faults", "Faults"],
  ["expectations", "Expectations"]
]

const policy = `default-src 'none'; style-src ${digestSource(pageStyle)}; base-uri 'none'; form-action 'none'`

export const reportPage = (input: PageInput): string => {
  const { result, version } = input
  const state = stateOf(result)
  return `${reportBegins}${
    html`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${result.scenario}: report of a run</title>
`.text
  }<style>${pageStyle}</style>
${
  html`</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<header>
<p class="kind">bicameral ${version} · run ${result.run}</p>
<h1>${result.scenario}</h1>
<p class="verdict ${state}">${verdict(result)}</p>
${doubts(result)}
<dl class="tiles">${tiles(result).map(([name, value, note]) => html`<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`)}</dl>
<nav aria-label="Sections"><ul>${sections.map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
</header>
<main id="main" tabindex="-1">
${[
  qualitySection(input),
  gainSection(input),
  trainingSection(input),
  timelineSection(input),
  costSection(input),
  sightSection(input),
  faultsSection(input),
  expectationsSection(input)
]}</main>
<footer><p>Made from the out folder of the run by bicameral ${version}. Figures are explained in docs/reference/results.md.</p></footer>
</body>
</html>
`.text
}`
}

type State = "good" | "doubtful" | "bad"

const stateOf = ({ meaningless, expectations, warnings }: RunResult): State => {
  if (meaningless.length > 0 || expectations.some(({ held }) => !held)) return "bad"
  return warnings.length > 0 ? "doubtful" : "good"
}

/** The run in one sentence. */
export const verdict = (result: RunResult): string => {
  const { meaningless, expectations } = result
  if (meaningless.length > 0) return "The run ended, but its result means nothing."
  const failed = expectations.filter(({ held }) => !held).length
  const kept =
    expectations.length === 0
      ? ""
      : failed > 0
        ? `; ${failed} of ${counted(expectations.length, "expectation")} did not hold`
        : `; ${expectations.length === 1 ? "the expectation" : `all ${expectations.length} expectations`} held`
  return `${quality(result)}${gained(result)}${kept}.`
}

const quality = ({ tested, accuracy, metrics, users = [] }: RunResult): string => {
  const owners = users.length === 0 ? "The owners" : counted(users.length, "owner")
  if (tested !== null && accuracy !== null)
    return `The model of ${owners.toLowerCase()} is right for ${count(tested.correct)} of ${counted(tested.total, "held-out row")}`
  if (metrics?.kind === "numbers") {
    const [first] = metrics.numbers
    return `The model of ${owners.toLowerCase()} predicts ${first?.name ?? ""} with R² ${figure(first?.r2 ?? null)} on ${counted(metrics.rows, "held-out row")}`
  }
  return `${owners} trained a model together and opened it; how it does on held-out rows was not revealed`
}

/** What the best owner gets alone, beside that. */
const gained = (result: RunResult): string => {
  const best = bestAlone(result)
  if (best === undefined || result.accuracy === null) return ""
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  return `, ${percent(result.accuracy)} of them; alone, no owner gets more than ${percent(best.value)}`
}

const doubts = ({ meaningless }: RunResult): Html =>
  meaningless.length === 0
    ? none
    : html`<ul class="warn">${meaningless.map((each) => html`<li>${each}</li>`)}</ul>`

type Tile = readonly [name: string, value: string, note: string]

const tiles = (result: RunResult): ReadonlyArray<Tile> => {
  const { accuracy, referenceAccuracy, metrics, rows, seconds, bytes, rounds, users } = result
  const two = metrics?.kind === "classes" ? metrics.twoClasses : undefined
  const number = metrics?.kind === "numbers" ? metrics.numbers[0] : undefined
  const tile = (name: string, value: string, note: string): Tile => [name, value, note]
  return [
    ...(accuracy === null
      ? []
      : [
          tile(
            "Accuracy",
            figure(accuracy),
            referenceAccuracy === null ? "on held-out rows" : `plain reference ${figure(referenceAccuracy)}`
          )
        ]),
    ...(number === undefined ? [] : [tile("R²", figure(number.r2), number.name)]),
    ...(two === undefined || two.auc === null
      ? []
      : [tile("ROC area", figure(two.auc), `positive: ${two.positive}`)]),
    ...(users === undefined
      ? []
      : [
          tile(
            "Owners",
            count(users.length),
            users.length > 4 ? "" : users.map(({ name }) => name).join(", ")
          )
        ]),
    tile(
      "Rows",
      count(rows.training + rows.heldOut + (rows.validation ?? 0)),
      `${count(rows.heldOut)} held out`
    ),
    tile("Time", duration(seconds.total), `${duration(seconds.train)} of training`),
    tile("Traffic", size(bytes.measured), `${size(bytes.predicted)} predicted`),
    tile("Rounds", count(rounds.measured), "between the clouds")
  ]
}
