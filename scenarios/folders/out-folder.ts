/**
 * The out folder of a run. A run marks it, by `run.json`, before it writes anything else there. The next
 * run clears what the mark lists, and of that only what is known to be the program's (`own-folder.ts`). A
 * folder that holds anything and no mark is refused. A process that dies at any moment leaves the folder as
 * it was, or marked.
 */
import { readdir, readlink, stat } from "node:fs/promises"
import { basename, dirname, join, relative, resolve } from "node:path"
import { Data, Effect, type Scope } from "effect"
import { modelEntry } from "../../actors/users/output.ts"
import { actorNames } from "../../protocol/messages/subjects.ts"
import { isPortsFile } from "../../runtime/broker/start.ts"
import { fileReason } from "../../runtime/file-reason.ts"
import { type FolderInUse, holdFolder, isHoldersFile } from "../../runtime/storage/folder-lock.ts"
import { isDraft, writeWhole } from "../../runtime/storage/store.ts"
import { faultsNowFile } from "../faults-injected/at-party.ts"
import { listed } from "../text/units.ts"
import { credentialsEntry, isCredentials } from "./kept-credentials.ts"
import {
  headOf,
  idOf,
  isOfTheSystem,
  makeFolder,
  type OwnEntry,
  type OwnFolder,
  remove,
  type Survey,
  survey
} from "./own-folder.ts"
import { partyFolder } from "./party-folder.ts"
import {
  type Begun,
  endedRun,
  type Mark,
  markEntry,
  markText,
  readMark,
  resultEntry,
  runOfResult
} from "./run-mark.ts"

/** In the out folder: the parties' own folders, and that of a broker that is started for the run. */
export const partiesEntry = "parties"
export const brokerEntry = "broker"

// --- What a run writes there.

/** Folders of workers and lanes: `cloud0.l-1`. */
const ofMember = /^[a-z0-9]+\.[wl]-\d+$/
const faultsNow = basename(faultsNowFile(""))

const parties: OwnFolder = {
  kind: "folder",
  entry: (name) => {
    if (actorNames.includes(name) || ofMember.test(name)) return partyFolder
    // Version 0.1.0 tested here whether it could write.
    const own = name === faultsNow || name === `${faultsNow}.draft` || name === ".probe"
    return own ? { kind: "file" } : undefined
  }
}

/** As the broker stores streams: folders by names of its own, and files of these kinds in them. */
const streams: OwnFolder = {
  kind: "folder",
  entry: (name) => {
    if (/\.(inf|sum|key|blk|idx|fss|db|dat|tmp|bak)$/.test(name)) return { kind: "file" }
    return /^[$A-Za-z0-9_-]+$/.test(name) ? streams : undefined
  }
}

const broker: OwnFolder = {
  kind: "folder",
  entry: (name) => {
    if (name === "jetstream") return streams
    return isPortsFile(name) ? { kind: "file" } : undefined
  }
}

/** The page of the run for people, and how it begins. */
export const reportEntry = "report.html"
export const reportBegins = "<!doctype html>\n<!-- bicameral report -->\n"
/** What `run` has shown, line by line, and how it begins. */
export const journalEntry = "journal.jsonl"
export const journalBegins = '{"event":"begin"'

/** Its first line says that a run began. A process that was killed may have left it empty. */
const isJournal = async (path: string): Promise<boolean> =>
  journalBegins.startsWith(await headOf(path, journalBegins.length))

/** All that a run writes in its out folder, but for its mark. Others use some of these names too. */
const written: ReadonlyMap<string, OwnEntry> = new Map<string, OwnEntry>([
  [resultEntry, { kind: "file", ours: async (path) => (await runOfResult(dirname(path))) !== undefined }],
  [modelEntry, { kind: "file", ours: async (path) => (await headOf(path, 32)).startsWith(modelBegins) }],
  [reportEntry, { kind: "file", ours: async (path) => (await headOf(path, 64)).startsWith(reportBegins) }],
  [journalEntry, { kind: "file", ours: isJournal }],
  [credentialsEntry, { kind: "file", ours: isCredentials }],
  [partiesEntry, parties],
  [brokerEntry, broker]
])
const modelBegins = '{"format":"bicameral model"'
const names: ReadonlyArray<string> = [...written.keys()]

// --- Why a folder is not taken.

/** Nothing can be written where the results should go. */
export class OutNotWritable extends Data.TaggedError("OutNotWritable")<{
  readonly folder: string
  readonly reason: string
  readonly remedy?: string
}> {
  readonly retryable = false
  override get message(): string {
    const { remedy = "choose another with --out" } = this
    return `the out folder ${this.folder} can't be written: ${this.reason}; ${remedy}`
  }
}

/** Something in the folder is in the way, and is not the program's to remove. */
export class OutNotOurs extends Data.TaggedError("OutNotOurs")<{
  readonly folder: string
  /** Why it is left alone, as it follows the folder's name. */
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the out folder ${this.folder} ${this.reason}; nothing was changed there. Choose a new or an empty folder with --out, or move away what is in it`
  }
}

// --- Looking at it. All of this changes nothing.

interface Look {
  readonly mark: Mark | undefined
  /** The run whose result is there. */
  readonly ended: string | undefined
  readonly found: Survey
}

const look = (folder: string): Effect.Effect<Look, OutNotWritable | OutNotOurs> =>
  Effect.gen(function* () {
    const refuse = (reason: string) => new OutNotOurs({ folder, reason })
    if (folder === "") return yield* new OutNotWritable({ folder: '""', reason: "this is no name" })
    const nothing: Look = { mark: undefined, ended: undefined, found: { own: [], foreign: [] } }
    if (!(yield* writing(folder, () => isThere(folder)))) return nothing
    const read = yield* writing(folder, () => readMark(folder, names))
    if (read._tag === "Left")
      return yield* refuse(`has a ${markEntry} that bicameral can't read: it ${read.left}`)
    const mark = read.right
    if (mark === undefined) {
      const inTheWay = yield* writing(folder, () => readdir(folder))
      const counted = inTheWay.filter(
        (name) => !isOfTheSystem(name) && !isHoldersFile(name) && !isDraftOf([markEntry], name)
      )
      if (counted.length === 0) return nothing
      return yield* refuse(`is not empty, and no run has written there: it holds ${listed(counted.sort())}`)
    }
    const found = yield* writing(folder, () => surveyed(folder, mark))
    const ended = yield* writing(folder, () => runOfResult(folder))
    if (found.foreign.length === 0) return { mark, ended, found }
    return yield* refuse(
      `holds what no run has written where a new one would write: ${listed(found.foreign)}`
    )
  })

/** Whether the folder is there. Fails where something else has its name. */
const isThere = async (folder: string): Promise<boolean> => {
  const found = await stat(folder).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === "ENOTDIR") throw new Error("a part of its path is a file, not a folder")
    if (error.code !== "ENOENT") throw error
    if ((await idOf(resolve(folder))) === undefined) return undefined
    throw new Error(`it is a link to ${await readlink(resolve(folder))}, which is not there`)
  })
  if (found !== undefined && !found.isDirectory()) throw new Error("it is a file, not a folder")
  return found !== undefined
}

/** Everything under the names of a run; what is foreign by its path from the folder. */
const surveyed = async (folder: string, { writes }: Mark): Promise<Survey> => {
  const parts = await Promise.all(
    names.map((name) => survey(join(folder, name), writes.includes(name) ? written.get(name) : undefined))
  )
  const own = parts.flatMap((part) => part.own)
  for (const name of await readdir(folder))
    if (isDraftOf([markEntry, ...names], name))
      own.push(...(await survey(join(folder, name), { kind: "file" })).own)
  return { own, foreign: parts.flatMap((part) => part.foreign).map((path) => relative(folder, path)) }
}

/** Whether this is a draft of one of the files, which a killed process has left. */
const isDraftOf = (files: ReadonlyArray<string>, name: string): boolean =>
  isDraft(name) && files.some((file) => name.startsWith(`.${file}.`))

const writing = <A>(folder: string, work: () => Promise<A>) =>
  Effect.tryPromise({
    try: work,
    catch: (error) => new OutNotWritable({ folder, reason: fileReason(error) })
  })

// --- Taking it.

/**
 * Takes the folder for a run, until the scope ends: makes and marks it, clears what an earlier run left in
 * it, and makes the parties' folder. `inputs` are the files that the run reads. Nothing is removed before
 * everything is known to be in order.
 */
export const openOut = (
  folder: string,
  inputs: ReadonlyArray<string>
): Effect.Effect<void, OutNotWritable | OutNotOurs | FolderInUse, Scope.Scope> =>
  Effect.gen(function* () {
    const { found } = yield* held(folder)
    const taken = yield* writing(folder, () => firstAmong(inputs, found))
    if (taken !== undefined)
      return yield* new OutNotOurs({
        folder,
        reason: `is cleared by a run, and this one reads ${taken} there`
      })
    yield* writing(folder, async () => {
      await writeMark(folder, undefined)
      await remove(found)
      await makeFolder(resolve(folder, partiesEntry), 0o700)
    })
  })

/** Marks a folder that is empty or absent for runs in folders below it. Refuses one that no run may take. */
export const claimOut = (folder: string): Effect.Effect<void, OutNotWritable | OutNotOurs | FolderInUse> =>
  Effect.scoped(
    Effect.flatMap(held(folder), ({ mark }) =>
      mark === undefined ? writing(folder, () => writeMark(folder, undefined)) : Effect.void
    )
  )

/**
 * Makes the folder if there is none, holds it, and then looks at it again: another run may have come first.
 */
const held = (folder: string) =>
  Effect.gen(function* () {
    const before = yield* look(folder)
    yield* writing(folder, () => makeFolder(resolve(folder)))
    yield* holding(folder)
    const now = yield* look(folder)
    // Another run used it while this one waited for it. Its result must not be lost at once.
    if (now.mark?.begun?.run !== before.mark?.begun?.run || now.ended !== before.ended)
      return yield* new OutNotOurs({ folder, reason: "was used by another run at the same time" })
    return now
  })

const holding = (folder: string) =>
  Effect.catchTag(holdFolder(folder), "StoreFailed", ({ reason }) => new OutNotWritable({ folder, reason }))

/** The first of these files that would be removed, itself or a link on the way to it. */
const firstAmong = async (inputs: ReadonlyArray<string>, { own }: Survey): Promise<string | undefined> => {
  const ids = new Set(own.map(({ id }) => id))
  for (const input of inputs) {
    const real = await stat(input, { bigint: true }).catch(() => undefined)
    if (real !== undefined && ids.has(`${real.dev}:${real.ino}`)) return input
    for (let path = resolve(input); path !== dirname(path); path = dirname(path)) {
      const id = await idOf(path).catch(() => undefined)
      if (id !== undefined && ids.has(id)) return input
    }
  }
  return undefined
}

const writeMark = (folder: string, begun: Begun | undefined) =>
  writeText(folder, markEntry, markText({ writes: names, begun }))

/** Readable by others if the user's umask allows it. */
const writeText = (folder: string, name: string, text: string) =>
  writeWhole(folder, name, new TextEncoder().encode(text), 0o666)

// --- A run in it.

/** Says in the folder, which has been opened, that a run has begun. */
export const beginIn = (folder: string, begun: Begun): Effect.Effect<void, OutNotWritable> =>
  writing(folder, () => writeMark(folder, begun))

/** Writes the model into the folder. `remedy` is what to do where that fails. */
export const writeModel = (folder: string, text: string, remedy: string) =>
  writingLast(folder, modelEntry, text, remedy)

/** Where the report of a run is. */
export const reportOf = (folder: string): string => join(folder, reportEntry)

/**
 * Lists a file in the folder's mark, if it has one, before it is written: an earlier version of the program, which began the run, may
 * not have known it, and the next run would find it in its way.
 */
const listInMark = async (folder: string, entry: string): Promise<void> => {
  const read = await readMark(folder, names)
  const mark = read._tag === "Right" ? read.right : undefined
  if (mark === undefined || mark.writes.includes(entry)) return
  await writeText(folder, markEntry, markText({ ...mark, writes: [...mark.writes, entry] }))
}

/** Writes the report, at the end of the run or later from what it left. */
export const writeReport = (folder: string, text: string): Effect.Effect<void, OutNotWritable> =>
  Effect.zipRight(
    writing(folder, () => listInMark(folder, reportEntry)),
    writingLast(folder, reportEntry, text, "see to it, then bicameral report makes it again")
  )

/** The file of the journal, which may be appended to: it is not there, or the program's own. */
export const journalIn = (folder: string): Effect.Effect<string, OutNotWritable> =>
  writing(folder, async () => {
    const path = join(folder, journalEntry)
    if ((await survey(path, written.get(journalEntry))).foreign.length > 0)
      throw new Error(`its ${journalEntry} is of another program`)
    await listInMark(folder, journalEntry)
    return path
  })

/** Writes the result of the run, which marks it as ended unless it awaits its references. */
export const writeResult = (folder: string, result: object, remedy: string) =>
  writingLast(folder, resultEntry, `${JSON.stringify(result, null, 2)}\n`, remedy)

const writingLast = (
  folder: string,
  name: string,
  text: string,
  remedy: string
): Effect.Effect<void, OutNotWritable> =>
  Effect.mapError(
    writing(folder, async () => {
      const { foreign } = await survey(join(folder, name), written.get(name))
      if (foreign.length > 0)
        throw new Error(`its ${name} is of another program, and came while the run went on`)
      await writeText(folder, name, text)
    }),
    ({ reason }) => new OutNotWritable({ folder, reason, remedy })
  )

// --- Resuming one.

/** There is no run in the folder that could be resumed. */
export class NothingToResume extends Data.TaggedError("NothingToResume")<{
  readonly folder: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `nothing to resume in ${this.folder}: ${this.reason}`
  }
}

/** The run that was begun in the folder and has not ended, which is then held until the scope ends. */
export const resumableRun = (
  folder: string
): Effect.Effect<Begun, NothingToResume | OutNotWritable | FolderInUse, Scope.Scope> =>
  Effect.gen(function* () {
    const before = yield* begunIn(folder)
    yield* holding(folder)
    const begun = yield* begunIn(folder)
    if (begun.run === before.run) return begun
    return yield* new NothingToResume({ folder, reason: "another run has begun there meanwhile" })
  })

/** The run over NATS that was begun in the folder and has ended. */
export const endedRunIn = (folder: string): Effect.Effect<Begun, NothingToResume> =>
  Effect.gen(function* () {
    const nothing = (reason: string) => new NothingToResume({ folder, reason })
    const reading = <A>(work: () => Promise<A>) =>
      Effect.tryPromise({ try: work, catch: (error) => nothing(`it can't be read: ${fileReason(error)}`) })
    if (folder === "" || !(yield* reading(() => isThere(folder)))) return yield* nothing("it is not there")
    const read = yield* reading(() => readMark(folder, names))
    if (read._tag === "Left") return yield* nothing(`its ${markEntry} ${read.left}`)
    const begun = read.right?.begun
    if (begun === undefined || begun.transport === "memory")
      return yield* nothing("no run over NATS was begun there")
    if ((yield* reading(() => endedRun(folder))) !== begun.run)
      return yield* nothing(`its run has not ended: bicameral resume ${folder} resumes it`)
    return begun
  })

const begunIn = (folder: string): Effect.Effect<Begun, NothingToResume> =>
  Effect.gen(function* () {
    const nothing = (reason: string) => new NothingToResume({ folder, reason })
    const reading = <A>(work: () => Promise<A>) =>
      Effect.tryPromise({ try: work, catch: (error) => nothing(`it can't be read: ${fileReason(error)}`) })
    const none = "no run over NATS was begun there; give the out folder of one"
    if (folder === "" || !(yield* reading(() => isThere(folder)))) return yield* nothing(none)
    const read = yield* reading(() => readMark(folder, names))
    if (read._tag === "Left")
      return yield* nothing(
        `${join(folder, markEntry)} ${read.left}; put back a good copy of it, or run the scenario again in another folder`
      )
    const ended = yield* reading(() => endedRun(folder))
    const begun = read.right?.begun
    if (begun === undefined)
      return yield* nothing(ended === undefined ? none : `its run has ended, see its ${resultEntry}`)
    if (ended === begun.run) return yield* nothing(`its run has ended, see its ${resultEntry}`)
    if (begun.transport === "memory")
      return yield* nothing("a run over memory keeps nothing to resume from; run the scenario again")
    return begun
  })
