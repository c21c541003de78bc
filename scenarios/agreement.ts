/** From a scenario, which also says where each user's files are and what is expected, to what the parties agree on. */
import type { Agreement } from "../actors/agreement.ts"
import type { Scenario } from "./schema.ts"

/** The agreement of a scenario; a seed given for the run replaces the scenario's. */
export const agreementOf = (scenario: Scenario, seed: number | undefined = scenario.seed): Agreement => ({
  scenario: scenario.name,
  users: scenario.users.map(({ name }, i) => ({ actor: `user${i + 1}`, name })),
  data: scenario.data,
  heldOut: scenario.heldOut,
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
