/**
 * From a scenario, which also says where each user's files are and what is expected, to what the parties
 * agree on.
 */
import type { Agreement } from "../../actors/party/agreement.ts"
import type { Scenario } from "./schema.ts"

/** Share of the unmarked rows that is held out: none where the files say which rows are. */
export const shareHeldOut = ({ heldOut }: Scenario): number => (heldOut === "marked" ? 0 : heldOut)

/** The agreement of a scenario; a seed given for the run replaces the scenario's. */
export const agreementOf = (scenario: Scenario, seed: number | undefined = scenario.seed): Agreement => ({
  scenario: scenario.name,
  users: scenario.users.map(({ name }, i) => ({ actor: `user${i + 1}`, name })),
  data: scenario.data,
  heldOut: shareHeldOut(scenario),
  network: scenario.network,
  training: scenario.training,
  security: scenario.security,
  ...(seed === undefined ? {} : { seed }),
  reveal: {
    accuracy: scenario.reveal.includes("accuracy"),
    heldOutRows: scenario.reveal.includes("heldOutRows"),
    progress: scenario.reveal.includes("progress")
  },
  deadlines: scenario.deadlines
})
