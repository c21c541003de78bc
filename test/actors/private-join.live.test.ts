/** Whole runs with a private join: the model of the reference, what travels, and what nobody sees. */
import { randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { digestBytes } from "../../protocol/data/digest-order.ts"
import { pointBytes } from "../../protocol/join/points.ts"
import { Declaration, RaiseIds } from "../../protocol/messages/upload.ts"
import { within } from "../../scenarios/run/run-result.ts"
import { company, type Wired } from "../support/company.ts"
import { leaves, read, runInMemory, splits, writeScenario } from "../support/small-scenario.ts"

const short = { join: "private", training: { epochs: 2, batch: 8, rate: 0.25 } }

const quiet = Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger))

const partsOf = (bytes: Uint8Array, size: number) =>
  Array.from({ length: bytes.length / size }, (_, i) =>
    Buffer.from(bytes.subarray(i * size, (i + 1) * size)).toString("hex")
  )

describe("run - private join", () => {
  it.scopedLive(
    "is the fixed-point reference bit for bit, however the table is split, at the predicted cost",
    () =>
      Effect.gen(function* () {
        // The order of the rows is that of their digests, so the model is not that of a salted join.
        const models: Array<string> = []
        for (const split of [splits.columns, splits.blocks]) {
          const { file, out } = yield* writeScenario(split, { ...short, seed: 5 })
          const result = yield* runInMemory(file, out)
          expect(result.maxWeightDeviation).toBe(0)
          expect(within(result.bytes, 0.05)).toBe(true)
          models.push(yield* read(out, "model.json"))
        }
        expect(models[1]).toBe(models[0])
      })
  )

  it.scopedLive("shows no id, no digest to others than users, and no two lists under the same secrets", () =>
    Effect.gen(function* () {
      const { file } = yield* writeScenario(splits.columns, short)
      const messages: Array<Wired> = []
      const tap = (message: Wired) => {
        messages.push(message)
        return undefined
      }
      const { directed, startAll } = yield* company(file, { tap })
      yield* startAll()
      yield* directed
      expect(messages.filter(({ tag }) => tag === "RowSalt")).toEqual([])
      const asked = (tag: string) => messages.filter((each) => each.tag === tag && each.kind === "ask")
      for (const tag of ["CommitIds", "RaiseIds", "Declaration"]) {
        expect(asked(tag).length).toBeGreaterThanOrEqual(6)
        for (const { from, to } of asked(tag)) expect([from, to].join(" ")).toMatch(/^user\d user\d$/)
      }
      const wire = Buffer.concat(messages.map(({ body }) => body))
      for (const { id } of leaves) expect(wire.includes(id), id).toBe(false)
      // All users have the same ids. Each sees the lists of the two others, under secrets of which it knows none.
      for (const user of ["user1", "user2", "user3"]) {
        const seen = new Map<string, ReadonlyArray<string>>()
        for (const { body } of asked("RaiseIds").filter(({ to }) => to === user)) {
          const { owner, points } = Either.getOrThrow(RaiseIds.payload.decode(body))
          seen.set(owner, partsOf(points, pointBytes))
        }
        expect([...seen.keys()]).toHaveLength(2)
        const all = [...seen.values()].flat()
        expect(all).toHaveLength(2 * leaves.length)
        expect(new Set(all).size).toBe(all.length)
      }
      // The order of a file says something of its rows: here, south's is that of the others backwards.
      for (const { body } of asked("Declaration")) {
        const { blocks } = Either.getOrThrow(Declaration.payload.decode(body))
        for (const { digests } of blocks) {
          const listed = partsOf(digests, 16)
          expect(listed).toEqual([...listed].sort())
        }
      }
    }).pipe(Effect.provide(quiet))
  )

  it.scopedLive("ends where a user declares a row that it had no id raised for", () =>
    Effect.gen(function* () {
      const { file } = yield* writeScenario(splits.rows, short)
      const tap = ({ from, tag, kind, body }: Wired) => {
        if (from !== "user1" || tag !== Declaration.tag || kind !== "ask") return undefined
        const { blocks } = Either.getOrThrow(Declaration.payload.decode(body))
        const [block, ...others] = blocks
        const digests = new Uint8Array([...block!.digests, ...randomBytes(digestBytes)])
        return Either.getOrThrow(Declaration.payload.encode({ blocks: [{ ...block!, digests }, ...others] }))
      }
      const { directed, startAll } = yield* company(file, { tap })
      yield* startAll()
      const error = yield* Effect.flip(directed)
      expect(error.message).toContain("north declares 21 rows and had 20 ids raised")
    }).pipe(Effect.provide(quiet))
  )
})
