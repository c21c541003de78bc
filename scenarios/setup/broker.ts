/** What has to be right at the broker before a party proves who it is: name, port, its own words, and its certificate. */
import { Clock, Effect, Either } from "effect"
import { checkedAddress } from "../../runtime/transport/address.ts"
import { faultOfPayload, faultOfServer } from "../../runtime/transport/assumptions.ts"
import { type BrokerLook, type CertificateSeen, lookAt } from "../../runtime/transport/broker-look.ts"
import { type TlsSettings, type Trust, tlsSettings, untrusted } from "../../runtime/transport/trust.ts"
import { duration, size } from "../text/units.ts"
import { type Check, type Finding, fault, needs, ok, unknown } from "./finding.ts"
import { clockToleranceMs, latestEvidence } from "./local.ts"
import type { Site } from "./site.ts"

const timeoutMs = 5_000
/** A certificate that ends sooner is told of. */
const soonMs = 14 * 86_400_000
/** What a cloud that keeps checkpoints at the broker needs of a message. */
const checkpointBytes = 64_128

/** Where the broker is, and what it is trusted by. */
interface Known {
  readonly url: string
  readonly trust: Trust
  readonly hostname: string
  readonly tls: TlsSettings | undefined
}

/** Whether the run needs a broker that stores. */
const needsStorage = ({ loaded }: Site): boolean => loaded.scenario.placement.checkpoints === "jetstream"

/** Whether this party keeps checkpoints at the broker. */
export const storesAtBroker = (site: Site): boolean =>
  needsStorage(site) && (site.actor === "cloud0" || site.actor === "cloud1")

const afterAddress: ReadonlyArray<Check> = ["name", "port", "broker", "payload", "authority"]

/** The findings at the broker from outside. A fault among them, and the party is not let in. */
export const brokerFindings = (site: Site) =>
  Effect.gen(function* () {
    if (Either.isLeft(site.access)) return without("address", site.access.left.message, afterAddress)
    const { trust, url } = site.access.right
    const settled = yield* Effect.either(
      Effect.all([checkedAddress(url), tlsSettings(url, site.actor, trust)])
    )
    if (Either.isLeft(settled)) return without("address", settled.left.message, afterAddress)
    const [address, tls] = settled.right
    const hostname = address.hostname.replace(/^\[(.*)\]$/, "$1")
    const known = { url, trust, hostname, tls }
    const look = yield* lookAt({ server: url, hostname, port: Number(address.port || 4222), tls, timeoutMs })
    const kept = tls === undefined ? "in the clear, which stays on this machine or was allowed" : "over TLS"
    return [
      ok("address", `${url}, ${kept}`),
      ...wayFindings(known, look),
      ...serverFindings(site, known, look),
      ...(yield* certificateFindings(site, known, look))
    ]
  })

const without = (check: Check, message: string, rest: ReadonlyArray<Check>): ReadonlyArray<Finding> => [
  fault(check, message),
  ...rest.map((each) => needs(each, `the ${check}`))
]

const wayFindings = ({ hostname }: Known, look: BrokerLook): ReadonlyArray<Finding> => {
  const name = Either.match(look.addresses, {
    onLeft: ({ message }) => fault("name", message),
    onRight: (addresses) => ok("name", `${hostname} is ${addresses.join(", ")}`)
  })
  if (look.port === undefined) return [name, needs("port", "the name")]
  const port = Either.match(look.port, {
    onLeft: ({ message }) =>
      fault("port", `${message}. Also see that no firewall is between this machine and it`),
    onRight: (ms) => ok("port", `open, after ${ms.toFixed(1)} ms`)
  })
  return [name, port]
}

/** What it says of itself. It has not proved by then who it is. */
const serverFindings = (site: Site, { tls, url }: Known, look: BrokerLook): ReadonlyArray<Finding> => {
  if (look.info === undefined) return [needs("broker", "the port"), needs("payload", "the port")]
  if (Either.isLeft(look.info))
    return [fault("broker", look.info.left.message), needs("payload", "the broker's own words")]
  const info = look.info.right
  const connecting = {
    ...{ server: url, user: site.actor, secured: tls !== undefined },
    ...(storesAtBroker(site) ? { payloadBytes: checkpointBytes } : {})
  }
  const [server, payload] = [faultOfServer(info, connecting), faultOfPayload(info, connecting)]
  const ofStorage = !needsStorage(site)
    ? []
    : [
        info.jetstream === true
          ? ok("jetstream", "it stores")
          : fault(
              "jetstream",
              `the NATS broker at ${url} runs without JetStream, so it can't keep checkpoints: start it with nats-jetstream.conf, or take placement.checkpoints out of the scenario`
            )
      ]
  return [
    server === undefined
      ? ok("broker", `nats-server ${info.version}, which lets nobody in without proof`)
      : fault("broker", server.message),
    payload === undefined
      ? ok("payload", `it takes messages of ${size(info.max_payload ?? 0)}`)
      : fault("payload", payload.message),
    ...ofStorage
  ]
}

const certificateFindings = (site: Site, known: Known, look: BrokerLook) =>
  Effect.gen(function* () {
    if (known.tls === undefined) return [unknown("authority", "none is needed in the clear")]
    if (look.certificate === undefined) return [needs("authority", "a broker that speaks TLS")]
    if (Either.isLeft(look.certificate)) return [fault("authority", look.certificate.left.message)]
    const seen = look.certificate.right
    const clock = yield* Clock.currentTimeMillis
    const { atMs } = yield* latestEvidence(site)
    return certificateSaid(known, seen, Math.max(clock, atMs))
  })

/** Each property of a certificate; its dates by the latest time that has been, which its beginning may lie just after. */
export const certificateSaid = (
  { trust, url }: Known,
  seen: CertificateSeen,
  nowMs: number
): ReadonlyArray<Finding> => {
  const { fromMs, isForName, names, refusal, toMs, vouched } = seen
  const doubt = (code: string) => {
    const cause = { code, cert: { subjectaltname: names } }
    return untrusted(cause, url, trust)?.message ?? `its certificate is refused (${code})`
  }
  const day = (ms: number) => new Date(ms).toISOString()
  const left = duration(Math.max(0, toMs - nowMs) / 1000)
  const dates =
    nowMs > toMs
      ? fault("certificate dates", `${doubt("CERT_HAS_EXPIRED")}. It ended at ${day(toMs)}`)
      : nowMs < fromMs - clockToleranceMs
        ? fault("certificate dates", `${doubt("CERT_NOT_YET_VALID")}. It begins at ${day(fromMs)}`)
        : ok(
            "certificate dates",
            `valid until ${day(toMs)}${toMs - nowMs < soonMs ? `, which is in ${left}: have it signed anew soon` : ""}`
          )
  const name = isForName
    ? ok("certificate name", `it is for ${names}`)
    : fault("certificate name", doubt("ERR_TLS_CERT_ALTNAME_INVALID"))
  const own = [dates, name].every(({ status }) => status === "ok")
  const authority = !vouched
    ? fault("authority", doubt("UNABLE_TO_VERIFY_LEAF_SIGNATURE"))
    : own && refusal !== undefined && !/EXPIRED|NOT_YET/.test(refusal)
      ? fault("authority", doubt(refusal))
      : ok("authority", "a known authority signed its certificate")
  return [authority, name, dates]
}
