/**
 * The properties of the broker that security and messages rest on, and how a party checks them. The broker
 * states some when a connection opens (INFO), before the user signs anything. The rest is tried: once it has
 * authenticated, a user reads and writes once what belongs to another, which must be refused. Every
 * connection begins with both (`nats-handshake.ts`), also after the broker was away.
 */
import { Data } from "effect"
import { envelopeBytes } from "../../protocol/messages/envelope.ts"
import { type BrokerUntrusted, withoutTls } from "./trust.ts"

/**
 * Bytes that a carrier must take in one message: an envelope at its longest, and a fragment worth sending.
 */
export const leastPayloadBytes = envelopeBytes + 256

/** The broker does not protect what a party reads and writes from others. */
export class BrokerUnprotected extends Data.TaggedError("BrokerUnprotected")<{
  readonly server: string
  readonly user: string
  readonly reason: string
  readonly remedy: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the NATS broker at ${this.server} is not safe to use: ${this.reason}; ${this.remedy}`
  }
}

/** The broker answers, and can't or won't do what a party needs. */
export class BrokerUnfit extends Data.TaggedError("BrokerUnfit")<{
  readonly server: string
  readonly reason: string
  readonly remedy: string
  /** Whether it may do so later. */
  readonly retryable: boolean
}> {
  override get message(): string {
    return `the NATS broker at ${this.server} can't be used: ${this.reason}; ${this.remedy}`
  }
}

/** The broker's INFO, as far as anything rests on it. */
export interface BrokerInfo {
  readonly version?: string
  readonly headers?: boolean
  /** Whether users must prove who they are. They need not without authorization, nor with a `no_auth_user`. */
  readonly auth_required?: boolean
  /** What users with NKEYs are to sign; stated where it knows any. */
  readonly nonce?: string
  readonly tls_required?: boolean
  readonly tls_available?: boolean
  /** It asks for the client's certificate too. */
  readonly tls_verify?: boolean
  readonly max_payload?: number
  readonly jetstream?: boolean
}

/** Bytes of the headers of a traced message, which count towards the broker's `max_payload`. */
export const headerBytes = 128

/** The least `max_payload` of a broker. */
const leastBrokerPayload = leastPayloadBytes + headerBytes

/** The oldest broker that this program is written for; older ones are no longer maintained. */
const least = [2, 10] as const
export const leastVersion = least.join(".")

/** A party's options for the connection that its broker must fit. */
export interface Connecting {
  readonly server: string
  readonly user: string
  /** Whether the address asks for TLS. */
  readonly secured: boolean
  /** The size of messages that are made already, if it was connected before. */
  readonly payloadBytes?: number
}

/** What is wrong with a broker according to its INFO; undefined if it may be signed for. */
export const faultOf = (
  info: BrokerInfo,
  connecting: Connecting
): BrokerUnprotected | BrokerUnfit | BrokerUntrusted | undefined =>
  faultOfServer(info, connecting) ?? faultOfPayload(info, connecting)

/** The same, but for the size of the messages that it takes. */
export const faultOfServer = (
  info: BrokerInfo,
  { server, user, secured }: Connecting
): BrokerUnprotected | BrokerUnfit | BrokerUntrusted | undefined => {
  const unfit = (reason: string, remedy: string) =>
    new BrokerUnfit({ server, reason, remedy, retryable: false })
  // Only what it says to other brokers has these.
  if ("leafnode_urls" in info || "gateway_urls" in info || "lnoc" in info) return portOfBrokers(server)
  if (secured && info.tls_required !== true && info.tls_available !== true) return withoutTls(server)
  if (!secured && info.tls_required === true)
    return unfit("it speaks nothing but TLS", "write tls:// in place of nats:// in NATS_URL")
  if (info.auth_required !== true)
    return new BrokerUnprotected({
      server,
      user,
      reason: "it lets in anybody (no authorization, or a no_auth_user), to read and write",
      remedy: "start it with nats.conf, which has an NKEY and permissions for every role"
    })
  if (!isLateEnough(info.version))
    return unfit(
      `it is nats-server ${info.version ?? "of no version"}`,
      `get ${leastVersion} or later from https://nats.io/download`
    )
  if (info.headers !== true)
    return unfit("it takes no headers", "take no_header_support out of its configuration")
  if (info.nonce === undefined || info.nonce === "")
    return unfit(
      "it lets nobody in by an NKEY, only by passwords or the like",
      "give it a user with an nkey for every role, as nats.conf has them"
    )
  if (secured && info.tls_verify === true)
    return unfit(
      "it asks for a certificate of the party too, which has an NKEY in its place",
      "take verify out of the tls block of its configuration"
    )
  return undefined
}

/** Whether it takes messages of the size that is needed. */
export const faultOfPayload = (
  { max_payload: payload = 0 }: BrokerInfo,
  { server, payloadBytes = leastBrokerPayload }: Connecting
): BrokerUnfit | undefined =>
  payload >= payloadBytes
    ? undefined
    : new BrokerUnfit({
        server,
        reason: `it takes messages of ${payload} bytes at most, and ${payloadBytes} are needed`,
        remedy: "raise max_payload in its configuration; nats.conf has 16MB",
        retryable: false
      })

const portOfBrokers = (server: string) =>
  new BrokerUnfit({
    server,
    reason: "that is its port for other brokers",
    remedy: "name the one for clients in NATS_URL, which is 4222 unless its configuration says otherwise",
    retryable: false
  })

/** Whether a server of this version is recent enough. */
export const isLateEnough = (version: string | undefined): boolean => {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version ?? "") ?? []
  if (major === undefined) return false
  const [leastMajor, leastMinor] = least
  return Number(major) > leastMajor || (Number(major) === leastMajor && Number(minor) >= leastMinor)
}

/**
 * A subject that a user must neither read nor write: what the KGC deals to the other cloud, or for the KGC
 * what the clouds exchange. It belongs to the run, so that permissions for one run only are checked too, and
 * to a member that does not exist.
 */
export const foreignSubject = (user: string, run: string): string => {
  const whose = user === "cloud0" ? "cloud1" : "cloud0"
  const from = user === "kgc" ? "cloud1.main.round" : "kgc.main.reply"
  return `bicameral.${run}.${whose}.probe.${from}`
}

/** The broker let a user do what it must not. */
export const tooMuchAllowed = (
  { server, user }: Pick<Connecting, "server" | "user">,
  operation: "read" | "write",
  subject: string
): BrokerUnprotected =>
  new BrokerUnprotected({
    server,
    user,
    reason: `it lets "${user}" ${operation} ${subject}, which is another's`,
    remedy: `give "${user}" the permissions that it has in nats.conf, and no more`
  })

/** The meaning of the words with which the broker ends a connection, or after which it continues. */
export const complaintOf = (words: string, server: string): BrokerUnfit => {
  const unfit = (reason: string, remedy: string, retryable = false) =>
    new BrokerUnfit({ server, reason, remedy, retryable })
  const said = words.toLowerCase()
  const limit = /maximum (account active )?(connections|subscriptions|control line)/.exec(said)?.[2]
  switch (limit) {
    case "connections":
      return unfit(
        "it takes no more connections",
        "raise max_connections, or end what else is connected",
        true
      )
    case "subscriptions":
      return unfit("it takes no more subscriptions of a connection", "raise max_subscriptions")
    case "control line":
      return unfit("it takes shorter lines only", "raise max_control_line; nats.conf has 2KB")
  }
  if (said.includes("attempted to connect to")) return portOfBrokers(server)
  return unfit(`it says "${words}"`, "see its configuration and its log")
}
