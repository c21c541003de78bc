/** `bicameral inspect`: prints what data files hold, for their owner's terminal. */
import { Effect } from "effect"
import { dataFilesOf } from "../inspect/draft.ts"
import { profilesOf } from "../inspect/file-profile.ts"
import { settingsOf, unknownFile } from "../inspect/file-settings.ts"
import { profileJson, shownProfile } from "../inspect/show.ts"
import { answer } from "../text/answer.ts"
import type { InspectRequest } from "./commands.ts"

/**
 * Reads each file once, those of a folder too, and prints what it holds, and the columns of a scenario that it proposes. A
 * file that can't be read keeps none of the others from it.
 */
export const inspectFiles = Effect.fn("Inspect.files")(function* ({ written, files }: InspectRequest) {
  const places = yield* dataFilesOf(files)
  const unknown = unknownFile(written, places)
  if (unknown !== undefined) return yield* unknown
  const { failure, profiles } = yield* profilesOf(places.map((file) => settingsOf(written, file)))
  if (profiles.length > 0)
    yield* answer({
      text: profiles.map((profile) => shownProfile(profile, process.stdout.isTTY === true)).join("\n\n\n"),
      value: profiles.map(profileJson)
    })
  if (failure !== undefined) return yield* failure
})
