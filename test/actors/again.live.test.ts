/**
 * Training again on what was uploaded once: the clouds open the archive of a run that has ended, without any user, and the
 * users come back for the model. All parties are in this process.
 */
import { expect, layer } from "@effect/vitest"
import { Effect, Either, Layer, Logger, Option } from "effect"
import { KeptByCloud0, masterKeyEntry } from "../../actors/clouds/transformation/archived-at-cloud0.ts"
import { archiveKeyEntry, KeptByCloud1 } from "../../actors/clouds/transformation/archived-at-cloud1.ts"
import { archiveEntry } from "../../actors/clouds/transformation/at-cloud1.ts"
import { cellsDigest } from "../../actors/clouds/transformation/reopened-table.ts"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { decodeArchive, encodeArchive } from "../../protocol/archive/archive.ts"
import { jobs } from "../../protocol/bcp/jobs.ts"
import { decodeParameters } from "../../protocol/bcp/wire.ts"
import { Enrol, Transform } from "../../protocol/messages/control.ts"
import { NewPrgKey } from "../../protocol/messages/enrolment.ts"
import { ArchivedShare0, OpenArchive, Reopen } from "../../protocol/messages/transformation.ts"
import { again, first, other, security, storesOf, trainedAgain, uploaded } from "../support/archived-runs.ts"
import { company } from "../support/company.ts"
import { patienceMs } from "../support/patience.ts"
import { splits } from "../support/small-scenario.ts"

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "a training from an archive",
  (it) => {
    it.scoped("gives the model of a fresh upload with the same seed, with other network, loss and rate", () =>
      Effect.gen(function* () {
        const { kept } = yield* uploaded(splits.columns, {
          ...{ seed: 5, training: first, security },
          // What is shown must have been agreed on, of fewer rows here.
          ...{ validation: 0.125, reveal: other.reveal }
        })
        const fresh = yield* uploaded(splits.columns, { ...other, seed: 5, security })
        const second = yield* trainedAgain(kept, splits.columns, { ...other, seed: 5, security })
        expect(second.actors).toEqual(["kgc", "cloud0", "cloud1"])
        expect(second.model).toBe(fresh.model)
        // The users test it on the rows that they held out then.
        expect(second.outcome.metrics).toEqual(fresh.outcome.metrics)
        expect(second.outcome.curve).toEqual(fresh.outcome.curve)
        expect(second.outcome.rows).toBe(fresh.outcome.rows)
        expect(second.outcome.kept.cloud0).toEqual({ kept: [], sealed: [] })
      })
    )

    it.scoped("has C0 open nothing for C1 but C1's own shares in the archive", () =>
      Effect.gen(function* () {
        const changes = { security, training: first }
        const { kept } = yield* uploaded(splits.rows, changes)
        const { agreement, file } = yield* again(splits.rows, changes)
        const parties = yield* company(file, { agreement, run: "second-run", kept })
        yield* parties.start("kgc")
        const { stable } = yield* parties.start("cloud0")
        const [director, cloud1] = [yield* parties.played("director"), yield* parties.played("cloud1")]
        const options = { deadlineMs: patienceMs }
        yield* cloud1.ask("kgc", NewPrgKey, { mark: new Uint8Array(16).fill(1) }, options)
        yield* director.ask("cloud0", Enrol, {}, options)
        const own = kept.get("cloud1")!
        const archive = yield* decodeArchive(Option.getOrThrow(yield* own.store.get(archiveEntry)))
        const { published } = yield* KeptByCloud1.decode(
          Option.getOrThrow(yield* own.stable.get(archiveKeyEntry))
        )
        const parameters = decodeParameters(published.wire)
        const [upload, another] = archive.uploads
        const { user, share0, share1 } = upload!
        const asked = (blinded: Uint8Array, of = user, first = 0) =>
          Effect.map(
            Effect.either(cloud1.ask("cloud0", Reopen, { user: of, first, blinded }, options)),
            Either.match({
              onLeft: (error) => (error._tag === "RemoteFailure" ? error.error._tag : error._tag),
              onRight: ({ plaintexts }) => plaintexts.length
            })
          )
        const key = new Uint8Array(16).fill(7)
        const { blinded } = jobs.addBlinds({ parameters, ciphertexts: share1, key })
        expect(yield* asked(blinded)).toBe(share1.length / 4)
        const publicKey = published.unifiedPublicKey
        const rerandomised = jobs.blind({ parameters, publicKey, mode: "short", ciphertexts: share1 }).blinded
        const wrongs: ReadonlyArray<Parameters<typeof asked>> = [
          [share0],
          [rerandomised],
          [another!.share1],
          [blinded, another!.user],
          [blinded, user, 1],
          [blinded, "user9"]
        ]
        for (const wrong of wrongs) expect(yield* asked(...wrong)).toBe("ReopeningRefused")
        // Of another archive than C0 has the keys for.
        const fewer = archive.uploads.slice(1).map(({ user, blocks }) => ({ user, blocks }))
        const claim = { users: fewer.map(({ user }) => user), cells: cellsDigest(fewer) }
        expect((yield* Effect.flip(cloud1.ask("cloud0", OpenArchive, claim, options))).message).toContain(
          "that of cloud1 has cells of south, west, and that of cloud0 of north, south, west"
        )
        // What C1 sends as C0's share must be that.
        const transforming = yield* Effect.fork(director.ask("cloud0", Transform, {}, options))
        for (const each of archive.uploads) {
          const share = each === another ? each.share1 : each.share0
          yield* cloud1.ask(
            "cloud0",
            ArchivedShare0,
            { user: each.user, first: 0, ciphertexts: share },
            options
          )
        }
        expect((yield* Effect.flip(transforming)).message).toContain(
          "cloud0's share of the cells of south is not that"
        )
        expect(yield* stable.list).not.toContain("transformed")
      })
    )

    it.scoped("is not gone on with at a cloud from which a user was withdrawn meanwhile", () =>
      Effect.gen(function* () {
        const changes = { security: { ...security, dealing: "clouds" }, training: first }
        const { kept } = yield* uploaded(splits.rows, changes)
        const { agreement, file } = yield* again(splits.rows, changes)
        const stores = storesOf()
        const options = { agreement, run: "second-run", kept, stores: stores.layerOf }
        const deadlineMs = patienceMs
        const clouds = ["cloud0", "cloud1"]
        yield* Effect.scoped(
          Effect.gen(function* () {
            const parties = yield* company(file, options)
            for (const cloud of clouds) yield* parties.start(cloud)
            const director = yield* parties.played("director")
            const asking = { concurrency: "unbounded" } as const
            yield* Effect.forEach(clouds, (cloud) => director.ask(cloud, Enrol, {}, { deadlineMs }), asking)
            yield* Effect.forEach(
              clouds,
              (cloud) => director.ask(cloud, Transform, {}, { deadlineMs }),
              asking
            )
          })
        )
        // As `archive forget` does where it finds no note of the training.
        const own = kept.get("cloud1")!
        const archive = yield* decodeArchive(Option.getOrThrow(yield* own.store.get(archiveEntry)))
        const uploads = archive.uploads.filter(({ user }) => user !== "user2")
        yield* own.store.put(archiveEntry, yield* encodeArchive({ ...archive, uploads }))
        const byCloud0 = kept.get("cloud0")!
        const master = yield* KeptByCloud0.decode(
          Option.getOrThrow(yield* byCloud0.stable.get(masterKeyEntry))
        )
        const others = master.uploads.filter(({ user }) => user !== "user2")
        yield* byCloud0.stable.put(masterKeyEntry, yield* KeptByCloud0.encode({ ...master, uploads: others }))
        const parties = yield* company(file, options)
        for (const cloud of clouds) yield* parties.start(cloud)
        const director = yield* parties.played("director")
        for (const cloud of clouds)
          expect((yield* Effect.flip(director.ask(cloud, Transform, {}, { deadlineMs }))).message).toContain(
            "the cells of south were withdrawn from the archive after this training had opened it"
          )
      })
    )
  }
)
