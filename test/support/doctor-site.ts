/**
 * A party's site with a broker over TLS, a peer that answers, and what can be planted in them: each fault with the check that is
 * to name it.
 */
import { unlink } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Context, Effect, Layer, Option } from "effect"
import { agreementDigest } from "../../actors/party/agreement.ts"
import { drawIdentities, identityIn } from "../../actors/party/identities.ts"
import { openLink } from "../../bench/link.ts"
import { drawNkey } from "../../protocol/channels/nkey.ts"
import { drawCredentials, nkeysFor } from "../../runtime/broker/start.ts"
import { layer as nats } from "../../runtime/transport/nats.ts"
import { Transport } from "../../runtime/transport/transport.ts"
import { keysOfScenario } from "../../scenarios/description/agreement.ts"
import { skewed } from "../../scenarios/faults-injected/at-party.ts"
import { examine } from "../../scenarios/setup/doctor.ts"
import type { Check, Finding } from "../../scenarios/setup/finding.ts"
import { siteOfScenario } from "../../scenarios/setup/site.ts"
import { visitor, visitsRun } from "../../scenarios/setup/visit.ts"
import { authority } from "./certificates.ts"
import { brokerFrom, freePort, ownConfiguration } from "./configured-broker.ts"
import { withVariables } from "./environment.ts"
import { identitiesGiven, listUsers, partiesListed } from "./identities-given.ts"
import { patienceMs } from "./patience.ts"
import { splits, temporaryFolder, writeScenario } from "./small-scenario.ts"

/** How a site is set up. */
export interface Setting {
  readonly certificate: { readonly names: ReadonlyArray<string>; readonly days: number }
  /** Of the broker, but for where it listens, TLS and storage. */
  readonly configuration: string
  readonly listens: boolean
  readonly stores: boolean
  readonly identity: "its own" | "another's"
  readonly brokerKnows: "its own" | "another's"
  /** Milliseconds that the site's clock is ahead. */
  readonly clockMs: number
  readonly folder: "its own" | "on a full disk"
  readonly link: "direct" | "slow"
  /** The program's version at the others. */
  readonly versionOfOthers: string
  readonly data: "there" | "missing"
  /** Whether the other parties are there. */
  readonly others: "there" | "absent"
}

const version = "0.2.0"

export const healthy: Setting = {
  certificate: { names: ["IP:127.0.0.1"], days: 30 },
  configuration: ownConfiguration,
  listens: true,
  stores: true,
  identity: "its own",
  brokerKnows: "its own",
  clockMs: 0,
  folder: "its own",
  link: "direct",
  versionOfOthers: version,
  data: "there",
  others: "there"
}

/** Something that is wrong with a site. */
export interface Fault {
  readonly name: string
  /** The check that names it. */
  readonly check: Check
  readonly says: RegExp
  readonly plant: (setting: Setting) => Setting
}

/** Permissions of `user1` as a broker's operator may write them by mistake. */
const tooMuch = (configuration: string) =>
  configuration.replace(
    /(\{ nkey: \$USER1_NKEY), permissions: \{.*?subscribe: \[[^\]]*\] \} \}/s,
    '$1, permissions: { publish: ">", subscribe: ">" } }'
  )

const year = 365 * 86_400_000

export const faults: ReadonlyArray<Fault> = [
  {
    name: "wrong certificate name",
    check: "certificate name",
    says: /is not for 127\.0\.0\.1, but for DNS:other\.test/,
    plant: (setting) => ({ ...setting, certificate: { ...setting.certificate, names: ["DNS:other.test"] } })
  },
  {
    name: "expired certificate",
    check: "certificate dates",
    says: /has expired; have it signed anew/,
    plant: (setting) => ({ ...setting, certificate: { ...setting.certificate, days: -1 } })
  },
  {
    name: "clock off",
    check: "clock",
    says: /clock of this machine .*; set it, and keep it set with NTP/,
    plant: (setting) => ({ ...setting, clockMs: -year })
  },
  {
    name: "port closed",
    check: "port",
    says: /nothing listens there; .*firewall/,
    plant: (setting) => ({ ...setting, listens: false })
  },
  {
    name: "wrong identity",
    check: "identity",
    says: /lists another identity for user1/,
    plant: (setting) => ({ ...setting, identity: "another's" })
  },
  {
    name: "permissions not effective",
    check: "permissions",
    says: /lets "user1" read .*; give "user1" the permissions that it has in nats\.conf/,
    plant: (setting) => ({ ...setting, configuration: tooMuch(setting.configuration) })
  },
  {
    name: "small max_payload",
    check: "payload",
    says: /takes messages of 512 bytes at most.*raise max_payload/,
    plant: (setting) => ({
      ...setting,
      configuration: setting.configuration.replace(/max_payload: 16MB/, "max_payload: 512")
    })
  },
  {
    name: "no JetStream",
    check: "jetstream",
    says: /runs without JetStream.*start it with nats-jetstream\.conf/,
    plant: (setting) => ({ ...setting, stores: false })
  },
  {
    name: "full disk",
    check: "disk",
    says: /the disk of \/\w+ has 0 B left.*make room/,
    plant: (setting) => ({ ...setting, folder: "on a full disk" })
  },
  {
    name: "slow link",
    check: "link",
    says: /Mbit\/s, and 1 are the least/,
    plant: (setting) => ({ ...setting, link: "slow" })
  },
  {
    name: "other version",
    check: "others",
    says: /kgc has bicameral 0\.1\.0, and this is 0\.2\.0/,
    plant: (setting) => ({ ...setting, versionOfOthers: "0.1.0" })
  },
  {
    name: "data file missing",
    check: "data",
    says: /there is no such file/,
    plant: (setting) => ({ ...setting, data: "missing" })
  }
]

const parties = ["kgc", "cloud0", "cloud1", "director", "user1", "user2", "user3"]

/** On it there is no room for anything, whoever asks. */
const fullDisk = process.platform === "linux" ? "/proc/bicameral" : "/dev/bicameral"

/** A scenario whose parties all have identities, in a folder of its own. */
const written = Effect.gen(function* () {
  const identities = drawIdentities()
  const changes = { parties: partiesListed(identities), placement: { checkpoints: "jetstream" } }
  const { file, folder } = yield* writeScenario(splits.rows, changes)
  yield* listUsers(file, identities)
  return { file, folder, identities }
})

/** The broker of a setting, or nobody at its port; its port. */
const brokerOf = (
  setting: Setting,
  known: Effect.Effect.Success<typeof authority>,
  nkeys: Readonly<Record<string, string>>
) =>
  Effect.gen(function* () {
    if (!setting.listens) return yield* freePort
    const { certificate, key } = yield* known.sign(setting.certificate.names, setting.certificate.days)
    const store = yield* temporaryFolder
    const blocks = [
      setting.configuration,
      `tls { cert_file: "${certificate}", key_file: "${key}" }`,
      ...(setting.stores ? [`jetstream { store_dir: "${store}" }`] : [])
    ]
    return yield* brokerFrom(blocks.join("\n"), nkeys)
  })

/** What the examination of `user1`'s site finds. The others answer where the broker lets them. */
export const found = (setting: Setting) =>
  Effect.gen(function* () {
    const { file, folder, identities } = yield* written
    const known = yield* authority
    const credentials = {
      ...drawCredentials(),
      ...Object.fromEntries(parties.map((user) => [user, { user, nkey: identityIn(identities, user).nkey }])),
      ...(setting.brokerKnows === "another's" ? { user1: { user: "user1", nkey: drawNkey() } } : {})
    }
    const port = yield* brokerOf(setting, known, nkeysFor(credentials))
    const reached = setting.link === "direct" || !setting.listens ? port : yield* slowLink(port)
    const variables = { NATS_URL: `tls://127.0.0.1:${reached}`, NATS_CA: known.certificate }
    const own = identitiesGiven(setting.identity === "its own" ? identities : drawIdentities())
    const prepared = siteOfScenario({
      file,
      party: "north",
      identity: Option.none(),
      state: Option.some(setting.folder === "its own" ? join(folder, "state") : fullDisk),
      version
    })
    const site = yield* prepared.pipe(withVariables({ ...variables, ...own }), Effect.provide(nodeContext))
    const agreement = agreementDigest(site.agreement)
    const keys = keysOfScenario(site.loaded.scenario)
    const peer = (actor: string) =>
      Effect.gen(function* () {
        const { channel, nkey } = identityIn(identities, actor)
        const trust = { authorities: known.certificate }
        const way = nats({ servers: [`tls://127.0.0.1:${port}`], user: actor, nkey, trust, run: visitsRun })
        const transport = Context.get(yield* Layer.build(way), Transport)
        const own = actor === "kgc" ? setting.versionOfOthers : version
        yield* visitor({ actor, identity: channel, keys, version: own, agreement }, transport)
      })
    // They do not come where the broker is not one that a party takes.
    if (setting.others === "there")
      yield* Effect.forEach(
        parties.filter((each) => each !== "user1"),
        (actor) => Effect.ignore(peer(actor)),
        {
          concurrency: "unbounded"
        }
      )
    if (setting.data === "missing") yield* Effect.promise(() => unlink(join(folder, "north-0.csv")))
    const skew = skewed(() => setting.clockMs)
    const waitMs = setting.others === "there" ? patienceMs : 0
    return yield* examine(site, waitMs).pipe(Effect.withClock(skew), Effect.provide(nodeContext))
  })

const slowLink = (port: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => openLink({ to: { host: "127.0.0.1", port }, delayMs: 1, megabitsPerSecond: 0.5 })),
      (link) => Effect.sync(link.close)
    ),
    (link) => link.port
  )

/** Those that are faults. */
export const faultsIn = (findings: ReadonlyArray<Finding>): ReadonlyArray<Check> =>
  findings.filter(({ status }) => status === "fault").map(({ check }) => check)

/** What a finding says, as far as it is a fault. */
export const saidOf = (findings: ReadonlyArray<Finding>, check: Check): string =>
  findings.find((finding) => finding.check === check && finding.status === "fault")?.said ?? ""
