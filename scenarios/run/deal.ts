/**
 * The beginning of a run whose steps are dealt ahead: from the upload to the last correction that cloud 1 stores. `resume`
 * goes through the rest, whenever it may be. Everything is checked first, as for a run.
 */
import { Data, Effect } from "effect"
import { trainsOnCiphertexts } from "../../actors/party/agreement.ts"
import type { Scenario } from "../description/schema.ts"
import { dealtBytesAtRest } from "../forecast/traffic.ts"
import { counted, size } from "../text/units.ts"
import { requireRoom } from "./disk-room.ts"
import { prepareRun } from "./prepare.ts"
import { beginRun, dealProcesses, type RunOptions } from "./run.ts"
import { brokerIsThere } from "./run-broker.ts"

/** What it takes to deal ahead. */
export type DealOptions = Pick<RunOptions, "file" | "out" | "seed" | "display" | "onUp">

/** A KGC that deals beside the training leaves nothing to deal ahead. */
export class DealtBesideTraining extends Data.TaggedError("DealtBesideTraining")<{ readonly file: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.file}: security.dealing is kgc, and the KGC deals beside the training; to deal ahead, set it to kgc-ahead or clouds`
  }
}

/** On ciphertexts nothing is dealt. */
export class NothingToDeal extends Data.TaggedError("NothingToDeal")<{ readonly file: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.file}: training.on is ciphertexts, for which nothing is dealt; run it, or train on shares`
  }
}

const dealersOf = ({ security }: Scenario): string =>
  security.dealing === "clouds" ? "the clouds deal" : "the KGC deals"

/** Runs a scenario until all steps are dealt, and leaves its parties' state in the out folder for `resume`. */
export const dealScenario = Effect.fn("Run.deal")(function* (options: DealOptions) {
  const { file, out, seed, display } = options
  const prepared = yield* prepareRun(file, seed._tag === "Some" ? seed.value : undefined)
  const { agreement, foreseen, predicted, scenario } = prepared
  if (trainsOnCiphertexts(agreement)) return yield* new NothingToDeal({ file })
  if (agreement.security.dealing === "kgc") return yield* new DealtBesideTraining({ file })
  const storedBytes = dealtBytesAtRest(predicted.plan)
  const train = predicted.phases.find(({ phase }) => phase === "train")?.bytes ?? 0
  display.note(
    `${dealersOf(scenario)} ${counted(predicted.plan.steps, "step")} ahead: cloud 1 stores ${size(storedBytes)} on the disk of ${out}; dealing and training send ${size(train)}`
  )
  for (const each of foreseen) display.note(`warning: ${each}`)
  yield* brokerIsThere(agreement, scenario.placement)
  yield* requireRoom(out, storedBytes)
  const run = yield* beginRun(prepared, { file, out, transport: "nats" })
  yield* dealProcesses({ ...prepared, ...options, run })
}, Effect.scoped)
