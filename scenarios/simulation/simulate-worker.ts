/** A process that simulates the seeds it is sent, one after the other: the child of `command/simulate.ts`. */
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Effect, Option } from "effect"
import { loadSimulation, type SeedResult, simulateSeed, simulateUndisturbed } from "./seeds.ts"

/** What the worker is sent: first what to simulate, then ranges of seeds, the last included. */
export type WorkerRequest =
  | { readonly file: string; readonly faults: string | undefined }
  | { readonly from: number; readonly to: number }

/** What it answers: `Idle` while it waits for seeds. */
export type WorkerReply =
  | { readonly _tag: "Idle" }
  | { readonly _tag: "Seed"; readonly result: SeedResult }
  | { readonly _tag: "Failed"; readonly message: string }

// Stacks are not read here, and every span of Effect would take one.
Error.stackTraceLimit = 0

// A parent that is gone needs no reply: "disconnect" reports its end.
const say = (reply: WorkerReply) => process.send!(reply, () => undefined)

let simulating: Promise<(seed: number) => Promise<SeedResult>> | undefined

const prepare = async (file: string, faultsFile: string | undefined) => {
  const { simulation, faults } = await Effect.runPromise(
    Effect.provide(loadSimulation(file, Option.fromNullable(faultsFile)), nodeContext)
  )
  const expected = await simulateUndisturbed(simulation)
  return (seed: number) => simulateSeed(simulation, faults, expected, seed)
}

process.on("message", async (request: WorkerRequest) => {
  try {
    if ("file" in request) {
      simulating = prepare(request.file, request.faults)
      await simulating
    } else {
      const simulate = await simulating!
      for (let seed = request.from; seed <= request.to; seed++)
        say({ _tag: "Seed", result: await simulate(seed) })
    }
    say({ _tag: "Idle" })
  } catch (error) {
    say({ _tag: "Failed", message: error instanceof Error ? error.message : String(error) })
  }
})
process.on("disconnect", () => process.exit())
