/** `bicameral serve`: the model of a run that has ended answers who asks, until this process is ended. */
import { join } from "node:path"
import { Effect, Option } from "effect"
import { preparationEntry } from "../../actors/users/output.ts"
import { partiesEntry } from "../folders/out-folder.ts"
import type { Place } from "../gateway/guard.ts"
import { readPreparation } from "../model/preparation-file.ts"
import { predictorIn } from "../run/asking.ts"
import { type Serving, serveRun } from "../run/serve.ts"
import { answer } from "../text/answer.ts"
import { counted } from "../text/units.ts"
import { gatewayAt, requireLocal } from "./ask.ts"
import type { ServeRequest } from "./commands.ts"

/** A gateway of the first asker of a trial, until it is interrupted. */
export const gatewayOfTrial = (out: string, { agreement, asker }: Serving, place: Place) =>
  Effect.gen(function* () {
    const { preparation } = yield* readPreparation(join(out, partiesEntry, "user1", preparationEntry))
    const predictor = predictorIn(yield* asker("asker1"), preparation, agreement.deadlines.replyTimeoutMs)
    return yield* Effect.provide(gatewayAt({ preparation, place, names: [] }), predictor)
  })

/** Serves the model in an out folder until it is interrupted, or a party is lost for good. */
export const serveModelOfRun = ({ askers, gateway, out, quota }: ServeRequest) =>
  Effect.gen(function* () {
    if (Option.isSome(gateway)) yield* requireLocal(gateway.value)
    // The gateway asks as the first of them.
    const least = Option.isSome(gateway) ? 1 : 0
    const admitted = Array.from({ length: Math.max(least, askers) }, (_, k) => ({
      actor: `asker${k + 1}`,
      rows: quota
    }))
    const note = (text: string) => console.error(`bicameral: ${text}`)
    const serving = yield* serveRun({ out, askers: admitted, display: { note } })
    const users = serving.agreement.users.map(({ name }) => name).join(", ")
    yield* answer({
      text: `serving the model of ${out} at ${serving.url}: ${users} may ask, and ${counted(admitted.length, "asker")} of ${counted(quota, "row")} each; Ctrl-C ends it`,
      value: { url: serving.url, run: serving.run, askers, quota }
    })
    return yield* Option.match(gateway, {
      onNone: () => serving.lost,
      onSome: (place) => Effect.raceFirst(gatewayOfTrial(out, serving, place), serving.lost)
    })
  }).pipe(Effect.scoped)
