/**
 * From a scenario, which also says where each user's files are and what is expected, to what the parties
 * agree on.
 */
import { Option } from "effect"
import type { Agreement } from "../../actors/party/agreement.ts"
import type { PartyKeys } from "../../actors/party/directory.ts"
import { type PublicIdentity, publicIdentity } from "../../protocol/channels/identity.ts"
import { classesOf } from "../../protocol/data/description.ts"
import type { Scenario } from "./schema.ts"
import { agreedTraining } from "./training.ts"

/** Share of the unmarked rows that is held out: none where the files say which rows are. */
export const shareHeldOut = ({ heldOut }: Scenario): number => (heldOut === "marked" ? 0 : heldOut)

/** Whether the users test the model on held-out rows. */
export const isTested = ({ reveal }: Pick<Scenario, "reveal">): boolean =>
  reveal.includes("accuracy") || reveal.includes("metrics")

/** The parties of a scenario that have identities: all but the broker, by the names of actors on the wire. */
export const partiesOf = ({ users }: Pick<Scenario, "users">): ReadonlyArray<string> => [
  ...["kgc", "cloud0", "cloud1", "director"],
  ...users.map((_, i) => `user${i + 1}`)
]

/** The identities that a scenario lists, by the names of actors on the wire. */
export const identitiesOfScenario = ({
  parties,
  users
}: Pick<Scenario, "parties" | "users">): ReadonlyMap<string, PublicIdentity> => {
  const listed = [
    ...Object.entries(parties ?? {}),
    ...users.map(({ identity }, i) => [`user${i + 1}`, identity] as const)
  ]
  return new Map(
    listed.flatMap(([actor, text]) => {
      const identity = text === undefined ? undefined : publicIdentity(text)
      return identity === undefined ? [] : [[actor, identity] as const]
    })
  )
}

/** The public keys of the parties' channels, as far as a scenario lists their identities. */
export const keysOfScenario = (scenario: Scenario): PartyKeys =>
  new Map([...identitiesOfScenario(scenario)].map(([actor, { channelKey }]) => [actor, channelKey]))

/** The longest wait for an absent user unless the scenario gives one. */
const absenceMs = 300_000

/** How fewer than all users decrypt; nothing where all do. */
export const thresholdOf = ({
  deadlines: { absenceTimeoutMs, phaseTimeoutMs },
  decryption: { threshold },
  users
}: Pick<Scenario, "deadlines" | "decryption" | "users">): Agreement["decryption"] =>
  threshold === undefined || threshold >= users.length
    ? undefined
    : {
        threshold,
        absenceTimeoutMs: absenceTimeoutMs ?? Math.min(absenceMs, Math.floor(phaseTimeoutMs / 2))
      }

/** The agreement of a scenario; a seed given for the run replaces the scenario's. */
export const agreementOf = (scenario: Scenario, seed: number | undefined = scenario.seed): Agreement => {
  const decryption = thresholdOf(scenario)
  const { phaseTimeoutMs, replyTimeoutMs, roundTimeoutMs } = scenario.deadlines
  return {
    scenario: scenario.name,
    users: scenario.users.map(({ name }, i) => ({ actor: `user${i + 1}`, name })),
    data: scenario.data,
    join: scenario.join,
    heldOut: shareHeldOut(scenario),
    ...(scenario.validation === 0 ? {} : { validation: scenario.validation }),
    network: scenario.network,
    training: agreedTraining(scenario.training),
    security: scenario.security,
    ...(decryption === undefined ? {} : { decryption }),
    archive: scenario.archive,
    ...(scenario.model === "opened" ? {} : { model: scenario.model }),
    ...(seed === undefined ? {} : { seed }),
    reveal: {
      accuracy: isTested(scenario) && classesOf(scenario.data) !== undefined,
      ...(scenario.reveal.includes("metrics") ? { metrics: true as const } : {}),
      heldOutRows: scenario.reveal.includes("heldOutRows"),
      progress: scenario.reveal.includes("progress"),
      ...(scenario.reveal.includes("column-statistics") ? { columnStatistics: true as const } : {}),
      ...(scenario.reveal.includes("curve") ? { curve: true as const } : {})
    },
    deadlines: { replyTimeoutMs, roundTimeoutMs, phaseTimeoutMs }
  }
}

/** What a run was given beside its scenario, so that all of it agree. */
export interface GivenToRun {
  /** Replaces that of the scenario. */
  readonly seed: Option.Option<number>
  /** The run in which the users uploaded, where this one trains from its archive. */
  readonly reopens: Option.Option<string>
}

/** What the parties of a run agree on, by its scenario and what it was given. */
export const agreementWith = (scenario: Scenario, { reopens, seed }: GivenToRun): Agreement => {
  const given = Option.getOrElse(seed, () => scenario.seed)
  return Option.match(reopens, {
    onNone: () => agreementOf(scenario, given),
    onSome: (archived) => agreementAgain(scenario, archived, given)
  })
}

/** The agreement of a training from the archive of an earlier run. Nothing of it is archived again. */
export const agreementAgain = (
  scenario: Scenario,
  reopens: string,
  seed: number | undefined = scenario.seed
): Agreement => ({ ...agreementOf(scenario, seed), archive: "none", reopens })
