/**
 * A2: a broker changes the opened weights of an epoch, forges a `Rejoin` in a cloud's name, lets the epoch run again unchanged, and
 * reads a batch from the difference. What it changes does not open, and what it says in another's name is not heard.
 */
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Option } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { modelEntry } from "../../actors/users/output.ts"
import { drawIdentity } from "../../protocol/channels/noise.ts"
import { Rejoin } from "../../protocol/messages/training.ts"
import { company, type Framed } from "../support/company.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"
import { warnings } from "../support/warnings.ts"

const scenario = { seed: 5, training: { epochs: 4, batch: 8, rate: 0.25 } }

/** The model of a run, through what `attack` does. */
const modelOf = (options: Parameters<typeof company>[1], attack: (parties: Company) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const { file } = yield* writeScenario(splits.blocks, scenario)
    const parties = yield* company(file, options)
    const started = yield* parties.startAll()
    const directed = yield* Effect.fork(parties.directed)
    yield* attack(parties)
    yield* directed
    const model = yield* started.get("user1")!.store.get(modelEntry)
    return new TextDecoder().decode(Option.getOrThrow(model))
  }).pipe(Effect.scoped)

type Company = Effect.Effect.Success<ReturnType<typeof company>>

layer(bcpPool(2), { excludeTestServices: true })("A2", (it) => {
  describe("a broker that changes messages and makes up others", () => {
    it.scoped(
      "is not heard: the model is that of the undisturbed run, and the log names whose messages were forged",
      () => {
        const { heard, layer: logger, unheard } = warnings()
        return Effect.gen(function* () {
          const undisturbed = yield* modelOf({}, () => Effect.void)
          const rounds = new Map<string, number>()
          let changed = 0
          // Every 25th frame that a cloud sends in a round: a bit of what the clouds open.
          const wire = ({ channel, data, from }: Framed) => {
            if (channel !== "round") return undefined
            const sent = (rounds.get(from) ?? 0) + 1
            rounds.set(from, sent)
            if (sent % 25 !== 0) return undefined
            changed++
            data[data.length >> 1]! ^= 1
            return [data]
          }
          const disturbed = yield* modelOf({ wire }, ({ played }) =>
            Effect.gen(function* () {
              // As cloud 1 to the broker, but without its identity.
              const eve = yield* played("cloud1", { identity: drawIdentity() })
              const answer = yield* Effect.flip(eve.ask("cloud0", Rejoin, {}, { deadlineMs: 1_500 }))
              expect(answer._tag).toBe("DeadlineExceeded")
            }).pipe(Effect.scoped, Effect.orDie, Effect.provide(unheard))
          )
          expect(disturbed).toBe(undisturbed)
          expect(changed).toBeGreaterThan(3)
          const named = (text: RegExp) =>
            new Set(heard.filter((each) => text.test(each.text)).map(({ from }) => from))
          expect([...named(/does not open under the key of its sender/)].sort()).toEqual(["cloud0", "cloud1"])
          expect(named(/a session was refused/)).toEqual(new Set(["cloud1"]))
        }).pipe(Effect.provide(logger))
      }
    )
  })
})
