/**
 * One run of a scenario in this process: every party a fiber, on a virtual network and clock, with all
 * randomness drawn from one seed. The same seed gives the same run, down to the bytes on the wire.
 */
import { replaceRandomness } from "../../runtime/virtual/randomness.ts"
import { Secrets } from "./checkers/secrets.ts"
import { directWorld } from "./director.ts"
import { type SimulatedRun, verdictOf } from "./verdict.ts"
import { addDrawn, makeWorld, type Simulation, type SimulationOptions } from "./world.ts"

/** Runs a simulation to its end under a plan of faults. */
export const simulateRun = async (
  simulation: Simulation,
  options: SimulationOptions
): Promise<SimulatedRun> => {
  const secrets = new Secrets(simulation.secrets)
  const randomness = replaceRandomness(`bicameral simulation ${options.seed}`, addDrawn(secrets))
  try {
    const world = makeWorld(simulation, options, secrets, randomness)
    const mostMs = (options.plan.healAfterMs ?? 0) + options.livenessMs
    return await verdictOf(world, await world.time.run(directWorld(world), mostMs))
  } finally {
    randomness.giveBack()
  }
}
