/** What a simulated run ended with: its model or its error, and all that must not have happened. */
import { Cause, Effect, Exit, Option } from "effect"
import type { RunOutcome } from "../../actors/director.ts"
import { modelEntry } from "../../actors/users/output.ts"
import type { Ending } from "../../runtime/virtual/time.ts"
import { disagreements } from "./checkers/agreement.ts"
import type { Violation } from "./checkers/frame.ts"
import type { FaultKind } from "./run-record.ts"
import type { World } from "./world.ts"

export interface SimulatedRun {
  /** What user 1 decrypted, or the first user that was there; undefined where the run failed. */
  readonly model: Uint8Array | undefined
  readonly outcome: RunOutcome | undefined
  /** What ended the run otherwise. */
  readonly error: string | undefined
  readonly violations: ReadonlyArray<Violation>
  readonly faults: ReadonlyMap<FaultKind, number>
  /** What happened when, for people. */
  readonly history: ReadonlyArray<string>
  /** SHA-256 of all frames that were sent, and of what arrived where and when. */
  readonly trace: string
  /** How many messages arrived. */
  readonly messages: number
  readonly virtualMs: number
}

/** Judges a run by how it ended and what its world observed. */
export const verdictOf = async (world: World, ending: Ending<RunOutcome, unknown>): Promise<SimulatedRun> => {
  const { simulation, disks, record, time, watch } = world
  const outcome = ending._tag === "Ended" && Exit.isSuccess(ending.exit) ? ending.exit.value : undefined
  const openers = outcome?.openers?.opened ?? simulation.agreement.users.map(({ actor }) => actor)
  const models = await Promise.all(
    openers.map(
      async (actor) => [actor, await Effect.runPromise(disks.get(actor)!.store.get(modelEntry))] as const
    )
  )
  const ended = outcome !== undefined
  return {
    model: ended ? Option.getOrUndefined(models[0]![1]) : undefined,
    outcome,
    error: errorOf(ending),
    violations: [...watch.violations, ...(ended ? disagreements(models) : [])],
    faults: record.faults,
    history: record.history,
    trace: record.digest(),
    messages: record.messages,
    virtualMs: time.nowMs()
  }
}

const errorOf = (ending: Ending<RunOutcome, unknown>): string | undefined => {
  switch (ending._tag) {
    case "Ended":
      return Exit.isSuccess(ending.exit) ? undefined : describeCause(ending.exit.cause)
    case "Stuck":
      return "every party waits for something that is never going to happen"
    case "OutOfTime":
      return `no end after ${Math.round(ending.atMs)} ms`
  }
}

const describeCause = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  const tag = typeof error === "object" && error !== null && "_tag" in error ? `${String(error._tag)}: ` : ""
  return `${Cause.isDie(cause) ? "defect: " : ""}${tag}${error instanceof Error ? error.message : String(error)}`
}
