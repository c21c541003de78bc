/** The name of a run as people give it with `--run`: checked before anything is read or connected to. */
import { Data, Effect } from "effect"
import { isRunName, longestRunName } from "../../protocol/messages/subjects.ts"

/** What `--run` gives can't be the name of a run. */
export class RunNameInvalid extends Data.TaggedError("RunNameInvalid")<{ readonly run: string }> {
  readonly retryable = false
  override get message(): string {
    const near = nearest(this.run)
    const advice = near === "" ? "" : `; "${near}" would do, for all parties of the run`
    const given =
      this.run.length > longestRunName ? `of ${this.run.length} characters` : JSON.stringify(this.run)
    return `--run ${given} can't be the name of a run: it has 1 to ${longestRunName} letters from A to Z and a to z, digits and hyphens${advice}`
  }
}

/** The name without what a name may not have; empty where nothing is left. */
const nearest = (run: string): string =>
  run
    .normalize("NFKD")
    .replace(/\p{Mark}/gu, "")
    .replace(/[^A-Za-z0-9]+/g, "-")
    .slice(0, longestRunName)
    .replace(/^-|-$/g, "")

export const checkRunName = (run: string): Effect.Effect<void, RunNameInvalid> =>
  isRunName(run) ? Effect.void : new RunNameInvalid({ run })
