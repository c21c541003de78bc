/**
 * Training again from an archive over NATS, and withdrawing a user from it: the runs of `run`, `train` and `archive`.
 * `again.sweep.ts` kills parties meanwhile.
 */
import { readdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Option } from "effect"
import { KeptByCloud0, masterKeyEntry } from "../../../actors/clouds/transformation/archived-at-cloud0.ts"
import { decodeArchive } from "../../../protocol/archive/archive.ts"
import { jobs } from "../../../protocol/bcp/jobs.ts"
import { uploadSlotBits } from "../../../protocol/bcp/packing.ts"
import { ciphertextBytes, decodeParameters } from "../../../protocol/bcp/wire.ts"
import { stateKeysIn } from "../../../scenarios/folders/kept-credentials.ts"
import { keptIn } from "../../../scenarios/folders/kept-folder.ts"
import { trainAgain } from "../../../scenarios/run/again.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import { command } from "../../support/in-process.ts"
import { ending, read, runInMemory, silent, splits, writeScenario } from "../../support/small-scenario.ts"

const short = {
  seed: 5,
  heldOut: 0,
  reveal: [],
  training: { epochs: 2, batch: 8, rate: 0.25 },
  network: { hidden: [3] }
}

const filesBelow = (folder: string) =>
  Effect.promise(async () => {
    const all = await readdir(folder, { recursive: true, withFileTypes: true })
    return Promise.all(
      all.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name)))
    )
  })

/** The two growers that stay, as users of an upload of their own. */
const staying = [splits.rows[0]!, splits.rows[2]!]

describe("an archive over NATS", () => {
  it.scopedLive("is trained from without users' files, and a user is withdrawn from it for good", () =>
    Effect.gen(function* () {
      const { file, folder, out } = yield* writeScenario(splits.rows, short)
      const transport = "nats" as const
      yield* runScenario({ file, out, transport, seed: Option.none(), display: silent }).pipe(
        Effect.provide(nodeContext)
      )
      for (const name of yield* Effect.promise(() => readdir(folder)))
        if (name.endsWith(".csv")) yield* Effect.promise(() => rm(join(folder, name)))
      const shown = yield* command("archive", "show", out)
      expect(shown.printed).toMatch(/south {2}150 cells of 25 rows/)
      expect((yield* command("archive", "list", folder)).printed).toContain(
        "leaves, 60 rows of 3 users, packed"
      )

      const before = yield* decodeArchive(
        new Uint8Array(yield* Effect.promise(() => readFile(join(out, "parties", "cloud1", "archive"))))
      )
      const gone = before.uploads.find(({ user }) => user === "user2")!
      const stranger = yield* command("archive", "forget", out, "--user", "east")
      expect(stranger.complained).toContain("those of north, south, west are")
      const forgotten = yield* command("archive", "forget", out, "--user", "south")
      expect(forgotten.printed).toContain("the cells of south are erased")
      expect(forgotten.printed).toContain("out of reach: copies made before")
      expect((yield* command("archive", "forget", out, "--user", "south")).complained).toContain(
        "no cells of south"
      )

      // Nothing of it is in either cloud's folder, and nothing there is opened to its words.
      const each = ciphertextBytes({ bits: before.bits })
      const files = [
        ...(yield* filesBelow(join(out, "parties", "cloud0"))),
        ...(yield* filesBelow(join(out, "parties", "cloud1")))
      ]
      for (const share of [gone.share0, gone.share1])
        for (let at = 0; at < share.length; at += each)
          expect(files.some((bytes) => bytes.includes(Buffer.from(share.subarray(at, at + each))))).toBe(
            false
          )
      const { cloud0: key } = yield* stateKeysIn(out)
      const cloud0 = yield* keptIn(join(out, "parties", "cloud0"), "cloud0", key!)
      const kept = yield* KeptByCloud0.decode(Option.getOrThrow(yield* cloud0.stable.get(masterKeyEntry)))
      const parameters = decodeParameters(kept.published.wire)
      const opened = (ciphertexts: Uint8Array) =>
        Buffer.from(
          jobs.openMaster({
            ...{ parameters, masterKey: { p: kept.p, q: kept.q }, mode: "short" },
            ...{ publicKey: kept.published.unifiedPublicKey, ciphertexts, slotBits: uploadSlotBits }
          }).words
        )
      // An earlier copy is out of reach of it, and shows what is looked for.
      const words = [opened(gone.share0), opened(gone.share1)].map((all) => all.subarray(0, 32))
      const after = yield* decodeArchive(
        new Uint8Array(yield* Effect.promise(() => readFile(join(out, "parties", "cloud1", "archive"))))
      )
      expect(after.uploads.map(({ user }) => user)).toEqual(["user1", "user3"])
      for (const { share0, share1 } of after.uploads)
        for (const share of [share0, share1])
          for (const word of words) expect(opened(share).includes(word)).toBe(false)
      expect(kept.shares.map(({ user }) => user)).toEqual(["user1", "user3"])
      expect(kept.pieces.map(({ user }) => user)).not.toContain("user2")

      // The rest is what the others would have uploaded by themselves.
      const { file: alone, out: fresh } = yield* writeScenario(staying, short)
      yield* runInMemory(alone, fresh)
      const again = join(folder, "again")
      const { result } = yield* trainAgain({
        ...{ from: out, scenario: Option.none(), out: again, seed: Option.none(), display: silent }
      }).pipe(Effect.provide(nodeContext))
      expect(result.rows.training).toBe(35)
      expect(yield* read(again, "model.json")).toBe(yield* read(fresh, "model.json"))
      expect(result.kept.cloud1).toEqual([])

      // What makes runs of its own names the scenario to give, and a training has no phases for faults.
      for (const asked of ["audit", "simulate"] as const) {
        const { complained, status } = yield* command(asked, again)
        expect(complained).toContain(`makes a run of its own, in which users upload`)
        expect(complained).toContain(`give the scenario, ${file}`)
        expect(status).toBe(1)
      }
      expect((yield* command("audit", out)).complained).toContain("an audit makes a run of its own; give")
      const disturbed = join(folder, "disturbed.yaml")
      const text = yield* Effect.promise(() => readFile(file, "utf8"))
      const faults = "faults: { links: [{ loss: 0.1 }] }"
      yield* Effect.promise(() => writeFile(disturbed, `${text}\n${faults}\n`))
      const elsewhere = ["--scenario", disturbed, "--out", join(folder, "third")] as const
      expect((yield* command("train", out, ...elsewhere)).complained).toContain(
        "none are injected into a training from its archive"
      )

      expect((yield* command("archive", "forget", out)).printed).toContain("is erased, and what opened it")
      expect((yield* command("archive", "list", folder)).printed).toContain("no archive in")
      const refused = yield* command("train", out)
      expect(refused.complained).toContain("there is no archive in")
      expect(refused.status).toBe(1)
    })
  )

  it.scopedLive("is refused where there is none, and to a scenario of other data", () =>
    Effect.gen(function* () {
      const { file, folder, out } = yield* writeScenario(splits.rows, { ...short, archive: "none" })
      expect(yield* ending(trained(folder, out))).toContain("no run over NATS was begun there")
      yield* runInMemory(file, out)
      expect(yield* ending(trained(out, join(folder, "again")))).toContain("no run over NATS was begun there")
      expect(Either.isLeft(yield* Effect.either(trained(join(folder, "nowhere"), out)))).toBe(true)
    })
  )
})

const trained = (from: string, out: string) =>
  trainAgain({ from, scenario: Option.none(), out, seed: Option.none(), display: silent }).pipe(
    Effect.provide(nodeContext)
  )
