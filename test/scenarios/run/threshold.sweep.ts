/**
 * Runs over NATS of which two of three users decrypt the model, and whose users lose their folders after the
 * upload: the run ends without one of them; without two it says who is missing, and goes on from where it was
 * with a folder put back.
 */
import { cpSync, rmSync } from "node:fs"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { ProcessControl } from "../../../scenarios/faults-injected/process-control.ts"
import { resumeRun, runScenario } from "../../../scenarios/run/run.ts"
import { read, runInMemory, silent, splits, writeScenario } from "../../support/small-scenario.ts"

const scenario = {
  seed: 5,
  training: { epochs: 8, batch: 8, rate: 0.25 },
  expect: { maxWeightDeviation: 0 }
}

/**
 * A run whose users, once the training has begun, are killed and lose their folders, of which copies are
 * kept.
 */
const losing = (file: string, folder: string, users: ReadonlyArray<string>) => {
  let control: ProcessControl | undefined
  const parties = join(folder, "parties")
  const display = {
    ...silent,
    phase: (phase: string) => {
      if (phase !== "train") return
      for (const user of users) {
        control!.signal(user, "SIGKILL")
        cpSync(join(parties, user), join(folder, "..", `copy-of-${user}`), { recursive: true })
        rmSync(join(parties, user), { recursive: true })
      }
    }
  }
  const onUp = (given: ProcessControl) => {
    control = given
  }
  const options = { file, out: folder, transport: "nats", seed: Option.none(), display, onUp } as const
  return runScenario(options).pipe(Effect.provide(nodeContext))
}

describe("a threshold over NATS", () => {
  it.scopedLive("lets a run end without a user that has lost its folder, and with the same model", () =>
    Effect.gen(function* () {
      const all = yield* writeScenario(splits.rows, scenario)
      yield* runInMemory(all.file, all.out)
      const { file, out } = yield* writeScenario(splits.rows, { ...scenario, decryption: { threshold: 2 } })
      const { expectations, openers } = yield* losing(file, out, ["user1"])
      expect(openers).toEqual({
        threshold: 2,
        opened: ["south", "west"],
        absent: [{ user: "north", reason: "it is there without what it had stored" }],
        rejected: []
      })
      expect(expectations).toMatchObject([{ held: true }])
      expect(yield* read(out, "model.json")).toBe(yield* read(all.out, "model.json"))
    })
  )

  it.scopedLive(
    "names those that are missing where too few are left, and goes on with one of them back",
    () =>
      Effect.gen(function* () {
        const { file, folder, out } = yield* writeScenario(splits.rows, {
          ...scenario,
          decryption: { threshold: 2 }
        })
        const stopped = yield* Effect.flip(losing(file, out, ["user1", "user3"]))
        expect(stopped.message).toMatch(
          /it takes 2 users to decrypt the model; there: south; missing: north \(.*\), west \(.*\)/
        )
        rmSync(join(out, "parties", "user3"), { recursive: true })
        cpSync(join(folder, "copy-of-user3"), join(out, "parties", "user3"), { recursive: true })
        const resumed = resumeRun({ out, display: silent }).pipe(Effect.provide(nodeContext))
        const { result } = yield* resumed
        expect(result.openers).toMatchObject({ opened: ["south", "west"], absent: [{ user: "north" }] })
        expect(result.maxWeightDeviation).toBe(0)
      })
  )
})
