/** The report of an audit, for people and as JSON: who saw what, and what of it is beyond the claims. */
import type { Sight, View, ViewAudit } from "../../protocol/audit/audit.ts"
import type { Finding } from "../../protocol/audit/recording.ts"
import { count, counted, size } from "../text/units.ts"
import type { Cut, TrialAbout } from "./prepare.ts"

export interface AuditReport extends ViewAudit {
  readonly about: TrialAbout
  /** What ended the trial before its time. */
  readonly error: string | undefined
}

/** For people; ends without a line break. */
export const auditText = ({ about, views, findings, error }: AuditReport): string =>
  [
    `audit of ${about.scenario}: ${trialText(about)}`,
    ...(error === undefined
      ? []
      : [`the trial ended before its time, and was audited so far: ${error.split("\n").join("\n  ")}`]),
    "",
    "who opened what",
    ...views.map(viewText),
    "",
    ...findingLines(findings)
  ].join("\n")

/** For programs. */
export const auditJson = ({ about, views, findings, error }: AuditReport): object => ({
  format: "bicameral audit",
  version: 1,
  trial: about,
  error: error ?? null,
  views,
  findings
})

const trialText = ({ modulusBits, rows, epochs, batch, withoutSeed }: TrialAbout): string =>
  [
    `a trial with ${cutText(rows, "row")}, ${cutText(epochs, "epoch")}`,
    ...(batch.to === batch.of ? [] : [`batches of ${batch.to} in place of ${batch.of}`]),
    `a modulus of ${modulusBits} bits`,
    ...(withoutSeed ? ["without the seed, with which nothing is private"] : [])
  ].join(", ")

const cutText = ({ of, to }: Cut, what: string): string =>
  to === of ? counted(of, what) : `${count(to)} of ${counted(of, what)}`

/** Kinds of messages that are named of each coalition. */
const mostNamed = 6

const viewText = ({ coalition, saw }: View): string => {
  const messages = saw.reduce((sum, each) => sum + each.messages, 0)
  const bytes = saw.reduce((sum, each) => sum + each.bytes, 0)
  const named = saw.slice(0, mostNamed).map(sightText)
  const more = saw.length > mostNamed ? [counted(saw.length - mostNamed, "more kind")] : []
  const what = [...named, ...more].join(", ")
  return `  ${coalition}: ${counted(messages, "message")}, ${size(bytes)}${what === "" ? "" : `: ${what}`}`
}

const sightText = ({ what, bytes }: Sight): string => `${what} ${size(bytes)}`

const findingLines = (findings: ReadonlyArray<Finding>): ReadonlyArray<string> =>
  findings.length === 0
    ? ["no findings: nobody learned more than SECURITY.md says"]
    : [
        counted(findings.length, "finding"),
        ...findings.map(
          ({ coalition, what, where, remedy }) =>
            `  ${coalition}: ${what}; in ${where}${remedy === undefined ? "" : `; ${remedy}`}`
        )
      ]
