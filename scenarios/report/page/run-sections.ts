/** The sections on the run: who took part and saw what, what happened when, and what it cost. Pure. */
import { type Phase, phases } from "../../../actors/party/phases.ts"
import { type CoalitionKind, claims } from "../../../protocol/audit/claims.ts"
import { count, counted, duration, size } from "../../text/units.ts"
import { durationOf } from "../intervals.ts"
import type { JournalLine } from "../journal.ts"
import { revelationText } from "../report.ts"
import type { PredictedAndMeasured, RunResult } from "../result.ts"
import { linksPlot, phasesPlot, timelinePlot } from "./cost-plots.ts"
import { narrow } from "./draw.ts"
import { behind, figureOf, type Html, html, none, section, tableOf, withCode } from "./html.ts"
import type { PageInput } from "./input.ts"
import { drawnTimeline } from "./timeline.ts"

const ours: ReadonlyMap<string, string> = new Map([
  ["kgc", "KGC"],
  ["cloud0", "cloud 0"],
  ["cloud1", "cloud 1"],
  ["director", "director"]
])

/** How a party is called on the page: a user by its own name, with that of its party behind it. */
export const partyName = ({ users = [] }: Pick<RunResult, "users">, actor: string): string => {
  const user = users.find((each) => each.actor === actor)
  if (user !== undefined) return user.name
  const [party = "", member] = actor.split(".")
  const name = ours.get(party) ?? party
  if (member === undefined) return name
  return `${name} ${member.startsWith("l") ? "lane" : "worker"} ${member.replace(/^\D+/, "")}`
}

// --- When.

const wide = 1080
/** Waits in the table. */
const mostWaits = 20
const time = (ms: number): string => duration(ms / 1000)

export const timelineSection = ({ result, timeline: run }: PageInput): Html => {
  const timeline = run && drawnTimeline(run)
  if (timeline === undefined)
    return section(
      "timeline",
      "Who did what when",
      html`<p class="absent">The parties' event logs are not there.</p>`
    )
  const { parties, endMs, leftOutMs } = timeline
  const names = parties.map(({ actor }) => partyName(result, actor))
  const label = `Timeline of ${counted(parties.length, "party", "parties")} over ${duration(endMs / 1000)}`
  const table = html`${behind(
    "how long each party worked and waited",
    ["party", "working", "waiting for answers", "waiting in rounds", "restarts"],
    run!.parties.map(({ actor, busy, waiting, roundWaitMs, restarts }) => [
      partyName(result, actor),
      time(Math.max(0, durationOf(busy) - roundWaitMs)),
      time(durationOf(waiting)),
      time(roundWaitMs),
      count(restarts)
    ])
  )}${behind(
    "the longest waits",
    ["who", "for", "what", "times", "time"],
    run!.waits
      .slice(0, mostWaits)
      .map(({ waiter, awaited, what, count: times, ms }) => [
        partyName(result, waiter),
        partyName(result, awaited),
        what,
        count(times),
        time(ms)
      ])
  )}`
  const died = parties.some(({ deaths }) => deaths.length > 0)
  const pause =
    leftOutMs > 0 ? ` ${duration(leftOutMs / 1000)} in which nobody did anything are left out.` : ""
  const note = html`<span class="key secure">working</span> <span class="key waiting">waiting for another party</span>${died ? html` <span class="key died">died</span>` : none} Clouds that train wait for each other within their work.${pause}`
  return section(
    "timeline",
    "Who did what when",
    figureOf(
      "All parties",
      html`${timelinePlot(label, timeline, names, wide)}${timelinePlot(label, timeline, names, narrow)}`,
      note,
      table
    )
  )
}

// --- Cost.

export const deviationText = ({ predicted, measured }: PredictedAndMeasured): string => {
  if (predicted === measured) return "exact"
  if (predicted === 0) return "not predicted"
  const percent = (100 * (measured - predicted)) / predicted
  return Math.abs(percent) < 0.05 ? "0.0 %" : `${percent > 0 ? "+" : "−"}${Math.abs(percent).toFixed(1)} %`
}

export const costSection = ({ result }: PageInput): Html => {
  const { bytes, seconds } = result
  const inPhases = phases.reduce((sum, phase) => sum + seconds[phase], 0)
  const shown = [
    ...phases.map((phase: Phase) => ({ phase: phase as string, seconds: seconds[phase] })),
    { phase: "other", seconds: Math.max(0, seconds.total - inPhases) }
  ]
  const outside = Object.entries(bytes.byPhase).filter(([phase]) => !phases.some((known) => known === phase))
  const other = outside.reduce(
    (sum, [, each]) => ({
      predicted: sum.predicted + each.predicted,
      measured: sum.measured + each.measured
    }),
    { predicted: 0, measured: 0 }
  )
  const bytesOf = (phase: string) =>
    bytes.byPhase[phase] ?? (phase === "other" ? other : { predicted: 0, measured: 0 })
  const row = (name: string, time: number, of: PredictedAndMeasured) => [
    name,
    duration(time),
    ...(of.predicted + of.measured === 0
      ? ["", "", ""]
      : [size(of.predicted), size(of.measured), deviationText(of)])
  ]
  return section(
    "cost",
    "What it cost",
    html`<div class="plots two">${[
      tableOf(
        "Time and bytes by phase",
        ["phase", "time", "predicted", "measured", "difference"],
        [
          ...shown.map(({ phase, seconds: own }) => row(phase, own, bytesOf(phase))),
          row("total", seconds.total, bytes)
        ]
      ),
      linksFigure(result),
      figureOf(
        "Time by phase",
        phasesPlot(`Time by phase, ${duration(seconds.total)} in total`, shown),
        "Other is the time outside of the phases: starting processes, training references.",
        none
      ),
      tableOf("More figures", ["", ""], moreFigures(result), false)
    ]}</div>`
  )
}

const moreFigures = (result: RunResult): ReadonlyArray<ReadonlyArray<string>> => {
  const { rounds, modulusBits, transport, peakMemoryBytes } = result
  return [
    ["rounds between the clouds", `${count(rounds.predicted)} predicted, ${count(rounds.measured)} measured`],
    ["modulus", `${modulusBits} bits`],
    ["transport", transport === "nats" ? "NATS, each party a process" : "memory, all parties in one process"],
    ...Object.entries(peakMemoryBytes ?? {}).map(([actor, peak]) => [
      `peak memory of ${partyName(result, actor)}`,
      size(peak)
    ])
  ]
}

const linksFigure = ({ bytes: { byLink = [] } }: RunResult): Html => {
  const used = byLink.filter(({ predicted, measured }) => predicted + measured > 0)
  if (used.length === 0)
    return html`<div class="card"><h3>Bytes by link</h3><p class="absent">The result of this run has no traffic by link.</p></div>`
  return figureOf(
    "Bytes by link",
    linksPlot("Bytes by link, predicted and measured, on a logarithmic scale", used),
    html`<span class="key ring">predicted</span> <span class="key dot">measured</span> Each line of the scale is ten times the one before.`,
    behind(
      "bytes by link",
      ["link", "predicted", "measured", "difference"],
      used.map((each) => [each.link, size(each.predicted), size(each.measured), deviationText(each)])
    )
  )
}

// --- Who saw what.

const claimOf = (kind: CoalitionKind): string =>
  claims.find(({ audited }) => audited?.includes(kind))?.learns ?? ""

const learnt = (actor: string): Html => {
  if (actor === "cloud1") return withCode(claimOf("cloud0"))
  return withCode(claimOf(actor as CoalitionKind))
}

export const sightSection = ({ result, files }: PageInput): Html => {
  const { received, revealed, kept, seed, openers } = result
  const actors = ["kgc", "cloud0", "cloud1", "director", "broker"]
  const users = (result.users ?? []).map(({ actor, name }) => {
    const own = received?.[actor]
    return html`<small>${name}${own && `: received ${counted(own.messages, "message")}, ${size(own.bytes)}`}</small>`
  })
  return section(
    "sight",
    "Who saw what",
    seed === null
      ? none
      : html`<p class="warn"><strong>Reproducible, not private:</strong> weights, batches and masks follow from seed ${seed}, which is public. For a private run, remove the seed.</p>`,
    html`<p>What each party received, and what it may learn by the claims of SECURITY.md.</p>`,
    html`<dl class="sight">${actors.map((actor) => {
      const own = received?.[actor]
      const number =
        own && html`<small>received ${counted(own.messages, "message")}, ${size(own.bytes)}</small>`
      return html`<div><dt>${partyName(result, actor)}${number}</dt><dd>${learnt(actor)}</dd></div>`
    })}<div><dt>each user${users}</dt><dd>${learnt("user")}</dd></div></dl>`,
    html`<p>${"These are claims, which "}<code>bicameral audit</code>${" holds a trial of the scenario against: it searches all that each party has received. Two clouds that collude, or the KGC with a cloud for which it deals, learn everything."}</p>`,
    revealedList(revealed),
    ...(openers === undefined ? [] : [openersText(openers)]),
    files.length === 0
      ? none
      : tableOf(
          "What each owner brought",
          ["owner", "file", "rows", "columns"],
          files.map(({ user, file, rows, columns }) => [
            user,
            file.replace(/^.*[/\\]/, ""),
            count(rows),
            count(columns)
          ])
        ),
    tableOf(
      "What each party still has",
      ["party", "keeps"],
      Object.entries(kept).map(([actor, what]) => [
        partyName(result, actor),
        what.length === 0 ? "nothing" : what.join("; ")
      ]),
      false
    )
  )
}

const revealedList = (revealed: RunResult["revealed"]): Html => {
  if (revealed === undefined)
    return html`<p class="absent">The result of this run does not say what was revealed beyond the model.</p>`
  if (revealed.length === 0) return html`<p>Revealed beyond the model: nothing.</p>`
  return html`<h3>Revealed beyond the model</h3><ul>${revealed.map((what) => html`<li>${revelationText(what)}</li>`)}</ul>`
}

const openersText = ({ threshold, opened, absent, rejected }: NonNullable<RunResult["openers"]>): Html =>
  html`<h3>Who opened the model</h3><p>${opened.join(", ")}; it takes ${threshold}.</p><ul>${[
    ...absent.map(({ user, reason }) => html`<li>Without ${user}: ${reason}</li>`),
    ...rejected.map((user) => html`<li>The part of ${user} did not hold.</li>`)
  ]}</ul>`

// --- Faults and recoveries.

/** Lines of the journal that tell of something that went otherwise than usual. */
const isNews = (line: JournalLine): boolean =>
  line.event === "died" ||
  line.event === "back" ||
  (line.event === "note" && /^(fault|warning): /.test(line.text))

/** More lines than these are in the journal. */
const mostNews = 200

export const faultsSection = ({ result, journal }: PageInput): Html => {
  const { faults, recoveries, warnings } = result
  const began = journal.find(({ event }) => event === "begin")?.time ?? journal[0]?.time ?? 0
  const news = journal.filter(isNews)
  const injected = Object.entries(faults ?? {}).filter(([, number]) => number > 0)
  const happened = tableOf(
    "What happened on the way",
    ["time", "what"],
    news.slice(0, mostNews).map((line) => [duration((line.time - began) / 1000), newsText(result, line)]),
    false
  )
  return section(
    "faults",
    "Faults and recoveries",
    recoveries.length + injected.length + news.length === 0
      ? html`<p>No party died, and no fault was injected.</p>`
      : none,
    injected.length === 0
      ? none
      : tableOf(
          "Injected faults",
          ["kind", "times"],
          injected.map(([kind, number]) => [kind, count(number)])
        ),
    recoveries.length === 0
      ? none
      : tableOf(
          "Parties that died and came back",
          ["party", "away for"],
          recoveries.map(({ party, seconds }) => [partyName(result, party), duration(seconds)])
        ),
    news.length === 0 ? none : happened,
    warnings.length === 0
      ? none
      : html`<h3>Warnings</h3><ul>${warnings.map((each) => html`<li>${each}</li>`)}</ul>`
  )
}

const newsText = (result: RunResult, line: JournalLine): string => {
  switch (line.event) {
    case "died":
      return `${partyName(result, line.party)} died: ${line.reason.split("\n")[0]}`
    case "back":
      return `${partyName(result, line.party)} came back after ${duration(line.awayMs / 1000)}`
    case "note":
      return line.text.split("\n").join("; ")
    default:
      return ""
  }
}

// --- Expectations.

export const expectationsSection = ({ result: { expectations } }: PageInput): Html =>
  section(
    "expectations",
    "Expectations",
    expectations.length === 0
      ? html`<p class="absent">The scenario expects nothing.</p>`
      : html`<ul class="expectations">${expectations.map(
          ({ what, held, reason }) =>
            html`<li class="${held ? "held" : "failed"}"><strong>${held ? "held" : "failed"}</strong> ${what}${reason === undefined ? "" : ` (${reason})`}</li>`
        )}</ul>`
  )
