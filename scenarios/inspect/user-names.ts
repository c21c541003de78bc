/** Names of users and of scenarios, and which are proposed for files and folders. */

/** Names that a user can't have, since other parties have them. */
const reserved = /^(kgc|cloud[01]|director|user\d+)$/

/** Whether a text can be the name of a user or of a scenario. */
export const isUserName = (text: string): boolean =>
  /^[a-z][a-z0-9-]{0,39}$/.test(text) && !reserved.test(text)

/** A name of a user, or of a scenario, from that of a file or a folder. */
export const nameOf = (path: string, otherwise: string): string => {
  const base = path
    .replace(/^.*[/\\]/, "")
    .replace(/\.(gz|csv|tsv|txt|tab|dat|parquet|pq|idx|part|yaml|yml)\b.*$/i, "")
    .normalize("NFKD")
    .replace(/\p{Mark}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
  const name = (/^[a-z]/.test(base) ? base : `${otherwise}-${base}`).slice(0, 40).replace(/-+$/, "")
  return reserved.test(name) ? `${otherwise}-${name}` : name
}

/** The same names, each made different from those before it. */
export const distinctNames = (names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const taken = new Set<string>()
  return names.map((name) => {
    let own = name
    for (let number = 2; taken.has(own); number++) own = `${name.slice(0, 36)}-${number}`
    taken.add(own)
    return own
  })
}
