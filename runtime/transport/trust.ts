/**
 * Which server a party accepts as its broker, and over which connections: TLS (`tls://`) to a server with a
 * certificate for the expected name from a known authority; in the clear to its own machine, and elsewhere
 * only if that is allowed explicitly. Messages are sealed and no secret goes to the broker, but whoever is on
 * the way in the clear sees who writes to whom and when, and can take over the connection once it is open.
 */
import { X509Certificate } from "node:crypto"
import { readFile } from "node:fs/promises"
import { isIP } from "node:net"
import { Data, Effect } from "effect"
import { variable } from "../environment.ts"
import { type BrokerAddressInvalid, checkedAddress } from "./address.ts"

export interface Trust {
  /** File of the certificates (PEM) of the authorities that sign brokers; by default those of Node. */
  readonly authorities?: string
  /** The same certificates as a text, where they came with something else than a file of their own. */
  readonly authoritiesText?: string
  /** The name that the certificate must be for; by default the host in the broker's address. */
  readonly serverName?: string
  /** The connection may cross a network in the clear. */
  readonly plaintext?: boolean
}

/** The environment variables of a `Trust`; a party's process passes them on to those that it starts. */
export const trustVariables = ["NATS_CA", "NATS_SERVER_NAME", "NATS_PLAINTEXT"] as const

/** From `NATS_CA`, `NATS_SERVER_NAME` and `NATS_PLAINTEXT`; only `allowed` allows plaintext. */
export const trustFromEnvironment: Effect.Effect<Trust> = Effect.map(
  Effect.all(trustVariables.map(variable)),
  ([authorities, serverName, plaintext]) => ({
    ...(authorities === undefined ? {} : { authorities }),
    ...(serverName === undefined ? {} : { serverName }),
    plaintext: plaintext === "allowed"
  })
)

/** The broker is on another machine, and its address asks for no encryption. */
export class ConnectionExposed extends Data.TaggedError("ConnectionExposed")<{
  readonly user: string
  readonly server: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the connection of "${this.user}" to ${this.server} would be in the clear: give the broker a certificate and use tls:// in NATS_URL, or set NATS_PLAINTEXT=allowed where nobody else is on the way`
  }
}

/** The server does not prove to be the broker. */
export class BrokerUntrusted extends Data.TaggedError("BrokerUntrusted")<{
  readonly server: string
  readonly reason: string
  readonly remedy: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the NATS broker at ${this.server} is not trusted: ${this.reason}; ${this.remedy}`
  }
}

/** The settings of a TLS connection. */
export interface TlsSettings {
  /** PEM. */
  readonly ca?: string
  /** The name that the certificate must have. */
  readonly host: string
  /** The name sent to the server (SNI); none if the host is an IP address. */
  readonly servername: string
}

const hostIn = (address: URL): string => address.hostname.replace(/^\[(.*)\]$/, "$1")

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."))

/** The TLS settings for a broker; undefined if the connection may be in the clear. */
export const tlsSettings = (
  server: string,
  user: string,
  { authorities, authoritiesText, serverName, plaintext }: Trust
): Effect.Effect<TlsSettings | undefined, ConnectionExposed | BrokerUntrusted | BrokerAddressInvalid> =>
  Effect.gen(function* () {
    const address = yield* checkedAddress(server)
    const host = hostIn(address)
    if (address.protocol !== "tls:") {
      if (isLoopback(host) || plaintext) return undefined
      return yield* new ConnectionExposed({ user, server })
    }
    const name = serverName ?? host
    const named = { host: name, servername: isIP(name) === 0 ? name : "" }
    if (authoritiesText !== undefined) return { ...named, ca: authoritiesText }
    if (authorities === undefined) return named
    const ca = yield* Effect.tryPromise({
      try: async () => {
        const pem = await readFile(authorities, "utf8")
        // Throws if it is none.
        new X509Certificate(pem)
        return pem
      },
      catch: (cause) =>
        new BrokerUntrusted({
          server,
          reason: `NATS_CA=${authorities} can't be read as certificates (${messageOf(cause)})`,
          remedy: "name a PEM file with the certificate of the authority that signed the broker's"
        })
    })
    return { ...named, ca }
  })

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** The address asks for TLS, and the broker does not have it. */
export const withoutTls = (server: string): BrokerUntrusted =>
  new BrokerUntrusted({
    server,
    reason: "it speaks no TLS",
    remedy: "add a tls block to its configuration, as nats-tls.conf has it"
  })

const codeOf = (cause: unknown): string | undefined =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : undefined

const unknownAuthority = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_SIGNATURE_FAILURE"
])

/** Where a party knows the authorities from that it accepts. */
export const authoritiesOf = ({ authorities, authoritiesText }: Trust): string =>
  authoritiesText === undefined ? (authorities ?? "Node's own list") : "the invitation"

export const authorityRemedy = ({ authoritiesText }: Trust): string =>
  authoritiesText === undefined
    ? "set NATS_CA to the file with the certificate of the authority that signed it, and use tls:// in NATS_URL"
    : "ask who runs the broker for its authority's certificate, and who invited you for an invitation with it (invite --ca)"

/** What a connection error says about the broker's certificate; undefined if it has another cause. */
export const untrusted = (cause: unknown, server: string, trust: Trust): BrokerUntrusted | undefined => {
  const code = codeOf(cause)
  const told = (reason: string, remedy: string) => new BrokerUntrusted({ server, reason, remedy })
  if (code === undefined) return undefined
  if (unknownAuthority.has(code))
    return told(
      `its certificate is signed by none of the authorities in ${authoritiesOf(trust)} (${code})`,
      authorityRemedy(trust)
    )
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID")
    return told(
      `its certificate ${code === "CERT_HAS_EXPIRED" ? "has expired" : "is not valid yet"}`,
      "have it signed anew, or set the clock of this machine"
    )
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return told(
      `its certificate is not for ${trust.serverName ?? hostIn(new URL(server))}, but for ${namesOf(cause)}`,
      "connect by a name that it is for, set NATS_SERVER_NAME to one of them, or have one signed for this name"
    )
  if (code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code.startsWith("CERT_"))
    return told(`the TLS handshake failed (${code})`, "see the tls block of its configuration and its log")
  return undefined
}

/** The names in a certificate without the expected one. */
const namesOf = (cause: unknown): string => {
  const { cert } = cause as { readonly cert?: { readonly subjectaltname?: string } }
  return cert?.subjectaltname ?? "no name that can be checked"
}
