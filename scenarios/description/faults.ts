/**
 * Faults as data: what a run is made to survive. They stand in the section `faults` of a scenario, or in a
 * file of their own for `--faults`. The parties do not agree on them, and they do not change the model.
 */
import { phases } from "../../actors/party/phases.ts"
import { actorNames } from "../../protocol/messages/subjects.ts"
import { Schema } from "../../protocol/schema.ts"
import { defaulted, list, oneOf, optional, share, struct, value, wholeNumber, yesOrNo } from "./fields.ts"
import { jsonSchemaOf } from "./json-schema.ts"
import { tellingSections } from "./kinds.ts"

const day = 86_400_000

const milliseconds = (description: string) => wholeNumber(0, day, description)

/** The name of a party in a plan of faults. */
const Party = value(
  Schema.String,
  (name) => name === "*" || actorNames.includes(name) || /^[a-z][a-z0-9-]{0,39}$/.test(name),
  "kgc, cloud0, cloud1, director, a user by its name or as user1, user2, …, or * for any",
  { description: "kgc, cloud0, cloud1, director, or a user: its name in the scenario or user1, user2, …" }
)

const Delay = tellingSections(
  Schema.Union(
    struct({ fixedMs: milliseconds("Delay of every message") }),
    struct({
      fromMs: milliseconds("Minimum delay"),
      toMs: milliseconds("Maximum delay, uniformly distributed")
    }),
    struct({ meanMs: milliseconds("Mean delay, exponentially distributed") })
  ).annotations({
    message: () => ({ message: "must be {fixedMs}, {fromMs, toMs} or {meanMs}", override: true }),
    description: "Delay of messages, which keep their order"
  })
)

const Link = struct({
  from: defaulted(Party, "*"),
  to: defaulted(Party, "*"),
  loss: defaulted(share("Fraction of messages that are lost"), 0),
  duplication: defaulted(share("Fraction that arrives a second time, within 20 ms"), 0),
  reordering: defaulted(share("Fraction that is overtaken by later messages, for up to 20 ms"), 0),
  corruption: defaulted(share("Fraction that arrives with 1 to 8 wrong bits"), 0),
  truncation: defaulted(share("Fraction of which only the beginning arrives"), 0),
  delay: optional(Delay)
}).annotations({
  description:
    "Faults of messages from one party to another; each direction is a link. Of several rules that match, the last applies"
})
export type LinkPlan = typeof Link.Type

const When = tellingSections(
  Schema.Union(
    struct({
      phase: oneOf(phases, "At the beginning of this phase"),
      afterMs: defaulted(milliseconds("Time after the phase has begun; default 0"), 0)
    }),
    struct({ afterMs: milliseconds("Time after the run has begun") }),
    struct({ step: wholeNumber(1, 2 ** 31, "When this training step begins") }),
    struct({ round: wholeNumber(1, 2 ** 31, "When this round of the clouds begins") }),
    struct({
      message: value(
        Schema.String,
        (tag) => /^[A-Z][A-Za-z0-9]*$/.test(tag),
        "the name of a message, such as UploadShare0",
        {
          description: "When the party has sent this message; docs/reference/messages.md lists them"
        }
      ),
      nth: defaulted(wholeNumber(1, 2 ** 31, "Which occurrence triggers it; default the first"), 1)
    }),
    Schema.Literal("drawn")
  ).annotations({
    message: () => ({
      message:
        "must be {phase}, {phase, afterMs}, {afterMs}, {step}, {round}, {message} or {message, nth}; or drawn, for a moment that follows from the seed",
      override: true
    }),
    description: "The moment of the event"
  })
)
export type When = typeof When.Type

export const eventKinds = [
  "kill",
  "restart",
  "pause",
  "partition",
  "broker-restart",
  "disk-full",
  "clock-jump"
] as const
export type EventKind = (typeof eventKinds)[number]

const Event = struct({
  event: oneOf(
    eventKinds,
    "What happens: kill, restart and pause a party; partition the network; restart the broker; fill a party's disk; set its clock"
  ),
  party: optional(Party),
  groups: optional(
    list(
      list(Party, 1, 32, "a list of parties", "Parties that reach each other"),
      2,
      32,
      "a list of at least two lists of parties",
      "The groups between which no message passes; a party in none of them reaches all"
    )
  ),
  forMs: defaulted(
    milliseconds("Duration; of a killed party, the time until it is started again. Default 1 s"),
    1_000
  ),
  byMs: optional(
    value(
      Schema.Number,
      (ms) => Number.isSafeInteger(ms) && Math.abs(ms) <= day,
      "a whole number of milliseconds, at most a day",
      {
        type: "integer",
        description: "How far the clock is set forward, or back if negative"
      }
    )
  ),
  returns: defaulted(yesOrNo("Whether a killed party is started again; default true"), true),
  count: defaulted(wholeNumber(1, 1_000, "Number of such events, with when: drawn; default 1"), 1),
  when: When
}).pipe(
  Schema.filter((event) => eventProblems(event)),
  Schema.annotations({ description: "An event" })
)
interface EventFields {
  readonly event: EventKind
  readonly party?: string
  readonly groups?: ReadonlyArray<ReadonlyArray<string>>
  readonly byMs?: number
  readonly returns: boolean
  readonly count: number
  readonly when: When
}

/** Which fields an event of each kind needs, and which it may not have. */
function eventProblems(event: EventFields): ReadonlyArray<Schema.FilterIssue> {
  const { event: kind, party, groups, byMs, returns, count, when } = event
  const needsParty = kind !== "partition" && kind !== "broker-restart"
  const problem = (is: boolean, field: string, message: string) => (is ? [{ path: [field], message }] : [])
  return [
    ...problem(
      needsParty && party === undefined,
      "party",
      `is missing; say which party's ${kind} it is, or * for a drawn one`
    ),
    ...problem(!needsParty && party !== undefined, "party", `has no meaning for a ${kind}; take it out`),
    ...problem(
      kind === "partition" && groups === undefined,
      "groups",
      "is missing; list the groups that the parties fall into"
    ),
    ...problem(
      kind !== "partition" && groups !== undefined,
      "groups",
      `has no meaning for a ${kind}; take it out`
    ),
    ...problem(
      kind === "clock-jump" && byMs === undefined,
      "byMs",
      "is missing; say by how much the clock jumps"
    ),
    ...problem(
      kind !== "clock-jump" && byMs !== undefined,
      "byMs",
      `has no meaning for a ${kind}; take it out`
    ),
    ...problem(kind !== "kill" && !returns, "returns", "is for parties that are killed; take it out"),
    ...problem(
      count > 1 && when !== "drawn",
      "count",
      "is for events whose moment is drawn; take it out, or say when: drawn"
    )
  ]
}

/** A plan of faults. */
export const Faults = struct({
  seed: defaulted(
    wholeNumber(
      0,
      Number.MAX_SAFE_INTEGER,
      "Seed of everything drawn in the plan; a simulation uses its own seeds. Default 1"
    ),
    1
  ),
  healAfterMs: optional(
    milliseconds("Time after which links are faultless and no more drawn events happen; never when left out")
  ),
  links: defaulted(list(Link, 0, 1_024, "a list of links", "Faults of messages; default nothing"), []),
  events: defaulted(list(Event, 0, 1_024, "a list of events", "Faults of parties; default nothing"), [])
}).annotations({ description: "Faults to inject into the run; see docs/reference/faults.md" })
export type Faults = typeof Faults.Type
export type FaultEvent = Faults["events"][number]

/** The JSON Schema of fault plans in files of their own. */
export const faultsJsonSchema = (): object => jsonSchemaOf("bicameral fault plan", Faults)

/** A plan in a file of its own. */
export const decodeFaults = Schema.decodeUnknownEither(Faults, { errors: "all", onExcessProperty: "error" })
