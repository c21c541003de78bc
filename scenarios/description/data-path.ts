/** Names of files, as a scenario writes them and as the system answers to them. Pure. */
import type { Path } from "@effect/platform"

/** Whether a path begins with a home folder as shells write it, which is not expanded where it is quoted or stands in a file. */
export const beginsWithHome = (path: string): boolean => /^~[^/\\]*([/\\]|$)/.test(path)

/** What is wrong with the name of a data file, wherever the scenario is. */
export const fileProblem = (file: string): string | undefined => {
  if (beginsWithHome(file))
    return "begins with ~, which only shells replace by a home folder; write the whole path, or one relative to the scenario file"
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(file))
    return "is an address; fetch the file, and give its path on this machine"
  if (file.includes("\0")) return "has a zero character in it; correct the path"
  return undefined
}

/** Where a data file is: relative to the folder of the scenario, unless it is absolute. */
export const dataFileOf = (path: Path.Path, scenario: string, file: string): string =>
  path.isAbsolute(file) ? file : path.join(path.dirname(scenario), file)

/** What may be wrong with the name of a file that is not there. */
const missingFileHint = (file: string): string =>
  file.includes("\\") ? "; write / between the folders of a path, not \\" : ""

/** What the system says of a file. */
export interface FileError {
  readonly _tag: string
  readonly reason?: string
  readonly message: string
}

/** Why a file can't be read, and what to do about it. */
export const unreadable = (error: FileError, file: string, remedy: string): string => {
  if (/ENAMETOOLONG/.test(error.message)) return `there is no such file, and no name is that long; ${remedy}`
  if (error.reason === "NotFound") return `there is no such file; ${remedy}${missingFileHint(file)}`
  if (error.reason === "PermissionDenied")
    return "may not be read by this process; allow it, or give another path"
  if (/EISDIR/.test(error.message)) return `is a folder; ${remedy}`
  if (/ENOTDIR/.test(error.message))
    return `there is no such file: a part of its path is a file, not a folder; ${remedy}`
  if (/ELOOP/.test(error.message)) return `is a link that leads back to itself; ${remedy}`
  return `can't be read (${error.reason ?? error._tag}); ${remedy}`
}
