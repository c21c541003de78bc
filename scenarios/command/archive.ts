/** `bicameral archive`: what rests at the clouds, and how it is forgotten. */
import { Effect, Option } from "effect"
import { countCells } from "../../protocol/data/rows.ts"
import { type ArchiveSeen, archiveIn, archivesBelow, forgetAll, forgetUser } from "../folders/archives.ts"
import { answer } from "../text/answer.ts"
import { count, counted, size } from "../text/units.ts"
import type { ArchiveRequest } from "./commands.ts"

const rowsIn = ({ archive }: ArchiveSeen): number =>
  new Set(archive.uploads.flatMap(({ blocks }) => blocks.flatMap(({ rows }) => [...rows]))).size

/** The bytes of the ciphertexts; of a hybrid upload the cells are in pieces besides. */
const bytesOf = ({ archive }: ArchiveSeen): number =>
  archive.uploads.reduce((sum, { share0, share1 }) => sum + share0.length + share1.length, 0)

const line = (seen: ArchiveSeen): string => {
  const { archive, folder, uploaded } = seen
  const { upload } = uploaded.security
  return `${folder}  ${uploaded.scenario}, ${counted(rowsIn(seen), "row")} of ${counted(archive.uploads.length, "user")}, ${upload}, ${archive.bits} bits, ${size(bytesOf(seen))} of ciphertexts`
}

const details = (seen: ArchiveSeen): ReadonlyArray<string> => {
  const { archive, folder, parties, uploaded } = seen
  const users = uploaded.users.map(({ actor, name }) => {
    const own = archive.uploads.find(({ user }) => user === actor)
    if (own === undefined) return `  ${name}  withdrawn`
    const rows = new Set(own.blocks.flatMap((block) => [...block.rows])).size
    return `  ${name}  ${counted(countCells(own.blocks), "cell")} of ${counted(rows, "row")}`
  })
  const { modulusBits, upload } = uploaded.security
  return [
    `archive      ${folder}`,
    `scenario     ${uploaded.scenario}, run ${archive.run}`,
    `upload       ${upload}, ${count(modulusBits)} bits, ${size(bytesOf(seen))} of ciphertexts`,
    "users",
    ...users,
    `kept by      ${parties.join(", ")}`,
    "opened by    cloud 0 and cloud 1 together, without any user: bicameral train",
    `             or by ${uploaded.decryption === undefined ? "all users" : `${uploaded.decryption.threshold} users`} with what cloud 1 keeps`
  ]
}

const outOfReach =
  "out of reach: copies made before, old blocks that a file system or disk keeps, and models trained on the cells"

/** An archive as a value. */
const jsonOf = (seen: ArchiveSeen) => ({
  folder: seen.folder,
  scenario: seen.uploaded.scenario,
  run: seen.archive.run,
  upload: seen.uploaded.security.upload,
  rows: rowsIn(seen),
  bytes: bytesOf(seen),
  keptBy: seen.parties,
  users: seen.uploaded.users.map(({ actor, name }) => {
    const own = seen.archive.uploads.find(({ user }) => user === actor)
    return { name, cells: countCells(own?.blocks ?? []), withdrawn: own === undefined }
  })
})

/** Lists, shows or forgets archives. */
export const archiveCommand = ({ action, folder, user }: ArchiveRequest) =>
  Effect.gen(function* () {
    if (action === "list") {
      const found = yield* archivesBelow(folder)
      const text =
        found.length === 0 ? `no archive in ${folder} or directly below it` : found.map(line).join("\n")
      return yield* answer({ text, value: found.map(jsonOf) })
    }
    if (action === "show") {
      const seen = yield* archiveIn(folder)
      return yield* answer({ text: details(seen).join("\n"), value: jsonOf(seen) })
    }
    if (Option.isSome(user)) {
      const name = yield* forgetUser(folder, user.value)
      const text = `the cells of ${name} are erased from ${folder}\n${outOfReach}`
      return yield* answer({ text, value: { folder, user: name } })
    }
    const actors = yield* forgetAll(folder)
    const text = `the archive in ${folder} is erased, and what opened it at ${actors.join(", ")}\n${outOfReach}`
    yield* answer({ text, value: { folder, parties: actors } })
  })
