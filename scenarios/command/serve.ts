/** `bicameral serve`: the model of a run that has ended answers who asks, until this process is ended. */
import { Effect } from "effect"
import { serveRun } from "../run/serve.ts"
import { answer } from "../text/answer.ts"
import { counted } from "../text/units.ts"
import type { ServeRequest } from "./commands.ts"

/** Serves the model in an out folder until it is interrupted, or a party is lost for good. */
export const serveModelOfRun = ({ askers, out, quota }: ServeRequest) =>
  Effect.gen(function* () {
    const admitted = Array.from({ length: askers }, (_, k) => ({ actor: `asker${k + 1}`, rows: quota }))
    const note = (text: string) => console.error(`bicameral: ${text}`)
    const serving = yield* serveRun({ out, askers: admitted, display: { note } })
    const users = serving.agreement.users.map(({ name }) => name).join(", ")
    yield* answer({
      text: `serving the model of ${out} at ${serving.url}: ${users} may ask, and ${counted(askers, "asker")} of ${counted(quota, "row")} each; Ctrl-C ends it`,
      value: { url: serving.url, run: serving.run, askers, quota }
    })
    return yield* serving.lost
  }).pipe(Effect.scoped)
