/**
 * Another training on what was uploaded once: the clouds open the archive of an ended run again, train what the scenario
 * says, and the users come back to open the model. It is a run of its own, with a name, an out folder and keys of the
 * training of its own; the archive stays as it is.
 */
import { randomBytes } from "node:crypto"
import { join, resolve } from "node:path"
import { Data, Effect, Option } from "effect"
import { agreementDigest } from "../../actors/party/agreement.ts"
import { beginIn, openOut, partiesEntry } from "../folders/out-folder.ts"
import { requireRoom } from "./disk-room.ts"
import { prepareAgain } from "./prepare-again.ts"
import { carryOut, type RunOptions } from "./run.ts"
import { brokerIsThere } from "./run-broker.ts"

export interface TrainOptions extends Pick<RunOptions, "out" | "seed" | "display" | "onUp" | "memoryBytes"> {
  /** The out folder of the users' run. */
  readonly from: string
  /** Another scenario. */
  readonly scenario: Option.Option<string>
}

/** Faults are drawn over the phases of a run, and a training from an archive has not all of them. */
export class FaultsNotAgain extends Data.TaggedError("FaultsNotAgain")<{ readonly file: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.file}: faults happen in a run in which users upload, and none are injected into a training from its archive; give a copy of the scenario without faults with --scenario`
  }
}

/** Trains from an archive, and writes what a run writes to the out folder. */
export const trainAgain = Effect.fn("Run.trainAgain")(function* (options: TrainOptions) {
  const { from, out, seed, display } = options
  const startedMs = performance.now()
  const given = Option.getOrUndefined(Option.map(options.scenario, (file) => resolve(file)))
  const prepared = yield* prepareAgain(from, given, Option.getOrUndefined(seed))
  const { agreement, archived, file, referenceLeftOut, scenario } = prepared
  // The parties would inject those of messages, and nobody those of processes.
  if (scenario.faults !== undefined) return yield* new FaultsNotAgain({ file })
  if (referenceLeftOut !== undefined) display.note(`no reference will be trained: ${referenceLeftOut}`)
  yield* brokerIsThere(agreement, scenario.placement)
  yield* requireRoom(out, prepared.predicted.storedBytes)
  // What is removed must not be the archive.
  yield* openOut(out, [file, join(archived.out, partiesEntry)])
  const run = randomBytes(6).toString("hex")
  yield* beginIn(out, {
    ...{ file, run, transport: "nats" as const, seed: agreement.seed ?? null },
    ...{ agreement: agreementDigest(agreement), data: [] },
    ...{ archive: archived.out, reopens: archived.run }
  })
  const context = { ...options, ...prepared, run, startedMs, transport: "nats" as const }
  return { result: yield* carryOut(context), revealed: scenario.reveal }
}, Effect.scoped)
