/** What an examination of a party's site finds: a line for each thing that has to be right before a run. Pure. */
import { Data } from "effect"

/** What is looked at, in the order in which one depends on another. */
export const checks = [
  "node",
  "scenario",
  "identity",
  "identities",
  "data",
  "disk",
  "memory",
  "clock",
  "address",
  "name",
  "port",
  "broker",
  "payload",
  "jetstream",
  "authority",
  "certificate name",
  "certificate dates",
  "credentials",
  "permissions",
  "bucket",
  "link",
  "others"
] as const
export type Check = (typeof checks)[number]

export interface Finding {
  readonly check: Check
  /** `unknown`: it could not be looked at, for a reason that is no fault of the site or is another line's fault. */
  readonly status: "ok" | "fault" | "unknown"
  /** What is right; or the culprit and the remedy; or why nobody knows. */
  readonly said: string
}

export const ok = (check: Check, said: string): Finding => ({ check, status: "ok", said })
export const fault = (check: Check, said: string): Finding => ({ check, status: "fault", said })
export const unknown = (check: Check, said: string): Finding => ({ check, status: "unknown", said })

/** What can't be looked at before another thing is right. */
export const needs = (check: Check, other: string): Finding =>
  unknown(check, `not examined; it needs ${other}`)

/** In the order of `checks`. */
export const inOrder = (findings: ReadonlyArray<Finding>): ReadonlyArray<Finding> =>
  findings.toSorted((a, b) => checks.indexOf(a.check) - checks.indexOf(b.check))

const marks = { ok: "ok", fault: "FAULT", unknown: "?" } as const

/** One line a finding; a text of several lines is indented. */
export const shownFindings = (findings: ReadonlyArray<Finding>): string => {
  const width = Math.max(...checks.map(({ length }) => length))
  return findings
    .map(({ check, said, status }) => {
      const head = `${marks[status].padEnd(5)}  ${check.padEnd(width)}  `
      return head + said.replaceAll("\n", `\n${" ".repeat(head.length)}`)
    })
    .join("\n")
}

/** The site has faults; each has been told. */
export class SiteUnfit extends Data.TaggedError("SiteUnfit")<{
  readonly party: string
  readonly faults: ReadonlyArray<Check>
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} can't take part yet: see ${this.faults.join(", ")} above`
  }
}
