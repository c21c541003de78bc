/**
 * The program's own folders, in which others may have put files. What the program writes there is known by
 * its name and place and, where others use the same name, by its content. Everything else is foreign: it is
 * never removed or overwritten. Links are never followed.
 */
import { lstat, mkdir, open, readdir, readFile, rmdir, stat, unlink } from "node:fs/promises"
import { dirname, join } from "node:path"

/**
 * A file that the program writes. `ours` judges a file of this name by its content; without it, the name
 * suffices.
 */
export interface OwnFile {
  readonly kind: "file"
  readonly ours?: (path: string) => Promise<boolean>
}

/** A folder that the program makes. `entry` gives what it writes there under a name, if anything. */
export interface OwnFolder {
  readonly kind: "folder"
  readonly entry: (name: string) => OwnEntry | undefined
}

export type OwnEntry = OwnFile | OwnFolder

/** What was found in a place. Paths are absolute if the place is. */
export interface Survey {
  /**
   * What the program wrote, the content of a folder before the folder, and links in the place of its files.
   */
  readonly own: ReadonlyArray<Found>
  /** Paths of everything else. */
  readonly foreign: ReadonlyArray<string>
}

export interface Found {
  readonly path: string
  readonly folder: boolean
  /** Device and inode: the same for all names of a file. */
  readonly id: string
}

/** What file managers and file systems put into folders. A folder with nothing else counts as empty. */
const ofTheSystem = new Set([".DS_Store", "Thumbs.db", "desktop.ini", ".directory", "lost+found"])

/** Whether people would not count an entry of this name. */
export const isOfTheSystem = (name: string): boolean => ofTheSystem.has(name)

/** Device and inode of a path, which may itself be a link; undefined where there is nothing. */
export const idOf = async (path: string): Promise<string | undefined> => {
  const found = await lookAt(path)
  return found && `${found.dev}:${found.ino}`
}

const lookAt = (path: string) =>
  lstat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined
    throw error
  })

/** Looks at `path`, where the program writes `entry`, and at all below. Changes nothing. */
export const survey = async (path: string, entry: OwnEntry | undefined): Promise<Survey> => {
  const found = await lookAt(path)
  if (found === undefined) return { own: [], foreign: [] }
  const foreign: Survey = { own: [], foreign: [path] }
  if (entry === undefined) return foreign
  const piece = { path, id: `${found.dev}:${found.ino}` }
  if (found.isSymbolicLink()) return { own: [{ ...piece, folder: false }], foreign: [] }
  if (entry.kind === "file") {
    const ours = found.isFile() && (entry.ours === undefined || (await entry.ours(path)))
    return ours ? { own: [{ ...piece, folder: false }], foreign: [] } : foreign
  }
  if (!found.isDirectory()) return foreign
  const own: Array<Found> = []
  const others: Array<string> = []
  for (const name of (await readdir(path)).sort()) {
    if (isOfTheSystem(name)) continue
    const below = await survey(join(path, name), entry.entry(name))
    own.push(...below.own)
    others.push(...below.foreign)
  }
  return { own: [...own, { ...piece, folder: true }], foreign: others }
}

/** Removes what a survey found of the program's own. A folder in which something is left stays. */
export const remove = async ({ own }: Pick<Survey, "own">): Promise<void> => {
  for (const { path, folder } of own)
    await (folder ? rmdir(path) : unlink(path)).catch((error: NodeJS.ErrnoException) => {
      const left = folder && (error.code === "ENOTEMPTY" || error.code === "EEXIST")
      if (!left && error.code !== "ENOENT") throw error
    })
}

/** The first bytes of a file, as text. */
export const headOf = async (path: string, bytes: number): Promise<string> => {
  const file = await open(path, "r")
  try {
    const head = new Uint8Array(bytes)
    const { bytesRead } = await file.read(head, 0, bytes, 0)
    return new TextDecoder().decode(head.subarray(0, bytesRead))
  } finally {
    await file.close()
  }
}

/**
 * Makes a folder and those above it, one by one: Node's own way never ends if the file system answers
 * ENOENT to everything. `path` is absolute.
 */
export const makeFolder = async (path: string, mode = 0o777): Promise<void> => {
  const there = await stat(path).then(
    (found) => found.isDirectory(),
    () => false
  )
  if (there) return
  if (dirname(path) !== path) await makeFolder(dirname(path))
  await mkdir(path, { mode }).catch((error: NodeJS.ErrnoException) => {
    // Two may make it at the same time.
    if (error.code !== "EEXIST") throw error
  })
}

/** The program's files that are read whole are far smaller; a larger file is not read. */
const mostBytes = 2 ** 24

/** The text of a file; null where something else has its name, undefined where nothing has. */
export const smallFile = async (path: string): Promise<string | null | undefined> => {
  const found = await lookAt(path)
  if (found === undefined) return undefined
  return found.isFile() && found.size <= mostBytes ? readFile(path, "utf8") : null
}

/** The object or list that a text is the JSON of. */
export const parsed = (text: string): object | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
