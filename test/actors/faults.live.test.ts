/** Runs in which a party, or the wire, does something wrong: the run ends, and the error says what was wrong and where. */
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Either, Exit, Layer, Logger } from "effect"
import { BcpPool, layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { ciphertextBytes } from "../../protocol/bcp/wire.ts"
import { indicesFromBytes, indicesToBytes } from "../../protocol/data/rows.ts"
import type { Format } from "../../protocol/messages/message.ts"
import { PartialDecryptions } from "../../protocol/messages/output.ts"
import { Deal } from "../../protocol/messages/training.ts"
import { OpenUpload, UploadShare0 } from "../../protocol/messages/upload.ts"
import { verdictOf } from "../../scenarios/command/commands.ts"
import { type CompanyOptions, company, type Tap } from "../support/company.ts"
import { type Split, splits, writeScenario } from "../support/small-scenario.ts"

// A phase may take longer than any test: a run that fails must end by itself.
const quick = {
  seed: 3,
  training: { epochs: 1, batch: 8, rate: 0.25 },
  deadlines: { replyTimeoutMs: 1_500, roundTimeoutMs: 1_500, phaseTimeoutMs: 600_000 }
}

const patient = { seed: 3, training: quick.training }

const written = (options: CompanyOptions = {}, split: Split = splits.rows, changes: object = quick) =>
  Effect.flatMap(writeScenario(split, changes), ({ file }) => company(file, options))

/** What the director says of a run that has to fail. */
const failing = <E extends Error, R>(directed: Effect.Effect<unknown, E, R>) =>
  Effect.map(Effect.either(directed), (outcome) => {
    if (Either.isRight(outcome)) throw new Error("the run went through")
    const { lines, status } = verdictOf(Exit.fail(outcome.left))
    expect(status).toBe(1)
    expect(lines[0]).toMatch(/^bicameral: \w+ failed at \w+: /)
    return outcome.left
  })

/** Changes what messages of this tag carry, from this party where one is given. */
const changing =
  <A>(
    message: { readonly tag: string; readonly payload: Format<A> },
    from: string,
    change: (payload: A) => A
  ): Tap =>
  (wired) =>
    wired.tag === message.tag && wired.kind === "ask" && wired.from === from
      ? Either.getOrThrow(
          message.payload.encode(change(Either.getOrThrow(message.payload.decode(wired.body))))
        )
      : undefined

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "run - faults",
  (it) => {
    const tapped = (tap: Tap) =>
      Effect.gen(function* () {
        const { directed, startAll } = yield* written({ tap })
        yield* startAll()
        return yield* failing(directed)
      })

    describe("upload", () => {
      it.scoped("a ciphertext outside the group is named, with its user and its place", () =>
        Effect.gen(function* () {
          const each = ciphertextBytes({ bits: 512 })
          const spoil = (payload: { readonly first: number; readonly ciphertexts: Uint8Array }) => ({
            ...payload,
            ciphertexts: payload.ciphertexts.fill(0, 2 * each, 3 * each)
          })
          const error = yield* tapped(changing(UploadShare0, "user2", spoil))
          expect(error).toMatchObject({ party: "cloud0", error: { _tag: "UploadRefused" } })
          expect(error.message).toMatch(/The upload of south .* from number 0: ciphertext 2 is invalid/)
        })
      )

      it.scoped("C1 too names who sent a ciphertext outside the group", () =>
        Effect.gen(function* () {
          const { directed, start, startAll } = yield* written()
          yield* startAll("user2")
          const pool = yield* BcpPool
          // Sealed to C1, so that it is the user itself who has to send it; C0's share comes first.
          let encrypted = 0
          const spoilt: typeof pool = {
            run: (job, input) =>
              Effect.map(pool.run(job, input), (output) => {
                if (job === "encryptPacked" && ++encrypted === 2) {
                  ;(output as { readonly ciphertexts: Uint8Array }).ciphertexts.fill(0xff)
                }
                return output
              })
          }
          yield* start("user2", { pool: spoilt })
          const error = yield* failing(directed)
          expect(error).toMatchObject({ party: "cloud1", error: { _tag: "UploadRefused" } })
          expect(error.message).toMatch(/The upload of south .* from number 0: ciphertext 0 is invalid/)
        })
      )

      it.scoped("a message cut short is refused by name", () =>
        Effect.gen(function* () {
          const error = yield* tapped((wired) =>
            wired.tag === UploadShare0.tag && wired.kind === "ask" ? wired.body.slice(0, -1) : undefined
          )
          expect(error).toMatchObject({ request: "Upload" })
          expect(error.message).toMatch(/cloud0 failed at UploadShare0: UploadShare0 is malformed/)
        })
      )

      it.scoped("ciphertexts cut short are no whole number of ciphertexts", () =>
        Effect.gen(function* () {
          const error = yield* tapped(
            changing(UploadShare0, "user1", ({ first, ciphertexts }) => ({
              first,
              ciphertexts: ciphertexts.slice(0, -1)
            }))
          )
          expect(error.message).toMatch(/no whole number of ciphertexts.*PieceRejected/)
        })
      )

      it.scoped(
        "a message that never arrives whole ends at the deadline, which names who waits for what",
        () =>
          Effect.gen(function* () {
            const error = yield* tapped((wired) =>
              wired.tag === UploadShare0.tag && wired.kind === "ask" ? "cut" : undefined
            )
            expect(error.message).toMatch(
              /cloud0 did not answer UploadShare0 in phase upload within 1\d\d\d ms/
            )
          })
      )

      it.scoped("a message that is cut once is sent again, and the run goes through", () =>
        Effect.gen(function* () {
          const cut = new Set<string>()
          const once: Tap = (wired) => {
            const kind = `${wired.tag} ${wired.kind}`
            if (cut.has(kind)) return undefined
            cut.add(kind)
            return "cut"
          }
          const { directed, startAll } = yield* written({ tap: once }, splits.rows, patient)
          yield* startAll()
          const outcome = yield* directed
          expect(outcome.steps).toBe(6)
          expect(cut.size).toBeGreaterThan(30)
        })
      )
    })

    describe("rows", () => {
      it.scoped(
        "that are too few to train or to test on are found by the users, before anything is uploaded",
        () =>
          Effect.gen(function* () {
            const sent = new Set<string>()
            const tap: Tap = ({ tag }) => {
              sent.add(tag)
              return undefined
            }
            const few = (changes: object) =>
              Effect.gen(function* () {
                // The files of all are not checked together, as on hosts of their own.
                const { directed, startAll } = yield* written({ tap }, splits.rows, { ...quick, ...changes })
                yield* startAll()
                return yield* failing(directed)
              })
            const untested = yield* few({ heldOut: 0.01 })
            expect(untested).toMatchObject({ request: "Upload", error: { _tag: "NothingHeldOut" } })
            expect(untested.message).toMatch(/heldOut: 0\.01 of 60 rows is no row, .*; hold out more/)
            const small = yield* few({ training: { epochs: 1, batch: 49, rate: 0.25 } })
            expect(small).toMatchObject({ request: "Upload", error: { _tag: "InvalidPlan" } })
            expect(small.message).toContain(
              "training.batch: a batch of 49 rows is larger than the 48 training rows"
            )
            expect([...sent]).toContain("Declaration")
            expect([...sent]).not.toContain(UploadShare0.tag)
          })
      )

      it.scoped("ids that do not match are found by the users themselves, who do not tell them", () =>
        Effect.gen(function* () {
          const { directed, start, startAll, tables } = yield* written({}, splits.columns)
          const renamed = tables.get("user2")!.map((table) => ({
            ...table,
            ids: table.ids.map((id) => (id === "leaf-7" ? "stranger" : id))
          }))
          yield* startAll("user2")
          yield* start("user2", { tables: renamed })
          const error = yield* failing(directed)
          expect(error).toMatchObject({ request: "Upload", error: { _tag: "RowsDoNotMatch" } })
          expect(error.message).toMatch(/cells are held by nobody.*the event log of/)
          expect(error.message).not.toMatch(/leaf-7|stranger/)
        })
      )

      it.scoped("cells taken twice, and others by nobody, are found by the clouds", () =>
        Effect.gen(function* () {
          const error = yield* tapped(
            changing(OpenUpload, "user2", (opening) => ({
              ...opening,
              blocks: opening.blocks.map(({ rows, columns }) => {
                const held = indicesFromBytes(rows)
                const foreign = Array.from({ length: opening.rows }, (_, row) => row).find(
                  (row) => !held.includes(row)
                )!
                return { rows: indicesToBytes(Uint32Array.from([foreign, ...held.subarray(1)])), columns }
              })
            }))
          )
          expect(error).toMatchObject({ request: "Transform", error: { _tag: "CoverageError" } })
          expect(error.message).toMatch(/5 cells are held by nobody; add/)
          expect(error.message).toMatch(/5 cells are held more than once/)
          expect(error.message).toMatch(
            /length, width, veins, weight, kind \((north and south|south and west)\)/
          )
        })
      )

      it.scoped("fewer or more ciphertexts than the cells take are refused before they are sent", () =>
        Effect.gen(function* () {
          for (const ciphertexts of [1, 2 ** 40]) {
            const error = yield* tapped(
              changing(OpenUpload, "user2", (opening) => ({ ...opening, ciphertexts }))
            )
            expect(error).toMatchObject({ party: "user2", request: "Upload" })
            expect(error.message).toMatch(
              /south announced \d+ ciphertexts for 114 cells, which take 17; .*UploadsDisagree/
            )
          }
        })
      )

      it.scoped("other ciphertexts than that of the seed are refused in the hybrid form too", () =>
        Effect.gen(function* () {
          const tap = changing(OpenUpload, "user2", (opening) => ({ ...opening, ciphertexts: 2 ** 40 }))
          const security = { modulusBits: 512, insecure: true, upload: "hybrid" }
          const { directed, startAll } = yield* written({ tap }, splits.rows, { ...quick, security })
          yield* startAll()
          const error = yield* failing(directed)
          expect(error).toMatchObject({ request: "Upload", error: { _tag: "RemoteFailure" } })
          expect(error.message).toContain("UploadsDisagree")
        })
      )
    })

    describe("training", () => {
      it.scoped("a round cut short is refused by the other cloud", () =>
        Effect.gen(function* () {
          // The other cloud goes on waiting for what will not come, and the run ends all the same.
          const error = yield* tapped((wired) =>
            wired.kind === "round" && wired.from === "cloud0" && wired.number === 3
              ? wired.body.slice(0, -8)
              : undefined
          )
          expect(error).toMatchObject({
            party: "cloud1",
            request: "Train",
            error: { _tag: "OpeningRefused" }
          })
        })
      )

      it.scoped("corrections cut short are refused by C1", () =>
        Effect.gen(function* () {
          const error = yield* tapped((wired) => {
            if (wired.tag !== Deal.tag || wired.kind !== "reply") return undefined
            const { corrections } = Either.getOrThrow(Deal.reply.decode(wired.body))
            return Either.getOrThrow(Deal.reply.encode({ corrections: corrections.slice(0, -8) }))
          })
          expect(error).toMatchObject({
            party: "cloud1",
            request: "Train",
            error: { _tag: "CorrectionsRefused" }
          })
        })
      )
    })

    describe("output", () => {
      it.scoped("a wrong partial decryption opens nothing, and names its user", () =>
        Effect.gen(function* () {
          const spoil = <P extends { readonly partials: Uint8Array }>(payload: P): P => {
            const partials = payload.partials.slice()
            partials[100]! ^= 1
            return { ...payload, partials }
          }
          const { directed, startAll } = yield* written({
            tap: changing(PartialDecryptions, "user2", spoil)
          })
          const stores = yield* startAll()
          const error = yield* failing(directed)
          expect(error).toMatchObject({
            request: "OpenModel",
            error: { _tag: "PartialsRejected", retryable: false }
          })
          expect(error.message).toContain("partial decryptions of the model by south")
          for (const user of ["user1", "user3"]) {
            expect(yield* stores.get(user)!.store.list).not.toContain("model.json")
          }
        })
      )
    })
  }
)
