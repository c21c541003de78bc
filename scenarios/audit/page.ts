/** The report of an audit, for people and as JSON: who saw what, and what of it is beyond the claims. */
import type { Sight, View, ViewAudit } from "../../protocol/audit/audit.ts"
import type { SmallForm } from "../../protocol/audit/coupled-form.ts"
import type { Finding, Recording } from "../../protocol/audit/recording.ts"
import { count, counted, listed, size, table } from "../text/units.ts"
import type { Cut, TrialAbout } from "./prepare.ts"

export interface AuditReport extends ViewAudit {
  readonly about: TrialAbout
  readonly users: Recording["agreement"]["users"]
  /** The training in small on which the coupling was tried. */
  readonly coupled: SmallForm
  /** Whether a dealing by the clouds was tried on that form, too. */
  readonly dealtInSmall: boolean
  /** What ended the trial before its time. */
  readonly error: string | undefined
  /** How large the trial was to be, where that was said. */
  readonly asked?: AskedSize
}

/** Rows and epochs that were asked for. */
export interface AskedSize {
  readonly rows?: number | undefined
  readonly epochs?: number | undefined
}

/** For people; ends without a line break. */
export const auditText = ({
  about,
  users,
  views,
  findings,
  coupled,
  dealtInSmall,
  error,
  asked = {}
}: AuditReport): string =>
  [
    `audit of ${about.scenario}: ${trialText(about)}`,
    ...allTaken(asked.rows, about.rows.of, "row"),
    ...allTaken(asked.epochs, about.epochs.of, "epoch"),
    ...(error === undefined
      ? []
      : [`the trial ended before its time, and was audited so far: ${error.split("\n").join("\n  ")}`]),
    "",
    ...viewLines(views),
    `  (${users.map(({ actor, name }) => `${actor}: ${name}`).join(", ")})`,
    "",
    ...legend,
    "",
    coupledText(coupled),
    ...(dealtInSmall ? ["dealt: two steps of it by the clouds, with batches of 64 rows"] : []),
    "",
    ...findingLines(findings)
  ].join("\n")

/** For programs. */
export const auditJson = ({ about, users, views, findings, coupled, error }: AuditReport): object => ({
  format: "bicameral audit",
  version: 1,
  trial: about,
  users: users.map(({ actor, name }) => ({ actor, name })),
  error: error ?? null,
  views,
  coupling: { rows: coupled.plan.rows, units: unitsIn(coupled), lanes: coupled.lanes, users: coupled.users },
  findings
})

/** Says that there were no more. */
const allTaken = (asked: number | undefined, of: number, what: string): ReadonlyArray<string> =>
  asked === undefined || asked <= of
    ? []
    : [`all ${counted(of, what)} of the scenario, since ${count(asked)} were asked for`]

/** What the table shows, and what it does not. */
const legend: ReadonlyArray<string> = [
  "Each line is what a party could read, or several that put together all that they have: how many messages, their",
  "bytes, and the kinds that most of the bytes are of. A name is that of a request (docs/reference/messages.md), and",
  '"reply to" its answer; "rounds" are what the clouds exchange in training, and "rounds of dealing" what they do to deal;',
  '"frames" are sealed messages, which the broker carries and can\'t open.',
  "Left out are the two clouds together, and the KGC with cloud 1 or with a cloud for which it deals, who can learn all",
  "data by design, and a cloud with several users: the coupling below is of each cloud with all users but one",
  "(docs/how-to/audit.md)."
]

const trialText = ({ modulusBits, rows, epochs, batch, withoutSeed }: TrialAbout): string =>
  [
    `a trial with ${cutText(rows, "row")}, ${cutText(epochs, "epoch")}`,
    ...(batch.to === batch.of ? [] : [`batches of ${batch.to} in place of ${batch.of}`]),
    `a modulus of ${modulusBits} bits`,
    ...(withoutSeed ? ["without the seed, with which nothing is private"] : [])
  ].join(", ")

const cutText = ({ of, to }: Cut, what: string): string =>
  to === of ? counted(of, what) : `${count(to)} of ${counted(of, what)}`

/** Features, and the units of each layer. */
const unitsIn = ({ plan: { network } }: SmallForm): ReadonlyArray<number> => [
  network.inputs,
  ...network.layers.map(({ units }) => units)
]

const coupledText = (form: SmallForm): string => {
  const { plan, lanes, users } = form
  const network = unitsIn(form).join(" → ")
  return `coupled: a training of this form, ${network} units on ${counted(plan.rows, "row")} of ${counted(users, "user")} in ${counted(lanes, "lane")}`
}

/** Kinds of messages that are named of each coalition. */
const mostNamed = 3

const viewLines = (views: ReadonlyArray<View>): ReadonlyArray<string> => {
  const total = (saw: View["saw"], of: "messages" | "bytes") => saw.reduce((sum, each) => sum + each[of], 0)
  const columns = table([
    ["who opened what", "messages", "size"],
    ...views.map(({ coalition, saw }) => [
      `  ${coalition}`,
      count(total(saw, "messages")),
      size(total(saw, "bytes"))
    ])
  ])
  const most = ["most of it", ...views.map(({ saw }) => listed(saw.map(sightText), mostNamed))]
  return columns.map((line, i) => `${line}  ${most[i]}`.trimEnd())
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
