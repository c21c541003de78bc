/**
 * A1: the KGC reads what passes the broker. It knows both clouds' masks, so that the first round of the training, in which the clouds
 * open the data set under their masks, gives it every training cell. The clouds' messages are sealed: it finds none.
 */
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Either, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { labelMask } from "../../protocol/computation/masks.ts"
import { operation } from "../../protocol/learning/operations.ts"
import { Cloud0Secrets, Cloud1Secrets, Enrolment } from "../../protocol/messages/enrolment.ts"
import { decodeEnvelope } from "../../protocol/messages/envelope.ts"
import { Prg } from "../../protocol/ring/prg.ts"
import { Ring } from "../../protocol/ring/ring.ts"
import { company, type Framed, type Wired } from "../support/company.ts"
import { columns, leaves, splits, writeScenario } from "../support/small-scenario.ts"

const ranges = { length: 8, width: 5, veins: 16, weight: 1 } as const
const fractionalBits = 20

/** A row of cells as the attacker writes it down. */
const rowText = (cells: ReadonlyArray<number>) => cells.map((cell) => cell.toFixed(3)).join(",")

interface Overheard {
  readonly from: string
  readonly number: number
  readonly body: Uint8Array
}

/** The first rounds of the clouds among what was overheard. */
const firstRounds = (overheard: ReadonlyArray<Overheard>) =>
  ["cloud0", "cloud1"].map((cloud) => overheard.find(({ from, number }) => from === cloud && number === 1))

/** The training rows, from the first round of both clouds and the keys of their masks. */
const rowsFrom = (
  rounds: ReadonlyArray<Overheard>,
  keys: { readonly cloud0: Prg; readonly cloud1: Prg }
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () => {
    const ring = await Ring.load()
    const words = rounds.map(({ body }) => new BigUint64Array(body.slice().buffer))
    const shape = { rows: words[0]!.length / columns.length, cols: columns.length }
    const masks = ring.words(labelMask({ ring, keys, step: 0 }, operation("openInput", 0), shape))
    const scaled = Array.from(
      masks,
      (mask, i) => Number(BigInt.asIntN(64, words[0]![i]! + words[1]![i]! + mask)) / 2 ** fractionalBits
    )
    return Array.from({ length: shape.rows }, (_, row) =>
      rowText(columns.map((name, k) => ((scaled[row * shape.cols + k]! + 1) / 2) * ranges[name]))
    )
  })

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "A1",
  (it) => {
    describe("a KGC that sees the traffic of the broker", () => {
      it.scoped("would read every row from the clouds' rounds, and finds no round", () =>
        Effect.gen(function* () {
          const { file } = yield* writeScenario(splits.blocks, {
            training: { epochs: 1, batch: 8, rate: 0.25 }
          })
          const said: Array<Wired> = []
          const frames: Array<Framed> = []
          const { directed, startAll, run } = yield* company(file, {
            tap: (message) => {
              said.push(message)
              return undefined
            },
            wire: (frame) => {
              frames.push(frame)
              return undefined
            }
          })
          yield* startAll()
          yield* directed

          const secretsOf = (cloud: string) => {
            const handedOut = said.find(
              ({ tag, kind, to }) => tag === Enrolment.tag && kind === "reply" && to === cloud
            )
            return Either.getOrThrow(Enrolment.reply.decode(handedOut!.body)).secrets
          }
          const { prgKey: key0 } = Either.getOrThrow(Cloud0Secrets.decode(secretsOf("cloud0")))
          const { prgKey: key1 } = Either.getOrThrow(Cloud1Secrets.decode(secretsOf("cloud1")))
          const keys = { cloud0: Prg.ofRun(key0!, run), cloud1: Prg.ofRun(key1!, run) }

          // With the rounds as the clouds say them, the attack succeeds.
          const rounds = said.filter(({ kind, tag }) => kind === "round" && tag === "train")
          const rows = yield* rowsFrom(
            firstRounds(rounds).map((round) => round!),
            keys
          )
          const truth = new Set(
            leaves.map(({ cells }) => rowText(columns.map((name) => Number(cells[name]))))
          )
          expect(rows.length).toBe(48)
          expect(rows.filter((row) => truth.has(row))).toEqual(rows)

          // What passes the broker is no message to it.
          const between = frames.filter(({ from, to }) => from.startsWith("cloud") && to.startsWith("cloud"))
          expect(between.length).toBeGreaterThan(rounds.length)
          const read = between.flatMap(({ from, data }) => {
            const envelope = Either.getOrUndefined(decodeEnvelope(data))
            return envelope === undefined ? [] : [{ ...envelope, from }]
          })
          expect(firstRounds(read)).toEqual([undefined, undefined])
        })
      )

      it.scoped("has no key of a mask where the clouds deal, and is gone before the first of them", () =>
        Effect.gen(function* () {
          const { file } = yield* writeScenario(splits.rows, {
            training: { epochs: 1, batch: 24, rate: 0.25 },
            security: { modulusBits: 512, insecure: true, dealing: "clouds" }
          })
          const said: Array<Wired> = []
          const { directed, startAll } = yield* company(file, {
            tap: (message) => {
              said.push(message)
              return undefined
            }
          })
          yield* startAll()
          yield* directed
          const handedOut = said.filter(({ from, kind, tag }) => {
            return from === "kgc" && kind === "reply" && tag === Enrolment.tag
          })
          const secretsOf = (cloud: string) =>
            Either.getOrThrow(Enrolment.reply.decode(handedOut.find(({ to }) => to === cloud)!.body)).secrets
          expect(Either.getOrThrow(Cloud0Secrets.decode(secretsOf("cloud0"))).prgKey).toBe(undefined)
          expect(Either.getOrThrow(Cloud1Secrets.decode(secretsOf("cloud1"))).prgKey).toBe(undefined)
          const masked = said.findIndex(({ kind, tag }) => kind === "round" && tag === "train")
          const ofKgc = said.map(({ from, to }) => from === "kgc" || to === "kgc")
          expect(masked).toBeGreaterThan(0)
          expect(ofKgc.lastIndexOf(true)).toBeLessThan(masked)
          expect(said.map(({ tag }) => tag)).not.toContain("Deal")
        })
      )
    })
  }
)
