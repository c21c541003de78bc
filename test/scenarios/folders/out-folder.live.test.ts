/** What a run does with the folder it is given, and above all what it leaves alone. */
import {
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile
} from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { drawSecret } from "../../../protocol/channels/identity.ts"
import { actorNames } from "../../../protocol/messages/subjects.ts"
import { everyUser } from "../../../runtime/broker/start.ts"
import { drawStateKey } from "../../../runtime/storage/state-key.ts"
import { credentialsIn, keepOnlyStateKeys } from "../../../scenarios/folders/kept-credentials.ts"
import {
  beginIn,
  claimOut,
  openOut,
  resumableRun,
  writeModel,
  writeResult
} from "../../../scenarios/folders/out-folder.ts"
import type { Begun } from "../../../scenarios/folders/run-mark.ts"
import { withVariables } from "../../support/environment.ts"
import { allOwn, runInMemory, splits, temporaryFolder, writeScenario } from "../../support/small-scenario.ts"

type Files = Readonly<Record<string, string>>

/** Writes files under a folder; a path that ends in a slash is an empty folder. */
const put = (folder: string, files: Files) =>
  Effect.promise(async () => {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path, path.endsWith("/") ? "x" : "")), { recursive: true })
      if (!path.endsWith("/")) await writeFile(join(folder, path), content)
    }
  })

/** Everything under a folder: the content of files, the targets of links. */
const tree = (folder: string, under = ""): Effect.Effect<Record<string, string>> =>
  Effect.promise(async () => {
    const all: Record<string, string> = {}
    for (const name of (await readdir(join(folder, under))).sort()) {
      const path = join(under, name)
      const found = await lstat(join(folder, path))
      if (found.isSymbolicLink()) all[path] = `-> ${await readlink(join(folder, path))}`
      else if (found.isFile()) all[path] = await readFile(join(folder, path), "latin1")
      else Object.assign(all, { [`${path}/`]: "" }, await Effect.runPromise(tree(folder, path)))
    }
    return all
  })

const run = "0123456789ab"
const begun: Begun = {
  file: "/study/scenario.yaml",
  run,
  transport: "nats",
  seed: 5,
  agreement: "a".repeat(64),
  data: []
}
const result = { scenario: "leaves", run, transport: "nats", modulusBits: 512, expectations: [] }
const model = '{"format":"bicameral model","version":1}\n'
const credentials = JSON.stringify({
  identities: Object.fromEntries(everyUser.map((user) => [user, Redacted.value(drawSecret())])),
  stateKeys: Object.fromEntries(actorNames.map((actor) => [actor, Redacted.value(drawStateKey())]))
})

/** What a run over NATS leaves in its parties' folders, some of everything. */
const ofParties: Files = {
  "report.html": "<!doctype html>\n<!-- bicameral report -->\n<html>",
  "journal.jsonl": '{"event":"begin","time":1}\n',
  "credentials.json": credentials,
  "parties/faults-now.json": "{}",
  "parties/kgc/party.json": "{}",
  "parties/kgc/events.jsonl": '{"actor":"kgc"}\n',
  "parties/kgc/stable/signing-key": "sealed",
  "parties/kgc/faults-123.json": "{}",
  "parties/cloud0/faults-fired": "0\n",
  "parties/cloud0/.held-12-34-ab": "",
  "parties/cloud0.l-1/events.jsonl": "",
  "parties/cloud1/archive": "",
  "parties/cloud1/archive-key": "",
  "parties/cloud1/archive-user2-10": "",
  "parties/cloud1/sealed-model": "",
  "parties/cloud1/ended": "",
  "parties/cloud1/stable/.weights-64.0f8fad5b-d9cb-469f-a165-70867728950e": "cut sho",
  "parties/director/outcome.json": "{}",
  "parties/user16/model.json": model,
  "parties/user16/stable/": "",
  "broker/nats-server_77.ports": "{}",
  "broker/jetstream/jetstream/$G/streams/checkpoints-cloud0/msgs/1.blk": "",
  "broker/jetstream/jetstream/$G/streams/checkpoints-cloud0/msgs/index.db": "",
  "broker/jetstream/jetstream/$G/streams/checkpoints-cloud0/meta.inf": "",
  "broker/jetstream/jetstream/$G/streams/checkpoints-cloud0/obs/": ""
}

/** A folder in which a run has ended. */
const ended = Effect.gen(function* () {
  const folder = join(yield* temporaryFolder, "out")
  yield* Effect.scoped(openOut(folder, []))
  yield* beginIn(folder, begun)
  yield* put(folder, ofParties)
  yield* writeModel(folder, model, "")
  yield* writeResult(folder, result, "")
  return folder
})

const open = (folder: string, inputs: ReadonlyArray<string> = []) => Effect.scoped(openOut(folder, inputs))

/** Why the folder is not taken. Nothing in it, nor `around` it, is changed. */
const refusal = (folder: string, inputs: ReadonlyArray<string> = [], around = folder) =>
  Effect.gen(function* () {
    const before = yield* tree(around)
    const { message } = yield* Effect.flip(open(folder, inputs))
    expect(yield* tree(around)).toEqual(before)
    return message
  })

const cleared = ["parties/", "run.json"]
const names = (folder: string) => Effect.map(tree(folder), (all) => Object.keys(all))

describe("an out folder without a mark", () => {
  it.scopedLive("is refused where it is a study's, and every file of the study stays, byte for byte", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* writeScenario(splits.rows)
      yield* put(folder, {
        "parties/west.csv": "id,mass\n1,2\n",
        "model.json": '{"epochs": 3}\n',
        "broker/notes.txt": "ask the broker"
      })
      yield* Effect.promise(() => symlink(folder, join(folder, "again")))
      const before = yield* tree(folder)
      for (const out of [folder, `${folder}/`, relative(process.cwd(), folder), join(folder, "again")]) {
        const { message } = yield* Effect.flip(runInMemory(file, out))
        expect(message).toBe(
          `the out folder ${out} is not empty, and no run has written there: it holds again, broker, leaves.yaml, model.json, north-0.csv and 3 more; nothing was changed there. Choose a new or an empty folder with --out, or move away what is in it`
        )
        expect(yield* tree(folder)).toEqual(before)
      }
      expect(yield* refusal(join(folder, "parties"), [], folder)).toContain("it holds west.csv;")
    })
  )

  it.scopedLive("is taken where it is empty, new, or has only what systems and killed runs leave", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* open(folder)
      expect(yield* names(folder)).toEqual(cleared)
      yield* open(join(folder, "new", "deep"))
      expect(yield* names(join(folder, "new", "deep"))).toEqual(cleared)
      const left = {
        "left/.DS_Store": "finder's",
        "left/lost+found/": "",
        "left/.held-4194305-1-ab": "",
        "left/.run.json.0f8fad5b-d9cb-469f-a165-70867728950e": "{"
      }
      yield* put(folder, left)
      yield* open(join(folder, "left"))
      const now = yield* tree(join(folder, "left"))
      expect(now[".DS_Store"]).toBe("finder's")
      expect(Object.keys(now)).toContain("lost+found/")
    })
  )

  it.scopedLive("is refused where it is no folder, or can't be made, and is named", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* put(folder, { file: "mine" })
      yield* Effect.promise(() => symlink("nowhere", join(folder, "dangling")))
      for (const [out, reason] of [
        [join(folder, "file"), "it is a file, not a folder"],
        [join(folder, "file", "below"), "a part of its path is a file, not a folder"],
        [join(folder, "dangling"), "it is a link to nowhere, which is not there"],
        ["/proc/nowhere", "there is no such file or folder"],
        [join(folder, "n".repeat(300)), "the name is too long"]
      ] as const) {
        const message = yield* refusal(out, [], folder)
        expect(message).toContain(`the out folder ${out} can't be written: ${reason}`)
        expect(message).toMatch(/; choose another with --out$/)
      }
      const { message } = yield* Effect.flip(open(""))
      expect(message).toBe(`the out folder "" can't be written: this is no name; choose another with --out`)
    })
  )
})

describe("an out folder with a mark", () => {
  it.scopedLive("is cleared of all that a run writes, and of nothing else", () =>
    Effect.gen(function* () {
      const folder = yield* ended
      const others = {
        "notes.txt": "mine",
        "undisturbed/model.json": "not of this run",
        "data/west.csv": "id\n",
        "parties/.DS_Store": "finder's"
      }
      yield* put(folder, others)
      yield* open(folder)
      const { "run.json": mark, ...rest } = yield* tree(folder)
      expect(rest).toEqual({ ...others, "parties/": "", "undisturbed/": "", "data/": "" })
      expect(JSON.parse(mark!)).toMatchObject({ format: "bicameral run", run: null })
      const parties = yield* Effect.promise(() => lstat(join(folder, "parties")))
      expect(parties.mode & 0o777).toBe(0o700)
    })
  )

  it.scopedLive("is refused where something foreign is in a place that a run writes to", () =>
    Effect.gen(function* () {
      for (const [foreign, below, content] of [
        ["parties/west.csv", "", "id\n"],
        ["parties/model.json", "", model],
        ["parties/user17", "/events.jsonl", ""],
        ["parties/user1/west.csv", "", "id\n"],
        ["parties/user1/notes", "/", ""],
        ["parties/user1/archive", "/deep/", ""],
        ["parties/user1/stable/west.csv", "", "id\n"],
        ["parties/user1/stable/README", "", "mine"],
        ["broker/notes.txt", "", "mine"],
        ["broker/jetstream/jetstream/$G/notes.txt", "", "mine"],
        ["model.json", "", '{"epochs": 3}\n'],
        ["model.json", "/in-the-way/", ""],
        ["result.json", "", '{"scenario": "leaves"}'],
        ["report.html", "", "<!doctype html>\n<html>"],
        ["journal.jsonl", "", '{"time":1,"event":"begin"}'],
        ["credentials.json", "", '{"user": "me"}']
      ] as const) {
        const folder = yield* ended
        if (!foreign.includes("/")) yield* Effect.promise(() => rm(join(folder, foreign)))
        yield* put(folder, { [`${foreign}${below}`]: content })
        expect(yield* refusal(folder)).toContain(
          `holds what no run has written where a new one would write: ${foreign}; nothing was changed there`
        )
      }
    })
  )

  it.scopedLive("is refused where a name is taken that its mark does not list", () =>
    Effect.gen(function* () {
      const folder = yield* ended
      const mark = JSON.parse(yield* Effect.promise(() => readFile(join(folder, "run.json"), "utf8")))
      const writes = mark.writes.filter((name: string) => name !== "broker")
      yield* put(folder, { "run.json": JSON.stringify({ ...mark, writes }) })
      expect(yield* refusal(folder)).toContain("where a new one would write: broker;")
    })
  )

  it.scopedLive("is refused where its mark is damaged, of another program or of a newer version", () =>
    Effect.gen(function* () {
      const folder = yield* ended
      for (const [text, reason] of [
        ["", "is empty"],
        ['{"format": "bicameral run", "vers', "was cut short or changed"],
        ['{"format":"npm run"}', "is of another program"],
        ['{"format":"bicameral run","version":2}', "was written by a newer version of bicameral"],
        ['{"format":"bicameral run","version":1,"run":null}', "lacks, or has changed, writes"]
      ] as const) {
        yield* put(folder, { "run.json": text })
        expect(yield* refusal(folder)).toContain(`has a run.json that bicameral can't read: it ${reason};`)
      }
    })
  )

  it.scopedLive("loses links in its places, never what they lead to", () =>
    Effect.gen(function* () {
      const folder = yield* ended
      const elsewhere = yield* temporaryFolder
      yield* put(elsewhere, {
        "user1/model.json": model,
        "events.jsonl": '{"actor":"user2"}',
        "west.csv": "id\n"
      })
      yield* Effect.promise(async () => {
        await rm(join(folder, "parties", "user16"), { recursive: true })
        await symlink(elsewhere, join(folder, "parties", "user16"))
        await symlink(join(elsewhere, "events.jsonl"), join(folder, "parties", "user2"))
        await rename(join(folder, "broker"), join(elsewhere, "broker"))
        await symlink(join(elsewhere, "broker"), join(folder, "broker"))
        await rm(join(folder, "model.json"))
        await symlink("nowhere", join(folder, "model.json"))
      })
      const before = yield* tree(elsewhere)
      yield* open(folder)
      expect(yield* names(folder)).toEqual(cleared)
      expect(yield* tree(elsewhere)).toEqual(before)

      const linked = yield* ended
      yield* Effect.promise(() => symlink(elsewhere, join(linked, "parties", "data")))
      expect(yield* refusal(linked)).toContain("parties/data")
      const other = yield* ended
      yield* Effect.promise(() => symlink(other, join(elsewhere, "out")))
      yield* open(join(elsewhere, "out"))
      expect(yield* names(other)).toEqual(cleared)
    })
  )

  it.scopedLive(
    "is refused where a file that the run reads would be removed, by whatever path it is named",
    () =>
      Effect.gen(function* () {
        const folder = yield* ended
        const elsewhere = yield* temporaryFolder
        const archive = join(folder, "parties", "cloud1", "archive")
        yield* put(elsewhere, { "west.csv": "id\n" })
        yield* Effect.promise(async () => {
          await symlink(archive, join(elsewhere, "linked.csv"))
          await link(archive, join(elsewhere, "same.csv"))
          await symlink(folder, join(elsewhere, "out"))
          await symlink(elsewhere, join(folder, "parties", "user3"))
        })
        for (const input of [
          archive,
          join(elsewhere, "linked.csv"),
          join(elsewhere, "same.csv"),
          join(elsewhere, "out", "parties", "cloud1", "archive"),
          join(folder, "parties", "user3", "west.csv")
        ]) {
          const message = yield* refusal(folder, [join(folder, "..", "scenario.yaml"), input])
          expect(message).toContain(`is cleared by a run, and this one reads ${input} there`)
        }
        yield* open(folder, [join(elsewhere, "west.csv"), join(folder, "notes.csv")])
      })
  )

  it.scopedLive("is known again however far the clearing came when the process was killed", () =>
    Effect.gen(function* () {
      const folder = yield* ended
      const mark = yield* Effect.promise(() => readFile(join(folder, "run.json"), "utf8"))
      yield* open(folder)
      const clearing = yield* Effect.promise(() => readFile(join(folder, "run.json"), "utf8"))
      const all = Object.keys(ofParties)
      for (let kept = all.length; kept >= 0; kept -= 3) {
        yield* put(folder, {
          "run.json": clearing,
          ...Object.fromEntries(all.slice(-kept || all.length).map((path) => [path, ofParties[path]!]))
        })
        // Nothing is resumed from what is left.
        const { message } = yield* Effect.flip(Effect.scoped(resumableRun(folder)))
        expect(message).toContain("no run over NATS was begun there")
        yield* open(folder)
        expect(yield* names(folder)).toEqual(cleared)
      }
      // Killed before the new mark was in its place.
      yield* put(folder, { "run.json": mark, ".run.json.0f8fad5b-d9cb-469f-a165-70867728950e": "{" })
      yield* open(folder)
      expect(yield* names(folder)).toEqual(cleared)
    })
  )

  it.scopedLive("takes the run without the faults in a folder below, and keeps it", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "out")
      yield* claimOut(folder)
      yield* open(join(folder, "undisturbed"))
      yield* put(folder, { "undisturbed/parties/kgc/events.jsonl": "" })
      yield* claimOut(folder)
      yield* open(folder)
      expect(yield* names(folder)).toEqual([
        ...cleared,
        "undisturbed/",
        "undisturbed/parties/",
        "undisturbed/parties/kgc/",
        "undisturbed/parties/kgc/events.jsonl",
        "undisturbed/run.json"
      ])
      const study = yield* temporaryFolder
      yield* put(study, { "west.csv": "id\n" })
      expect((yield* Effect.flip(claimOut(study))).message).toContain("it holds west.csv")
      expect(yield* names(study)).toEqual(["west.csv"])
    })
  )

  it.scopedLive("gets no model or result over what another program has put there meanwhile", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "out")
      yield* open(folder)
      yield* put(folder, { "model.json": '{"epochs": 3}' })
      const { message } = yield* Effect.flip(writeModel(folder, model, "see to it"))
      expect(message).toContain(
        "its model.json is of another program, and came while the run went on; see to it"
      )
      expect((yield* tree(folder))["model.json"]).toBe('{"epochs": 3}')
    })
  )
})

describe("an out folder of version 0.1.0", () => {
  const old = { file: "/study/scenario.yaml", run, seed: null, agreement: "b".repeat(64) }
  const houses = { kgc: "any", cloud0: "any", cloud1: "any" }
  const oldCredentials = JSON.stringify({ passwords: { kgc: "any" }, houses })

  it.scopedLive("is known by what its run.json, or its result.json, holds", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      for (const files of [
        { "run.json": JSON.stringify(old) },
        { "run.json": JSON.stringify(old), "result.json": JSON.stringify(result) },
        { "result.json": JSON.stringify({ ...result, transport: "memory" }), "model.json": model }
      ]) {
        const others = { "credentials.json": oldCredentials, "parties/.probe": "", "notes.txt": "mine" }
        yield* put(folder, { ...ofParties, ...others, ...files })
        yield* open(folder)
        expect(yield* names(folder)).toEqual(["notes.txt", ...cleared])
        yield* Effect.promise(() => rm(join(folder, "run.json")))
        yield* Effect.promise(() => rm(join(folder, "notes.txt")))
        yield* Effect.promise(() => rm(join(folder, "parties"), { recursive: true }))
      }
    })
  )

  it.scopedLive("is not known by names alone", () =>
    Effect.gen(function* () {
      for (const files of [
        { "parties/kgc/events.jsonl": '{"actor":"kgc"}' },
        { "model.json": model },
        { "run.json": JSON.stringify({ ...old, agreement: "short" }) },
        { "run.json": JSON.stringify({ ...old, more: 1 }) },
        { "result.json": JSON.stringify({ ...result, run: "trial-1" }) }
      ]) {
        const folder = yield* temporaryFolder
        yield* put(folder, files)
        expect(yield* refusal(folder)).toContain("nothing was changed there")
      }
    })
  )

  it.scopedLive("can be resumed, though nobody knows whether its data are the same", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* put(folder, { "run.json": JSON.stringify(old), ...ofParties })
      const resumed = yield* Effect.scoped(resumableRun(folder))
      expect(resumed).toEqual({ ...old, transport: "nats", data: undefined })
    })
  )
})

describe("an out folder to be resumed", () => {
  const resume = (folder: string) =>
    Effect.map(Effect.flip(Effect.scoped(resumableRun(folder))), ({ message }) => message)

  it.scopedLive("gives the run that was begun, and is not made where it is not there", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "out")
      for (const nowhere of [folder, "", join(folder, "below")])
        expect(yield* resume(nowhere)).toContain("no run over NATS was begun there")
      yield* open(folder)
      yield* beginIn(folder, begun)
      expect(yield* Effect.scoped(resumableRun(folder))).toEqual(begun)
      // Then only its references were still to be trained.
      yield* writeResult(folder, { ...result, awaitsReferences: true }, "")
      expect(yield* Effect.scoped(resumableRun(folder))).toEqual(begun)
      yield* writeResult(folder, result, "")
      expect(yield* resume(folder)).toContain("its run has ended, see its result.json")
      yield* beginIn(folder, { ...begun, run: "ba9876543210", transport: "memory" })
      expect(yield* resume(folder)).toContain("a run over memory keeps nothing to resume from")
    })
  )

  it.scopedLive("whose run.json was cut, emptied, or lacks something is refused by name and remedy", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "out")
      yield* open(folder)
      yield* beginIn(folder, begun)
      const whole = yield* Effect.promise(() => readFile(join(folder, "run.json"), "utf8"))
      const value = JSON.parse(whole) as Record<string, unknown>
      const lacking = Object.keys(value)
        .filter((key) => key !== "format")
        .flatMap((key) => [
          { ...value, [key]: undefined },
          { ...value, [key]: true }
        ])
      const texts = [
        ...Array.from({ length: 12 }, (_, i) => whole.slice(0, Math.floor((i * (whole.length - 3)) / 11))),
        ...lacking.map((each) => JSON.stringify(each)),
        ...["[]", "null", "7", '"text"', "{}", '{"scripts":{}}', "\u0000\u0000", "{".repeat(10_000)],
        JSON.stringify({ ...value, version: 2 }),
        JSON.stringify({ ...value, run: "../../etc" }),
        JSON.stringify({ ...value, data: [{ user: "north" }] })
      ]
      for (const text of texts) {
        yield* put(folder, { "run.json": text })
        const message = yield* resume(folder)
        expect(message, text).toMatch(/^nothing to resume in .*run\.json (is|was|lacks)/)
        expect(message, text).toContain(
          "put back a good copy of it, or run the scenario again in another folder"
        )
      }
      yield* put(folder, { "run.json": JSON.stringify({ ...value, seed: undefined }) })
      expect(yield* resume(folder)).toContain("run.json lacks, or has changed, seed;")
      yield* Effect.promise(() => rm(join(folder, "run.json")))
      yield* put(folder, { "run.json/": "" })
      expect(yield* resume(folder)).toContain("run.json is no file of a run")
    })
  )

  it.scopedLive("whose credentials were cut, emptied or lost is refused by name and remedy", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "out")
      yield* open(folder)
      const parties = join(folder, "parties")
      const drawn = yield* credentialsIn(folder, parties)
      expect(yield* credentialsIn(folder, parties)).toEqual(drawn)
      const file = join(folder, "credentials.json")
      expect((yield* Effect.promise(() => lstat(file))).mode & 0o777).toBe(0o600)
      const whole = yield* Effect.promise(() => readFile(file, "utf8"))
      const { identities, stateKeys } = JSON.parse(whole)
      yield* put(folder, { "parties/kgc/stable/root": "sealed" })
      for (const text of [
        ...["", "{", "[]", "{}", whole.slice(0, -20)],
        JSON.stringify({ identities }),
        JSON.stringify({ identities: { ...identities, user3: undefined }, stateKeys }),
        JSON.stringify({ identities: { ...identities, user3: 7 }, stateKeys }),
        JSON.stringify({ identities: { ...identities, user3: identities.user3.slice(1) }, stateKeys }),
        JSON.stringify({ identities, stateKeys: { ...stateKeys, user3: stateKeys.user3.slice(1) } })
      ]) {
        yield* put(folder, { "credentials.json": text })
        const { message } = yield* Effect.flip(credentialsIn(folder, parties))
        expect(message, text).toContain(`${file} was cut short or changed, or is of another program`)
        expect(message, text).toContain("put back a good copy, or run the scenario again")
      }
      yield* Effect.promise(() => rm(file))
      expect((yield* Effect.flip(credentialsIn(folder, parties))).message).toContain(
        `${file} is not there any more`
      )
    })
  )

  it.scopedLive("has no secrets left but the state keys that still protect something", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "out")
      yield* open(folder)
      const { stateKeys } = yield* credentialsIn(folder, join(folder, "parties"))
      const file = join(folder, "credentials.json")
      yield* keepOnlyStateKeys(folder, ["cloud0", "user2"])
      expect(JSON.parse(yield* Effect.promise(() => readFile(file, "utf8")))).toEqual({
        identities: {},
        stateKeys: {
          cloud0: Redacted.value(stateKeys.cloud0!),
          user2: Redacted.value(stateKeys.user2!)
        }
      })
      // The next run knows it for its own.
      yield* allOwn(folder)
      yield* keepOnlyStateKeys(folder, [])
      expect(yield* Effect.promise(() => readdir(folder))).not.toContain("credentials.json")
      yield* keepOnlyStateKeys(folder, [])
    })
  )

  it.scopedLive("is not resumed with another broker than it had", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "out")
      yield* open(folder)
      const parties = join(folder, "parties")
      const given = Effect.either(credentialsIn(folder, parties)).pipe(
        withVariables({ NATS_URL: "nats://127.0.0.1:4222" })
      )
      yield* credentialsIn(folder, parties)
      expect(yield* given).toMatchObject({ left: { message: expect.stringContaining("unset NATS_URL") } })
      // The identities that a broker knows already are in the environment, and not to be kept.
      yield* Effect.promise(() => rm(join(folder, "credentials.json")))
      yield* given
      expect(JSON.parse((yield* tree(folder))["credentials.json"]!).identities).toEqual({})
      expect((yield* Effect.flip(credentialsIn(folder, parties))).message).toContain(
        "set NATS_URL and the identities"
      )
    })
  )
})
