/** What makes runs of its own from a scenario, and takes no run that there was: an audit, a simulation. */
import { Data, Effect, Option } from "effect"
import { endedRunIn } from "./out-folder.ts"

/** A folder is of a run, and what was asked for makes runs of its own. */
export class RunOfItsOwn extends Data.TaggedError("RunOfItsOwn")<{
  readonly folder: string
  readonly what: string
  /** The scenario of the run in the folder. */
  readonly file: string
  /** Whether that trained from an archive. */
  readonly again: boolean
}> {
  readonly retryable = false
  override get message(): string {
    const upload = this.again
      ? ", in which users upload; how clouds open an archive is not in it, and is tested in test/actors/again.live.test.ts"
      : ""
    return `${this.folder} is the out folder of a run, and ${this.what} makes a run of its own${upload}; give the scenario, ${this.file}`
  }
}

/** Refuses the out folder of a run, with the scenario to give in its place. Lets everything else pass. */
export const refuseRun = (folder: string, what: string): Effect.Effect<void, RunOfItsOwn> =>
  Effect.flatMap(
    Effect.option(endedRunIn(folder)),
    Option.match({
      onNone: () => Effect.void,
      onSome: ({ archive, file }) => new RunOfItsOwn({ folder, what, file, again: archive !== undefined })
    })
  )
