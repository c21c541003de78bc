/** Simulated runs: the same seed does the same, faults leave the model as it is, and what must not be is found. */
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Effect, Option } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { phases } from "../../../actors/party/phases.ts"
import { type FaultPlan, type PlannedEvent, partiesOf } from "../../../scenarios/faults-injected/plan.ts"
import { fuzzKindsOf, fuzzRun } from "../../../scenarios/simulation/fuzzed-run.ts"
import { simulateRun } from "../../../scenarios/simulation/run.ts"
import {
  judge,
  loadSimulation,
  simulateSeed,
  simulateUndisturbed
} from "../../../scenarios/simulation/seeds.ts"
import type { SimulatedRun } from "../../../scenarios/simulation/verdict.ts"
import { type Simulation, simulationOf } from "../../../scenarios/simulation/world.ts"

let simulation: Simulation
let expected: SimulatedRun

beforeAll(async () => {
  const loading = loadSimulation("scenarios/two-plots.yaml", Option.none())
  simulation = (await Effect.runPromise(Effect.provide(loading, nodeContext))).simulation
  expected = await simulateUndisturbed(simulation)
})

const quiet: FaultPlan = { seed: 0, healAfterMs: 0, links: [], events: [] }
const everywhere = {
  from: "*",
  to: "*",
  loss: 0,
  duplication: 0,
  reordering: 0,
  corruption: 0,
  truncation: 0
}
const event = { groups: [], forMs: 1_000, byMs: 0, returns: true, party: undefined } as const

const underPlan = async (plan: Partial<FaultPlan>, livenessMs = 600_000) => {
  const whole = { ...quiet, healAfterMs: undefined, ...plan }
  const run = await simulateRun(simulation, { seed: whole.seed, plan: whole, livenessMs })
  return { run, problems: judge(run, expected, whole, simulation.agreement) }
}

describe("simulation", () => {
  it("is the fixed-point model of the scenario, and repeats to the byte on the wire", async () => {
    expect(expected.outcome?.steps).toBe(2)
    const plan = { seed: 9, links: [{ ...everywhere, loss: 0.1, duplication: 0.1, corruption: 0.05 }] }
    const [one, again] = [await underPlan(plan), await underPlan(plan)]
    expect(again.run.trace).toBe(one.run.trace)
    expect(again.run.faults).toEqual(one.run.faults)
    const other = await underPlan({ ...plan, seed: 10 })
    expect(other.run.trace).not.toBe(one.run.trace)
    for (const { problems } of [one, again, other]) expect(problems).toEqual([])
  })

  it("stands each kind of fault alone, at rates beyond a bad network", async () => {
    for (const kind of ["loss", "duplication", "reordering", "corruption", "truncation"] as const) {
      const { run, problems } = await underPlan({ seed: 1, links: [{ ...everywhere, [kind]: 0.25 }] })
      expect(problems).toEqual([])
      expect(run.faults.get(kind)).toBeGreaterThan(20)
    }
  })

  it("stands a partition of the clouds, a broker that dies, a clock that jumps and parties that stand still", async () => {
    const during = { on: "phase", phase: "train", afterMs: 1 } as const
    for (const happening of [
      { ...event, kind: "partition", groups: [["cloud0"], ["cloud1"]], moment: during, forMs: 10_000 },
      { ...event, kind: "broker-restart", moment: during },
      { ...event, kind: "pause", party: "cloud0", moment: during },
      { ...event, kind: "clock-jump", party: "cloud1", byMs: 30 * 60_000, moment: during },
      { ...event, kind: "clock-jump", party: "cloud1", byMs: -30 * 60_000, moment: during }
    ] as const) {
      const { run, problems } = await underPlan({ events: [happening] })
      expect(problems, happening.kind).toEqual([])
      expect(run.faults.get(happening.kind)).toBeGreaterThanOrEqual(1)
    }
  })

  it("sends again what was lost, whatever the date has become", async () => {
    // A reply is not sent again before it can have arrived; by a date that was set back that would be in an hour.
    const moment = { on: "message", tag: "Enrol", nth: 1 } as const
    const jump = { ...event, kind: "clock-jump", party: "user1", byMs: -3_600_000, moment } as const
    const links = [{ ...everywhere, from: "user1", to: "director", loss: 0.9 }]
    for (let seed = 1; seed <= 3; seed++) {
      const { problems } = await underPlan({ seed, links, events: [jump], healAfterMs: 5_000 }, 60_000)
      expect(problems).toEqual([])
    }
  })

  it("ends with the error of a party that fails while the director waits for others too", async () => {
    const moment = { on: "sent", messages: 2 } as const
    const full = { ...event, kind: "disk-full", party: "kgc", forMs: 60_000, moment } as const
    const { run, problems } = await underPlan({ events: [full] }, 60_000)
    expect(problems).toEqual([])
    expect(run.error).toMatch(/kgc failed at Enrolment: .* no space left/)
  })

  it("stands the death of each party in each phase", async () => {
    for (const party of partiesOf(simulation.agreement))
      for (const phase of phases) {
        const moment = { on: "phase", phase, afterMs: 0.5 } as const
        const { run, problems } = await underPlan({ events: [{ ...event, kind: "kill", party, moment }] })
        expect(problems, `${party} in ${phase}`).toEqual([])
        expect(run.faults.get("kill")).toBe(1)
      }
  })

  it("goes on from a checkpoint in the middle of the training, under the same masks", async () => {
    const { agreement } = simulation
    const epochs = 70
    const longer = await Effect.runPromise(
      simulationOf({
        ...simulation,
        agreement: { ...agreement, training: { ...agreement.training, epochs } }
      })
    )
    const undisturbed = await simulateUndisturbed(longer)
    const steps = undisturbed.outcome!.steps
    expect(steps).toBeGreaterThan(64)
    const kill = (party: string, moment: PlannedEvent["moment"]): PlannedEvent => ({
      ...event,
      kind: "kill",
      party,
      moment
    })
    // The latest checkpoint is that of step 64; the second epoch goes on from there.
    const events = [
      kill("cloud0", { on: "step", step: steps - 3 }),
      kill("cloud1", { on: "message", tag: "train.2", nth: 9 })
    ]
    const plan = { ...quiet, healAfterMs: undefined, events }
    const run = await simulateRun(longer, { seed: 1, plan, livenessMs: 600_000 })
    expect(judge(run, undisturbed, plan, longer.agreement)).toEqual([])
    expect(run.faults.get("kill")).toBe(2)
    // Had they begun again at the first step, it would be more than twice as many.
    expect(run.messages).toBeLessThan(1.3 * undisturbed.messages)
  })

  it("gives a cloud its last round by whoever comes back in place of the other that was done", async () => {
    const moment = { on: "message", tag: "Train", nth: 1 } as const
    // Cloud 1 answers that it has trained, and dies: where it took long, what it sent last to cloud 0 is lost.
    const links = [{ ...everywhere, from: "cloud1", to: "cloud0", delay: { meanMs: 5 } }]
    const events = [{ ...event, kind: "kill", party: "cloud1", moment } as const]
    for (let seed = 1; seed <= 4; seed++) {
      const { run, problems } = await underPlan({ seed, links, events })
      expect(problems).toEqual([])
      expect(run.faults.get("kill")).toBe(1)
    }
  })

  it("ends with an error that names who never comes back", async () => {
    const moment = { on: "message", tag: "UploadShare0", nth: 1 } as const
    const killed = { ...event, kind: "kill", party: "user2", returns: false, moment } as const
    const { run, problems } = await underPlan({ events: [killed] }, 4 * 3_600_000)
    expect(run.error).toMatch(/user2|west/)
    expect(problems).toEqual([])
    // Where the plan takes nobody away, the same error is a failure.
    expect(judge(run, expected, quiet, simulation.agreement)).not.toEqual([])
  })

  it("finds a run that never ends, and a model that is another", async () => {
    const { problems } = await underPlan({ links: [{ ...everywhere, loss: 1 }] })
    expect(problems[0]).toMatch(/no end after/)
    const wrong = { ...expected, model: new Uint8Array(4) }
    expect(judge(expected, wrong, quiet, simulation.agreement)).toEqual([
      "the model is not that of the undisturbed run"
    ])
  })

  it("draws faults for a seed and judges what came of it", async () => {
    const results = []
    for (let seed = 1; seed <= 8; seed++)
      results.push(await simulateSeed(simulation, undefined, expected, seed))
    for (const { problems, plan } of results) expect(problems, plan.join("\n")).toEqual([])
    // Whatever this process has simulated before.
    const [first, ...others] = results
    expect(await simulateSeed(simulation, undefined, expected, 1)).toEqual(first)
    expect(new Set(others.map(({ trace }) => trace)).size).toBe(others.length)
  })
})

describe("fuzz", () => {
  it.each([
    ["sealed messages, in anybody's name,", true],
    ["what is in them", false]
  ])("of %s kills nobody and leaves the model as it is", async (_, sealed) => {
    const messages = 5_000
    const { run, injected, subjects } = await fuzzRun(simulation, { seed: 1, messages, atATime: 50, sealed })
    expect(judge(run, expected, quiet, simulation.agreement)).toEqual([])
    expect([...injected.values()].reduce((sum, n) => sum + n, 0)).toBe(messages)
    for (const kind of fuzzKindsOf(sealed)) expect(injected.get(kind)).toBeGreaterThan(messages / 10)
    // Seven parties, twenty senders and four channels; some come up seldom.
    expect(subjects.size).toBeGreaterThan(300)
  })
})
