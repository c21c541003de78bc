/** Users' data files on this machine: opened, read by ranges and closed again, whatever the path turns out to be. */
import { freemem } from "node:os"
import { delimiter } from "node:path"
import { fileURLToPath } from "node:url"
import { getHeapStatistics } from "node:v8"
import { FileSystem, Path } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { Effect, Either, Option, Runtime } from "effect"
import { projectRoot } from "../../protocol/artifact.ts"
import { type ByteSource, Unreadable } from "../../protocol/data/byte-source.ts"
import { readDataFile, surveyDataFile } from "../../protocol/data/data-file.ts"
import type { DataDescription } from "../../protocol/data/description.ts"
import { shown, spellingDifference } from "../../protocol/data/spelling.ts"
import type { CellVisitor } from "../../protocol/data/survey-visitor.ts"
import { type Room, TableError, type TableSource } from "../../protocol/data/table.ts"
import { variable } from "../../runtime/environment.ts"
import { unreadable } from "./data-path.ts"

/** Reads what a user holds of a file. Fails with `TableError`, or with `Unreadable` where the path gives no bytes. */
export const readTable = (source: TableSource, description: DataDescription) =>
  readWhole(source, (bytes) => readDataFile(bytes, source, description, roomHere()))

/** Shows a visitor the cells of a file, of at most so many rows. Fails as `readTable` does. */
export const surveyTable = (source: TableSource, visitor: CellVisitor, mostRows?: number) =>
  readWhole(source, (bytes) =>
    surveyDataFile(bytes, source, visitor, {
      room: roomHere(),
      ...(mostRows === undefined ? {} : { mostRows })
    })
  )

const readWhole = Effect.fn("Scenario.readTable")(function* <A>(
  source: TableSource,
  read: (bytes: ByteSource) => Promise<A>
) {
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const { bytes, unchanged } = yield* openFile(source)
      const table = yield* Effect.tryPromise({
        try: () => read(bytes),
        catch: (error) => {
          if (error instanceof TableError || error instanceof Unreadable) return error
          throw error
        }
      }).pipe(Effect.either)
      // What was read of a file that somebody writes may be of both its states, and so may be what is wrong with it.
      yield* unchanged
      return yield* table
    })
  )
})

/** The environment variable with further folders that scenarios may name files in, as `PATH` lists folders. */
export const dataRootVariable = "BICAMERAL_DATA_ROOT"

/**
 * Fails where a scenario names a file that is not its own: it may come from somebody else, and this machine's owner
 * would upload whatever it names. Its files are in its folder, or below; so are those that links lead to. The owner may
 * allow further folders, and the packages that came with the program are nobody's.
 */
export const requireOwnFile = Effect.fn("Scenario.requireOwnFile")(function* (
  scenario: string,
  file: string
) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = path.dirname(path.resolve(scenario))
  const allowed = yield* variable(dataRootVariable)
  const roots = [
    folder,
    fileURLToPath(new URL("node_modules", projectRoot)),
    ...(allowed ?? "").split(delimiter).filter((root) => root !== "")
  ]
  const realOf = (place: string) =>
    Effect.orElseSucceed(files.realPath(path.resolve(place)), () => path.resolve(place))
  const place = yield* realOf(file)
  for (const root of roots) if (isBelow(path, yield* realOf(root), place)) return
  // What is not there has no links in it, but its folder may.
  if (isBelow(path, folder, place)) return
  return yield* new Unreadable({
    reason: `${place} is outside of ${folder}, the folder of the scenario, and a scenario can't name any file of this machine; move it there, or allow its folder with ${dataRootVariable}=DIR`
  })
})

const isBelow = (path: Path.Path, folder: string, file: string): boolean => {
  const way = path.relative(folder, file)
  return way.split(path.sep)[0] !== ".." && !path.isAbsolute(way)
}

const kinds: Readonly<Partial<Record<FileSystem.File.Type, string>>> = {
  Directory: "is a folder",
  FIFO: "is a pipe",
  CharacterDevice: "is a device",
  BlockDevice: "is a device",
  Socket: "is a socket"
}

const openFile = Effect.fn("Scenario.openFile")(function* ({ user, file: path }: TableSource) {
  const files = yield* FileSystem.FileSystem
  const remedy =
    user === "" ? "give the path of a data file" : `${path} is where user ${user} should have its data`
  const told = Effect.mapError(
    (error: PlatformError) => new Unreadable({ reason: unreadable(error, path, remedy) })
  )
  const { type } = yield* files.stat(path).pipe(
    told,
    Effect.catchAll(({ reason }) =>
      Effect.flatMap(nearFile(path), (near) => new Unreadable({ reason: `${reason}${near}` }))
    )
  )
  const kind = kinds[type]
  if (kind !== undefined) {
    return yield* new Unreadable({ reason: `${kind}; ${remedy}` })
  }
  const file = yield* files.open(path, { flag: "r" }).pipe(told)
  const before = yield* file.stat.pipe(told)
  const changed = new Unreadable({
    reason: `was changed while it was read; try again when nothing writes to ${path}`
  })
  const bytes = yield* rangesOf(file, Number(before.size), changed, told)
  const unchanged = Effect.flatMap(file.stat.pipe(told), (after) =>
    after.size === before.size && stamp(after) === stamp(before) ? Effect.void : changed
  )
  return { bytes, unchanged }
})

/** `; did you mean a.csv?`, of a file in the same folder whose name is spelt otherwise. */
const nearFile = Effect.fn("Scenario.nearFile")(function* (file: string) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const there = yield* files
    .readDirectory(path.dirname(file))
    .pipe(Effect.orElseSucceed((): ReadonlyArray<string> => []))
  const name = path.basename(file)
  const near = there.find((each) => each !== name && spellingDifference(each, name) !== undefined)
  return near === undefined ? "" : `; did you mean ${shown(near)}?`
})

const stamp = ({ mtime }: FileSystem.File.Info): number | undefined => Option.getOrUndefined(mtime)?.getTime()

/** The bytes of an open file, a range at a time. */
const rangesOf = Effect.fn("Scenario.rangesOf")(function* (
  file: FileSystem.File,
  size: number,
  changed: Unreadable,
  told: <A, R>(effect: Effect.Effect<A, PlatformError, R>) => Effect.Effect<A, Unreadable, R>
) {
  // The file has one position, which two readers at once would take from each other.
  const turn = yield* Effect.makeSemaphore(1)
  const run = Runtime.runPromise(yield* Effect.runtime())
  const range = Effect.fn(function* (from: number, length: number) {
    const bytes = new Uint8Array(length)
    yield* file.seek(from, "start")
    for (let at = 0; at < length; ) {
      const read = Number(yield* file.read(bytes.subarray(at)).pipe(told))
      if (read === 0) return yield* changed
      at += read
    }
    return bytes
  })
  const source: ByteSource = {
    size,
    read: async (from, length) => {
      const bytes = await run(Effect.either(turn.withPermits(1)(range(from, length))))
      if (Either.isLeft(bytes)) throw bytes.left
      return bytes.right
    }
  }
  return source
})

/** What of the heap and of the memory is free, but for a part that is left for all else. */
const roomHere = (): Room => {
  const { heap_size_limit: limit, used_heap_size: used } = getHeapStatistics()
  return {
    heap: 0.8 * (limit - used),
    memory: 0.9 * Math.min(freemem(), process.availableMemory?.() ?? freemem())
  }
}
