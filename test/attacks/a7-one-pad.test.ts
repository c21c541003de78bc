/**
 * A7: a user's upload fails and is made again. The user that gives the salt gives another one, or another user declares its rows in
 * another order, and the same cells went to C1 in another order under the same pad: C1 had differences of cells.
 */
import { expect, layer } from "@effect/vitest"
import { Effect, Either, Fiber, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { NotExpected } from "../../actors/party/handlers.ts"
import { digestBytes } from "../../protocol/data/digest-order.ts"
import type { HeldTable } from "../../protocol/data/encoding.ts"
import { digestIds } from "../../protocol/data/rows.ts"
import { Enrol, Upload } from "../../protocol/messages/control.ts"
import { Enrolment } from "../../protocol/messages/enrolment.ts"
import {
  Declaration,
  OpenUpload,
  RowSalt,
  UploadShare0,
  UploadWords1
} from "../../protocol/messages/upload.ts"
import { on, type Party } from "../../runtime/messaging/contract.ts"
import { company } from "../support/company.ts"
import { patienceMs } from "../support/patience.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"

const options = { deadlineMs: patienceMs }
const mark = new Uint8Array(16).fill(1)
const security = { modulusBits: 512, insecure: true, upload: "hybrid" }

/** Differences of cells are below this, for cells between −1 and 1 at 20 fractional bits. */
const differencesBelow = 2n ** 22n

/** How many words of two views differ by no more than cells do. */
const underOnePad = (one: Uint8Array, other: Uint8Array): number => {
  const [words, others] = [new BigInt64Array(one.slice().buffer), new BigInt64Array(other.slice().buffer)]
  const difference = (i: number) => BigInt.asIntN(64, words[i]! - others[i]!)
  return words.reduce((count, _, i) => {
    const each = difference(i)
    return each > -differencesBelow && each < differencesBelow ? count + 1 : count
  }, 0)
}

const declared = (tables: ReadonlyArray<HeldTable>, salt: Uint8Array, turned = false) => ({
  blocks: tables.map(({ ids, columns }) => {
    const digests = digestIds(salt, turned ? ids.toReversed() : ids)
    expect(digests).toHaveLength(ids.length * digestBytes)
    return { digests, columns: [...columns], heldOut: false }
  })
})

/** user2 by itself among parties that the test plays: two users that declare, and clouds that take all. */
const surrounded = Effect.gen(function* () {
  const { file } = yield* writeScenario(splits.columns, { security })
  const { played, start, tables } = yield* company(file)
  yield* start("kgc")
  const { stable } = yield* start("user2")
  const cast = new Map<string, Party["Type"]>()
  for (const actor of ["director", "user1", "user3", "cloud0", "cloud1"])
    cast.set(actor, yield* played(actor))
  const as = (actor: string) => cast.get(actor)!

  let salt: Uint8Array = new Uint8Array(16)
  let interrupted = true
  const views: Array<Uint8Array> = []
  const taken = () => Effect.succeed({})
  yield* as("user1").serve([on(RowSalt, () => Effect.sync(() => ({ salt }))), on(Declaration, taken)])
  yield* as("user3").serve([on(Declaration, taken)])
  yield* as("cloud0").serve([on(OpenUpload, taken), on(UploadShare0, taken)])
  yield* as("cloud1").serve([
    on(OpenUpload, taken),
    on(UploadWords1, ({ words }, from) =>
      Effect.suspend(() => {
        views.push(words)
        return interrupted ? new NotExpected({ what: "words", party: from }) : Effect.succeed({})
      })
    )
  ])
  const enrolling = yield* Effect.forEach(["user1", "user3", "cloud0", "cloud1"], (actor) =>
    Effect.fork(as(actor).ask("kgc", Enrolment, { mark }, options))
  )
  yield* as("director").ask("user2", Enrol, {}, options)
  yield* Fiber.joinAll(enrolling)

  /** Has user2 upload, and returns what it says. */
  const uploading = (given: Uint8Array, turned = false) =>
    Effect.gen(function* () {
      salt = given
      yield* as("user1").ask("user2", Declaration, declared(tables.get("user1")!, salt), options)
      yield* as("user3").ask("user2", Declaration, declared(tables.get("user3")!, salt, turned), options)
      const answer = yield* Effect.either(as("director").ask("user2", Upload, {}, options))
      return Either.isRight(answer) ? "uploaded" : answer.left.message
    })
  return {
    uploading,
    views,
    stable,
    resume: () => {
      interrupted = false
    }
  }
})

layer(Layer.merge(bcpPool(1), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "A7",
  (it) => {
    it.scoped("an upload is resumed as it was, and not under another salt or another declaration", () =>
      Effect.gen(function* () {
        const { resume, stable, uploading, views } = yield* surrounded
        const [first, second] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)]
        expect(yield* uploading(first)).toContain("cloud1 failed at UploadWords1")
        resume()
        expect(yield* uploading(second)).toMatch(/^user2 failed at Upload: The salt that north gives changed/)
        expect(yield* uploading(first, true)).toMatch(
          /^user2 failed at Upload: What west declares to hold changed/
        )
        expect(views).toHaveLength(1)

        // A backup from before the first attempt does not know of it: another order is under other pads.
        for (const name of yield* stable.list)
          if (name === "salt" || name.startsWith("declared-by-")) yield* stable.remove(name)
        expect(yield* uploading(second)).toBe("uploaded")
        expect(views).toHaveLength(2)
        expect(views[0]!.length).toBe(views[1]!.length)
        expect(underOnePad(views[0]!, views[0]!)).toBe(views[0]!.length / 8)
        expect(underOnePad(views[0]!, views[1]!)).toBe(0)
      })
    )

    it.scoped("an upload that is resumed as it was sends the same bytes", () =>
      Effect.gen(function* () {
        const { resume, uploading, views } = yield* surrounded
        const salt = new Uint8Array(16).fill(3)
        expect(yield* uploading(salt)).toContain("cloud1 failed at UploadWords1")
        resume()
        expect(yield* uploading(salt)).toBe("uploaded")
        expect(views).toHaveLength(2)
        expect(views[0]).toEqual(views[1])
      })
    )
  }
)
