/** `bicameral inspect`: prints what data files hold, for their owner's terminal. */
import { Console, Effect } from "effect"
import { profileOf } from "../inspect/file-profile.ts"
import { profileJson, shownProfile } from "../inspect/show.ts"
import type { InspectRequest } from "./commands.ts"

/** Reads each file once and prints what it holds, and the columns of a scenario that it proposes. */
export const inspectFiles = Effect.fn("Inspect.files")(function* ({ encoding, files, json }: InspectRequest) {
  const profiles = yield* Effect.forEach(files, (file) => profileOf({ file, encoding }))
  yield* Console.log(
    json
      ? JSON.stringify(profiles.map(profileJson), undefined, 2)
      : profiles.map((profile) => shownProfile(profile, process.stdout.isTTY === true)).join("\n\n\n")
  )
})
