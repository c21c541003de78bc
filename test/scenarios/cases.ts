/**
 * Studies as people brought them, each a folder in `cases`: a scenario and the files that are its own. What it lacks is that of
 * the baseline, or of a longer one, which run.
 */
import { cp } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { temporaryFolder } from "../support/small-scenario.ts"

const folders = fileURLToPath(new URL("cases", import.meta.url))

/** A copy of a study, in a folder that goes with the scope; gives the path of the folder. */
export const studyOf = (name: string, base: "baseline" | "longer" = "baseline") =>
  Effect.tap(temporaryFolder, (folder) =>
    Effect.promise(async () => {
      await cp(join(folders, base), folder, { recursive: true })
      await cp(join(folders, name), folder, { recursive: true })
    })
  )
