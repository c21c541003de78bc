/**
 * The file of `bicameral check FILE --hosts HOSTS`: hosts, their links, and which party of a run is on which
 * host.
 */
import { didYouMean } from "../../protocol/data/near-names.ts"
import { Schema } from "../../protocol/schema.ts"
import { defaulted, list, name, optional, struct, value, wholeNumber } from "./fields.ts"
import { jsonSchemaOf } from "./json-schema.ts"

/** Far beyond any machine, and not so far that a predicted time would mean nothing. */
const [least, most] = [1e-3, 1e9]

const positive = (description: string) =>
  value(Schema.Number, (x) => x >= least && x <= most, "a number above 0, from 0.001 to 10^9", {
    minimum: least,
    maximum: most,
    description
  })

const Link = struct({
  delayMs: value(Schema.Number, (x) => x >= 0 && x <= 60_000, "a number from 0 to 60000", {
    minimum: 0,
    maximum: 60_000,
    description: "One-way delay"
  }),
  megabitsPerSecond: positive("Bandwidth in each direction")
}).annotations({ description: "A link, the same in both directions" })
export type Link = typeof Link.Type

const Host = struct({
  name: name("Name of the host"),
  site: name("Hosts of one site are joined by the link lan, hosts of different sites by wan"),
  cores: positive("Cores available to the parties"),
  gigabytes: optional(positive("Memory available to the parties; not checked when left out"))
})
export type Host = typeof Host.Type

const where = (what: string) => name(`The host of ${what}`)
const several = (what: string) =>
  list(
    name("A host"),
    0,
    Infinity,
    "a list of names of hosts",
    `Hosts of ${what}, one entry each; a host may be listed again`
  )

/** The file of hosts. */
export const HostsFile = struct({
  links: struct({ lan: Link, wan: Link }).annotations({ description: "The network between the hosts" }),
  /** All hosts are one machine, with this many cores: for trials. */
  sharedCores: optional(positive("Cores that all hosts share, if they are one machine: for trials")),
  hosts: list(Host, 1, 100_000, "a list of hosts", "The machines"),
  placement: struct({
    broker: where("the broker; with siteBrokers, of the hub"),
    siteBrokers: defaulted(
      list(
        name("A host"),
        0,
        Infinity,
        "a list of names of hosts",
        "Hosts of brokers that serve their own site and connect to the hub"
      ),
      []
    ),
    kgc: where("the KGC"),
    cloud0: where("cloud 0"),
    cloud1: where("cloud 1"),
    users: list(
      name("A host"),
      1,
      16,
      "a list of 1 to 16 names of hosts",
      "Hosts of the users, assigned in turn"
    ),
    workers: defaulted(
      struct({
        kgc: defaulted(several("the KGC's workers"), []),
        cloud0: defaulted(several("cloud 0's workers"), []),
        cloud1: defaulted(several("cloud 1's workers"), [])
      }).annotations({ description: "Hosts of worker processes" }),
      { kgc: [], cloud0: [], cloud1: [] }
    ),
    /** Pairs of lanes in addition to lane 0, which is the main process. */
    lanes: defaulted(
      struct({
        cloud0: defaulted(several("cloud 0's lanes other than the leader"), []),
        cloud1: defaulted(several("cloud 1's lanes other than the leader"), [])
      }).annotations({
        description:
          "Hosts of the lanes other than the leader, as many for each cloud: one fewer than placement.lanes of a scenario, which the prediction does not read"
      }),
      { cloud0: [], cloud1: [] }
    )
  }).annotations({ description: "The host of each process" }),
  threads: defaulted(
    wholeNumber(
      1,
      1024,
      "Maximum number of worker threads of a process, which is never more than its host's cores"
    ),
    1024
  )
}).pipe(
  Schema.filter(({ hosts, placement }): ReadonlyArray<Schema.FilterIssue> => {
    const known = new Set<string>()
    const problems: Array<Schema.FilterIssue> = []
    const problem = (path: ReadonlyArray<PropertyKey>, message: string) => problems.push({ path, message })
    hosts.forEach((host, index) => {
      if (known.has(host.name))
        problem(["hosts", index, "name"], `"${host.name}" is the name of another host too; rename one`)
      known.add(host.name)
    })
    for (const [path, name] of hostsNamed(placement))
      if (!known.has(name))
        problem(
          ["placement", ...path],
          `"${name}" is no host of this file; add it to hosts${didYouMean(name, [...known])}`
        )
    const { cloud0, cloud1 } = placement.lanes
    if (cloud0.length !== cloud1.length)
      problem(
        ["placement", "lanes"],
        "each lane of cloud 0 needs its peer at cloud 1; give both as many lanes"
      )
    return problems
  })
)

/** Every host that a placement names, with its path. */
const hostsNamed = (
  value: unknown,
  path: ReadonlyArray<PropertyKey> = []
): ReadonlyArray<readonly [ReadonlyArray<PropertyKey>, string]> => {
  if (typeof value === "string") return [[path, value]]
  if (Array.isArray(value)) return value.flatMap((each, index) => hostsNamed(each, [...path, index]))
  return Object.entries(value as object).flatMap(([key, each]) => hostsNamed(each, [...path, key]))
}
export type Hosts = typeof HostsFile.Type

/** The JSON Schema of files of hosts. */
export const hostsJsonSchema = (): object => jsonSchemaOf("bicameral hosts", HostsFile)

/** Unknown keys are errors, and all problems are reported at once. */
export const decodeHosts = Schema.decodeUnknownEither(HostsFile, { errors: "all", onExcessProperty: "error" })
