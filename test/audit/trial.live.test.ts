/** A trial is recorded above and below the seals, and its audit finds nothing, in every form and with all kinds of processes. */
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { actorOf } from "../../protocol/messages/subjects.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"
import { audited, lineOf } from "../support/trial.ts"

const size = { rows: 24, epochs: 1 }

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "the audit of a trial",
  (it) => {
    describe("without any fault", () => {
      it.scoped("finds nothing, and says what each coalition has opened", () =>
        Effect.gen(function* () {
          const { file } = yield* writeScenario(splits.blocks)
          const { error, findings, pads, views, recording } = yield* audited(file, size)
          expect(error).toBeUndefined()
          expect([...findings, ...pads].map(lineOf)).toEqual([])
          expect(views.map(({ coalition }) => coalition)).toEqual([
            ...["broker", "kgc", "cloud0", "cloud1", "user1", "user2", "user3", "director"],
            "kgc with the broker",
            ...["cloud0 with user1", "cloud0 with user2", "cloud0 with user3"],
            ...["cloud1 with user1", "cloud1 with user2", "cloud1 with user3"],
            ...["all users but user1", "all users but user2", "all users but user3"]
          ])
          const kinds = (name: string) =>
            views.find(({ coalition }) => coalition === name)!.saw.map(({ what }) => what)
          expect(kinds("cloud0")).toContain("UploadShare0")
          expect(kinds("cloud0")).not.toContain("UploadShare1")
          expect(kinds("cloud1")).toContain("rounds")
          expect(kinds("broker")).toEqual(["frames"])
          expect(recording.frames.length).toBeGreaterThan(100)
          // The recording has what the audit has to know.
          for (const { actor } of recording.agreement.users) {
            const { cells, secrets, shares } = recording.held.get(actor)!
            expect(cells.length).toBeGreaterThan(0)
            expect([...secrets.keys()]).toEqual(
              expect.arrayContaining(["identity", "root", "salt", "secretKey", "share"])
            )
            expect(shares.map(({ what }) => what)).toEqual(["upload0", "upload1"])
          }
          for (const cloud of ["cloud0", "cloud1"])
            expect(recording.held.get(cloud)!.shares.map(({ what }) => what)).toEqual(["weights"])
        })
      )

      it.scoped("takes in the hybrid forms, lanes, workers and users that leave", () =>
        Effect.gen(function* () {
          const { file } = yield* writeScenario(splits.rows, {
            security: { modulusBits: 512, insecure: true, upload: "hybrid", output: "hybrid" },
            placement: {
              lanes: 2,
              workers: { kgc: 1, cloud0: 1, cloud1: 1 },
              usersLeaveAfterUpload: true
            }
          })
          const { error, findings, pads, recording } = yield* audited(file, size)
          expect(error).toBeUndefined()
          expect([...findings, ...pads].map(lineOf)).toEqual([])
          const processes = [...recording.seen.keys()].filter((name) => name !== actorOf(name))
          expect(processes.map((name) => name.replace(/-.*/, "")).sort()).toEqual(
            ["kgc.w", "cloud0.w", "cloud1.w", "cloud0.l", "cloud1.l"].sort()
          )
        })
      )
    })
  }
)
