/** What has to be right at a party's own site, whatever the network is like. */
import { randomBytes, randomUUID } from "node:crypto"
import { open, stat, statfs, unlink } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { Clock, Effect, Either } from "effect"
import { actorsOf } from "../../actors/party/agreement.ts"
import { checkKeys } from "../../actors/party/directory.ts"
import { fileReason } from "../../runtime/file-reason.ts"
import { keysOfScenario } from "../description/agreement.ts"
import { readUserTables } from "../description/load.ts"
import { leastNode } from "../text/node-version.ts"
import { count, counted, duration, size } from "../text/units.ts"
import { type Finding, fault, needs, ok, unknown } from "./finding.ts"
import type { Site } from "./site.ts"

/** Below these, a party does not get far. */
const leastDiskBytes = 256 * 2 ** 20
const leastMemoryBytes = 512 * 2 ** 20
/** How far a clock may be off before certificates and event logs mislead. */
export const clockToleranceMs = 60_000

const nodeFinding = ({ version }: Site): Finding => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  return major > leastNode[0] || (major === leastNode[0] && minor >= leastNode[1])
    ? ok("node", `Node ${process.versions.node}, bicameral ${version}`)
    : fault(
        "node",
        `this is Node ${process.versions.node}, and ${leastNode.join(".")} or later is needed; install one from https://nodejs.org`
      )
}

/** Its own identity, and whether the scenario lists it and all others. */
const identityFindings = ({ actor, agreement, identity, loaded }: Site) =>
  Effect.gen(function* () {
    const parties = ["director", ...actorsOf(agreement)]
    const keys = keysOfScenario(loaded.scenario)
    const missing = parties.filter((party) => !keys.has(party))
    const others =
      missing.length === 0
        ? ok("identities", `those of all ${parties.length} parties are known`)
        : fault(
            "identities",
            `nobody knows those of ${missing.join(", ")} yet; have each owner make one (bicameral join or bicameral identity), and put it into the scenario of all parties`
          )
    if (Either.isLeft(identity)) return [fault("identity", identity.left.message), others]
    if (!keys.has(actor))
      return [unknown("identity", "there is one, which the scenario does not list yet"), others]
    const checked = yield* Effect.either(checkKeys(keys, [], actor, identity.right.channel))
    const own = Either.match(checked, {
      onLeft: ({ message }) => fault("identity", message),
      onRight: () => ok("identity", `the one that the scenario lists for ${actor}`)
    })
    return [own, others]
  })

/** A user's own files; nobody else has any. */
const dataFinding = ({ actor, loaded, name }: Site) =>
  Effect.gen(function* () {
    if (!actor.startsWith("user")) return []
    const user = Number(actor.slice("user".length)) - 1
    const read = yield* Effect.either(readUserTables(loaded, user))
    return [
      Either.match(read, {
        onLeft: ({ message }) => fault("data", message),
        onRight: (tables) =>
          ok(
            "data",
            `${counted(tables.length, "file")} of ${name}, ${tables.map(({ ids }) => count(ids.length)).join(" + ")} rows`
          )
      })
    ]
  })

/** The nearest folder above a path, or itself, that is there. */
const existing = async (path: string): Promise<string> => {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined || dirname(path) === path ? path : existing(dirname(path))
}

/** Writes a file of a piece's size and takes it away again: what a disk states is not always what it takes. */
const tryWriting = async (folder: string): Promise<void> => {
  // Named like a draft, which the program knows for its own if it stays behind.
  const file = join(folder, `.doctor.${randomUUID()}`)
  const handle = await open(file, "wx", 0o600)
  try {
    await handle.writeFile(randomBytes(2 ** 20))
    await handle.sync()
  } finally {
    await handle.close()
    await unlink(file)
  }
}

const diskFinding = ({ folder }: Site): Effect.Effect<Finding> =>
  Effect.promise(async () => {
    const remedy = "make room, or choose another folder with --state"
    try {
      const place = await existing(resolve(folder))
      const { bavail, bsize } = await statfs(place)
      const free = bavail * bsize
      if (free < leastDiskBytes)
        return fault(
          "disk",
          `the disk of ${place} has ${size(free)} left, and ${size(leastDiskBytes)} are the least for a party's state; ${remedy}`
        )
      await tryWriting(place)
      return ok("disk", `${size(free)} left at ${place}, which can be written to`)
    } catch (error) {
      return fault("disk", `nothing can be written to ${folder}: ${fileReason(error)}; ${remedy}`)
    }
  })

const memoryFinding = (): Finding => {
  const free = process.availableMemory()
  return free >= leastMemoryBytes
    ? ok("memory", `${size(free)} available`)
    : fault(
        "memory",
        `${size(free)} are available, and ${size(leastMemoryBytes)} are the least for a party; end other programs, or take a larger machine`
      )
}

/** What is known to have been: the clock can't be right where it says less. */
export const latestEvidence = ({ evidence, loaded }: Site) =>
  Effect.promise(async () => {
    const written = await stat(loaded.file).catch(() => undefined)
    const all = [
      ...evidence,
      ...(written === undefined ? [] : [{ what: `${loaded.file} was written`, atMs: written.mtimeMs }])
    ]
    return all.reduce((x, y) => (y.atMs > x.atMs ? y : x), { what: "nothing", atMs: 0 })
  })

/** A clock that is behind shows by itself; one that is ahead shows against those of the others. */
const clockFinding = (site: Site) =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const { atMs, what } = yield* latestEvidence(site)
    return atMs > now + clockToleranceMs
      ? fault(
          "clock",
          `the clock of this machine says ${new Date(now).toISOString()}, and ${what} at ${new Date(atMs).toISOString()}, ${duration((atMs - now) / 1000)} later; set it, and keep it set with NTP`
        )
      : ok("clock", `it is ${new Date(now).toISOString()}`)
  })

/** What is found without the network. */
export const localFindings = (site: Site) =>
  Effect.gen(function* () {
    const { agreement, loaded } = site
    const clock = yield* clockFinding(site)
    return [
      nodeFinding(site),
      ok("scenario", `${loaded.file}: ${agreement.scenario}, ${counted(agreement.users.length, "user")}`),
      ...(yield* identityFindings(site)),
      ...(yield* dataFinding(site)),
      yield* diskFinding(site),
      memoryFinding(),
      clock
    ]
  })

/** The same where the scenario can't be read, which all else is about. */
export const withoutScenario = (message: string): ReadonlyArray<Finding> => [
  fault("scenario", message),
  needs("identity", "the scenario"),
  needs("address", "the scenario")
]
