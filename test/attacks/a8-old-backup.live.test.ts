/**
 * A8: somebody gets copies of every party's state folder, taken during the run or after it, and knows the
 * passwords of the broker. It got everything: the key of stored state followed from the password, and after the
 * run the KGC still had p, q and all sk_i, users had each other's partial decryptions, and all had their roots.
 */
import { cpSync, existsSync, mkdirSync } from "node:fs"
import { readdir, readFile } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { expect, layer } from "@effect/vitest"
import { Effect, Either, Layer, Option, Redacted } from "effect"
import { KeptByCloud1 } from "../../actors/clouds/transformation/archived-at-cloud1.ts"
import { actorsOf } from "../../actors/party/agreement.ts"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { decodeArchive } from "../../protocol/archive/archive.ts"
import { openPiece, pieceEntry } from "../../protocol/archive/pieces.ts"
import { fromBytes } from "../../protocol/bcp/integers.ts"
import { wordBytes } from "../../protocol/bytes.ts"
import { keyText } from "../../protocol/channels/noise.ts"
import { countCells } from "../../protocol/data/rows.ts"
import { decode } from "../../protocol/messages/codec.ts"
import { findStateKey, StateKey, stateKeyFile } from "../../runtime/storage/state-key.ts"
import { directory, encrypted, folderStore, stable, stableFolder } from "../../runtime/storage/store.ts"
import { company, type Tap } from "../support/company.ts"
import { identityOf } from "../support/identities.ts"
import { splits, temporaryFolder, writeScenario } from "../support/small-scenario.ts"

const run = "test-run"

/** A party's storage in a folder, under a key in a file next to it. */
const storageIn = (folder: string) => (actor: string) =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const own = join(folder, actor)
      const key = yield* findStateKey({ actor, folder: own, file: Option.none(), ended: false })
      const owner = { party: actor, run, secret: key.secret }
      const held = Layer.succeed(StateKey, Option.some(key))
      return Layer.mergeAll(directory(own), stable(own, owner), held)
    })
  )

const keyIn = (folder: string, actor: string) =>
  Effect.map(
    Effect.promise(() => readFile(stateKeyFile(join(folder, actor)), "utf8")),
    (text) => Redacted.make(text.trim())
  )

/** Goes through a run with a copy of all folders at its end, before anything is erased, and one after that. */
const carriedOut = (archive: "keep" | "none", upload: "packed" | "hybrid") =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const [machine, during, after] = ["machine", "during", "after"].map((name) => join(folder, name))
    mkdirSync(machine!)
    const short = { epochs: 2, batch: 8, rate: 0.25 }
    const security = { modulusBits: 512, insecure: true, upload }
    const { file } = yield* writeScenario(splits.rows, { archive, training: short, security })
    const tap: Tap = ({ tag, kind }) => {
      if (kind === "ask" && tag === "Erase" && !existsSync(during!))
        cpSync(machine!, during!, { recursive: true })
      return undefined
    }
    const parties = yield* company(file, { tap, stores: storageIn(machine!) })
    yield* parties.startAll()
    const { kept } = yield* parties.directed
    cpSync(machine!, after!, { recursive: true })
    const actors = actorsOf(parties.agreement)
    return { actors, kept, machine: machine!, during: during!, after: after! }
  })

/** What a party stored, in the clear. */
const opened = (folder: string, actor: string, secret: Redacted.Redacted) =>
  Effect.gen(function* () {
    const store = encrypted(yield* folderStore(join(folder, actor, stableFolder)), {
      party: actor,
      run,
      secret
    })
    const entries = new Map<string, Uint8Array>()
    for (const name of yield* store.list) entries.set(name, Option.getOrThrow(yield* store.get(name)))
    return entries
  })

/** Byte strings of at least this length, anywhere in a value: shorter ones are found by chance. */
const leastBytes = 16

const bytesIn = (value: unknown): ReadonlyArray<Uint8Array> =>
  value instanceof Uint8Array
    ? value.length < leastBytes
      ? []
      : [value]
    : typeof value === "object" && value !== null
      ? Object.values(value).flatMap(bytesIn)
      : []

/** What of a party's entries is secret: all bytes of these. */
const secretEntries =
  /^(root|keys|standing|opened-.*|trained|partials-.*|held-out-.*|declaration-.*|uploaded|weights-.*)$/
/** Public parts of them, and what rests encrypted in the archive. */
const isPublic = /^(published|wire|parameters|unifiedPublicKey|publicKeys|orderKey|ciphertexts)$/

const secretsIn = (entries: ReadonlyMap<string, Uint8Array>): ReadonlyArray<readonly [string, Uint8Array]> =>
  [...entries].flatMap(([name, bytes]) => {
    if (!secretEntries.test(name)) return []
    if (name.startsWith("weights-")) return [[name, bytes] as const]
    const value = Either.getOrThrow(decode(name, bytes)) as object
    return Object.entries(value).flatMap(([field, part]) =>
      isPublic.test(field) ? [] : bytesIn(part).map((each) => [`${name}.${field}`, each] as const)
    )
  })

/** Everything in a folder, by its path. */
const filesIn = (folder: string) =>
  Effect.promise(async () => {
    const all = await readdir(folder, { recursive: true, withFileTypes: true })
    return Promise.all(
      all.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name)))
    )
  })

/** How many entries of a copy anything opens that the thief has: identities, and whatever is in the files. */
const openedByThief = (copy: string, actors: ReadonlyArray<string>, files: ReadonlyArray<Buffer>) =>
  Effect.gen(function* () {
    const identities = actors.map((actor) =>
      Redacted.make(keyText(Redacted.value(identityOf(actor).privateKey)))
    )
    const found = files
      .filter(({ length }) => length <= 256)
      .map((file) => Redacted.make(file.toString("utf8").trim()))
    let count = 0
    for (const party of actors) {
      const inner = yield* folderStore(join(copy, party, stableFolder))
      for (const secret of [...identities, ...found]) {
        const store = encrypted(inner, { party, run, secret })
        for (const name of yield* store.list)
          if (Either.isRight(yield* Effect.either(store.get(name)))) count++
      }
    }
    return count
  })

layer(bcpPool(availableParallelism()), { excludeTestServices: true })("A8 - an old backup", (it) => {
  for (const upload of ["packed", "hybrid"] as const) {
    it.scoped(
      `after a run with a ${upload} upload, copies of all folders show nothing but what is kept`,
      () =>
        Effect.gen(function* () {
          const { actors, during, after, kept } = yield* carriedOut("keep", upload)
          const secrets = new Map<string, Uint8Array>()
          for (const actor of actors)
            for (const [name, secret] of secretsIn(yield* opened(during, actor, yield* keyIn(during, actor))))
              secrets.set(`${actor}: ${name} ${secrets.size}`, secret)
          expect(secrets.size).toBeGreaterThan(30)
          const files: Array<Buffer> = []
          for (const actor of actors) files.push(...(yield* filesIn(join(after, actor))))
          const seen = [...secrets].filter(([, secret]) =>
            files.some((file) => file.includes(Buffer.from(secret)))
          )
          expect(seen.map(([name]) => name)).toEqual([])
          expect(yield* openedByThief(after, actors, files)).toBe(0)
          // Under the state keys is what opens the archive, and no more.
          const left = new Map<string, ReadonlyArray<string>>()
          for (const actor of actors)
            left.set(actor, yield* Effect.promise(() => readdir(join(after, actor, stableFolder))))
          expect(Object.fromEntries(left)).toEqual({
            kgc: [],
            cloud0: ["master-key"],
            cloud1: ["archive-key"],
            user1: ["secret-key", "uploaded"],
            user2: ["secret-key", "uploaded"],
            user3: ["secret-key", "uploaded"]
          })
          expect(kept.cloud0).toEqual({ kept: [], sealed: ["the master key"] })
          expect(kept.user1).toEqual({
            kept: ["the model"],
            sealed: ["its secret key", "its held-out cells"]
          })
          expect(kept.kgc).toEqual({ kept: [], sealed: [] })
          const archive = yield* decodeArchive(
            yield* Effect.promise(() => readFile(join(after, "cloud1", "archive")))
          )
          if (upload === "hybrid") {
            const own = yield* opened(after, "cloud1", yield* keyIn(after, "cloud1"))
            const name = { run, user: "user1", piece: 0 }
            const piece = yield* Effect.promise(() => readFile(join(after, "cloud1", pieceEntry(name))))
            const words = countCells(archive.uploads[0]!.blocks)
            const { pieceKey } = yield* KeptByCloud1.decode(own.get("archive-key")!)
            expect(yield* openPiece(pieceKey!, name, piece)).toHaveLength(wordBytes * words)
          }
          const master = yield* opened(after, "cloud0", yield* keyIn(after, "cloud0"))
          const { p, q } = Either.getOrThrow(decode("", master.get("master-key")!)) as Record<
            string,
            Uint8Array
          >
          expect(fromBytes(p!) * fromBytes(q!)).toBe(fromBytes(archive.modulus))
        })
    )

    it.scoped(`with archive: none and a ${upload} upload, even copies from before the end open nothing`, () =>
      Effect.gen(function* () {
        const { actors, machine, during, kept } = yield* carriedOut("none", upload)
        // The thief has copies of the folders, and all that is left on the parties' machines, their keys included.
        const left = yield* filesIn(machine)
        expect((yield* opened(during, "kgc", yield* keyIn(during, "kgc"))).size).toBeGreaterThan(3)
        expect(yield* openedByThief(during, actors, left)).toBe(0)
        expect((yield* Effect.promise(() => readdir(machine))).sort()).toEqual([...actors].sort())
        for (const actor of actors) expect(kept[actor]!.sealed).toEqual([])
        expect((yield* Effect.promise(() => readdir(join(machine, "cloud1")))).sort()).toEqual([
          "ended",
          "stable"
        ])
        expect((yield* Effect.promise(() => readdir(join(machine, "user2")))).sort()).toEqual([
          "ended",
          "model.json",
          "stable"
        ])
      })
    )
  }
})
