/** Faults from the side that controls a run: a party that is to stay away is killed as often as it comes up. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Either } from "effect"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { decodeFaults } from "../../../scenarios/description/faults.ts"
import { faultsAtRun } from "../../../scenarios/faults-injected/at-run.ts"
import { planFaults } from "../../../scenarios/faults-injected/plan.ts"
import { plainScenario } from "../../support/plain-scenario.ts"
import { temporaryFolder } from "../../support/small-scenario.ts"

const agreement = agreementOf(Either.getOrThrow(decodeScenario(plainScenario)))

describe("faults at a run", () => {
  it.scopedLive("hold down a party that does not return, and no other", () =>
    Effect.gen(function* () {
      const event = { event: "kill", party: "user2", returns: false, when: { phase: "train" } }
      const plan = yield* planFaults(Either.getOrThrow(decodeFaults({ events: [event] })), agreement)
      const faults = yield* faultsAtRun(plan, yield* temporaryFolder, () => {})
      const killed: Array<string> = []
      const first = yield* Deferred.make<void>()
      faults.up({
        signal: (party, signal) => {
          Deferred.unsafeDone(first, Effect.void)
          return killed.push(`${signal} ${party}`) > 0
        }
      })
      faults.life({ _tag: "Up", party: "user2", pid: 1 })
      expect(faults.isHeldDown("user2")).toBe(false)
      faults.phase("train")
      yield* Deferred.await(first)
      for (const party of ["user1", "user2"]) faults.life({ _tag: "Up", party, pid: 2 })
      expect(killed).toEqual(["SIGKILL user2", "SIGKILL user2"])
      expect(["user1", "user2"].map((party) => faults.isHeldDown(party))).toEqual([false, true])
    })
  )
})
