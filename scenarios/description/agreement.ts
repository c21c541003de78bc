/**
 * From a scenario, which also says where each user's files are and what is expected, to what the parties
 * agree on.
 */
import type { Agreement } from "../../actors/party/agreement.ts"
import type { PartyKeys } from "../../actors/party/directory.ts"
import { keyFromText } from "../../protocol/channels/noise.ts"
import type { Scenario } from "./schema.ts"

/** Share of the unmarked rows that is held out: none where the files say which rows are. */
export const shareHeldOut = ({ heldOut }: Scenario): number => (heldOut === "marked" ? 0 : heldOut)

/** The public keys that a scenario lists, by the names of actors on the wire. */
export const keysOfScenario = ({ parties, users }: Scenario): PartyKeys => {
  const listed = [
    ...Object.entries(parties ?? {}),
    ...users.map(({ identity }, i) => [`user${i + 1}`, identity] as const)
  ]
  return new Map(
    listed.flatMap(([actor, text]) => {
      const key = text === undefined ? undefined : keyFromText(text)
      return key === undefined ? [] : [[actor, key] as const]
    })
  )
}

/** The agreement of a scenario; a seed given for the run replaces the scenario's. */
export const agreementOf = (scenario: Scenario, seed: number | undefined = scenario.seed): Agreement => ({
  scenario: scenario.name,
  users: scenario.users.map(({ name }, i) => ({ actor: `user${i + 1}`, name })),
  data: scenario.data,
  heldOut: shareHeldOut(scenario),
  network: scenario.network,
  training: scenario.training,
  security: scenario.security,
  archive: scenario.archive,
  ...(seed === undefined ? {} : { seed }),
  reveal: {
    accuracy: scenario.reveal.includes("accuracy"),
    heldOutRows: scenario.reveal.includes("heldOutRows"),
    progress: scenario.reveal.includes("progress")
  },
  deadlines: scenario.deadlines
})
