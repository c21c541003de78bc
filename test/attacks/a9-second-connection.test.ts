/**
 * A9: a second connection with a cloud's right to publish races the cloud's rounds, and says that it has come to the last round there
 * can be, whereupon the other cloud would forget what it keeps. Rounds count under the session's key only, and once.
 */
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Option } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { modelEntry } from "../../actors/users/output.ts"
import { FrameSealer, overheadBytes, sessionBytes } from "../../protocol/channels/frames.ts"
import { encodeEnvelope } from "../../protocol/messages/envelope.ts"
import { company, type Framed } from "../support/company.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"
import { warnings } from "../support/warnings.ts"

const scenario = { seed: 5, training: { epochs: 4, batch: 8, rate: 0.25 } }
const lastRound = 2 ** 32 - 1

/** A round that cloud 1 has not sent. */
const forgedRound = (number: number, bytes: number) =>
  encodeEnvelope({ kind: "round", id: "", tag: "train", number, of: 0, body: new Uint8Array(bytes) })

/** The forged round under a key of the forger's, in the session that the cloud uses. */
const sealedByForger = (frame: Uint8Array, content: Uint8Array) => {
  const sealed = new Uint8Array(content.length + overheadBytes)
  new FrameSealer(frame.slice(1, 1 + sessionBytes), new Uint8Array(32)).seal(content, sealed)
  return sealed
}

const modelOf = (options: Parameters<typeof company>[1]) =>
  Effect.gen(function* () {
    const { file } = yield* writeScenario(splits.blocks, scenario)
    const { directed, startAll } = yield* company(file, options)
    const started = yield* startAll()
    yield* directed
    const model = yield* started.get("user1")!.store.get(modelEntry)
    return new TextDecoder().decode(Option.getOrThrow(model))
  }).pipe(Effect.scoped)

layer(bcpPool(2), { excludeTestServices: true })("A9", (it) => {
  describe("a second connection under a cloud's name", () => {
    it.scoped(
      "wins no race: its rounds are dropped, whether unsealed, sealed by itself or sent again",
      () => {
        const { heard, layer: logger } = warnings()
        return Effect.gen(function* () {
          const undisturbed = yield* modelOf({})
          let raced = 0
          const before: Array<Uint8Array> = []
          // Each of its rounds comes before the cloud's own.
          const wire = ({ channel, data, from }: Framed) => {
            if (channel !== "round" || from !== "cloud1") return undefined
            const number = raced++ % 2 === 0 ? lastRound : Math.ceil(raced / 2)
            const forged = forgedRound(number, data.length)
            const again = before[raced % Math.max(1, before.length)]
            before.push(data.slice())
            return [
              forged,
              sealedByForger(data, forged),
              ...(again === undefined ? [] : [again.slice()]),
              data
            ]
          }
          expect(yield* modelOf({ wire })).toBe(undisturbed)
          expect(raced).toBeGreaterThan(10)
          const named = (text: RegExp) => heard.filter((each) => text.test(each.text)).map(({ from }) => from)
          expect(new Set(named(/nobody had sealed/))).toEqual(new Set(["cloud1"]))
          expect(new Set(named(/does not open under the key of its sender/))).toEqual(new Set(["cloud1"]))
        }).pipe(Effect.provide(logger))
      }
    )
  })
})
