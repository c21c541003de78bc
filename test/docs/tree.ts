/** The files of the project, as a fresh clone has them. */
import { readdirSync } from "node:fs"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"

/** Ends in a slash. */
export const root = fileURLToPath(new URL("../../", import.meta.url))

const notOurs = new Set(["node_modules", "dist", "out", ".git", "coverage"])

const below = (folder: string): ReadonlyArray<string> =>
  readdirSync(`${root}${folder}`, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}${entry.name}`
    if (notOurs.has(entry.name)) return []
    return entry.isDirectory() ? [`${path}/`, ...below(`${path}/`)] : [path]
  })

/** Paths from the root of all files, and of all folders with a slash at the end. */
export const tree: ReadonlySet<string> = new Set(below(""))

/** Names of files wherever they are. */
export const names: ReadonlySet<string> = new Set([...tree].map((path) => basename(path)))

/** Texts for people, by their paths. */
export const documents: ReadonlyArray<string> = [...tree].filter(
  (path) => path.endsWith(".md") && !path.startsWith("test/")
)
