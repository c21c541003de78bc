/**
 * Names the server that listens in place of a broker: from what it says first, or else from how it answers
 * other protocols. A NATS server speaks first.
 */
import { connect as connectTcp, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { Data } from "effect"

/** The server at the broker's address speaks another protocol, or none. */
export class NotABroker extends Data.TaggedError("NotABroker")<{
  readonly server: string
  readonly what: string
  readonly remedy: string
  /** Whether a broker that is busy, or was stopped, would look the same. */
  readonly retryable: boolean
}> {
  override get message(): string {
    return `what listens at ${this.server} is no NATS broker: ${this.what}; ${this.remedy}`
  }
}

const correctUrl = "correct NATS_URL (a broker's port is 4222 unless its configuration says otherwise)"

/** Servers by the beginning of what they say. */
const greetings: ReadonlyArray<readonly [RegExp, string]> = [
  [/^SSH-/, "an SSH server"],
  [/^HTTP\//, "a web server"],
  [/^\s*<(!doctype|html)/i, "a web server"],
  [/^220[ -].*(smtp|mail)/i, "a mail server"],
  [/^220[ -]/, "an FTP or mail server"],
  [/^\* (OK|PREAUTH)/, "a mail server (IMAP)"],
  [/^\+OK/, "a mail server (POP3)"],
  [/^[+-](PONG|ERR wrong|ERR unknown|NOAUTH|DENIED)/, "a Redis server"],
  [/^RFB \d/, "a VNC server"],
  [/^AMQP/, "an AMQP broker"],
  [/mysql_native_password|MariaDB/, "a MySQL or MariaDB server"]
]
/**
 * The records with which a TLS server begins: an alert, a handshake. Then comes the version, whose first byte
 * is 3.
 */
const tlsRecords: ReadonlyArray<number> = [0x15, 0x16]

/** The server that says this first. */
const whatSays = (bytes: Buffer): string => {
  if (tlsRecords.includes(bytes[0]!) && bytes[1] === 3) return "a TLS server"
  const text = bytes.toString("latin1")
  const known = greetings.find(([pattern]) => pattern.test(text))?.[1]
  if (known !== undefined) return known
  const legible = text.split(/[^ -~]/)[0]!.trim()
  return legible === "" ? "it speaks in bytes that are no text" : `it says "${legible.slice(0, 60)}"`
}

/** From what was heard in place of a broker. */
export const heardInstead = (server: string, bytes: Uint8Array): NotABroker =>
  new NotABroker({
    server,
    what: whatSays(Buffer.from(bytes)),
    remedy: correctUrl,
    retryable: false
  })

/** How long it stays silent when nothing is said to it. */
export const silent = (server: string, forMs: number): NotABroker =>
  new NotABroker({
    server,
    what: `it says nothing for ${forMs} ms, where a broker begins`,
    remedy: `${correctUrl}, or see that the broker is not stopped`,
    retryable: true
  })

/**
 * Identifies a server that accepts connections and says nothing, within `ms` milliseconds, over connections
 * of its own; undefined if that fails.
 */
export const whatIsSilent = async (
  server: string,
  { hostname, port }: { readonly hostname: string; readonly port: number },
  withinMs: number
): Promise<NotABroker | undefined> => {
  const [overTls, toRequest] = await Promise.all([
    firstOf(connectTls({ host: hostname, port, rejectUnauthorized: false }), withinMs, "secureConnect"),
    firstOf(connectTcp(port, hostname).setNoDelay(true), withinMs, "connect", "GET / HTTP/1.0\r\n\r\n")
  ])
  const told = (what: string, remedy: string) => new NotABroker({ server, what, remedy, retryable: false })
  if (overTls?.startsWith("INFO "))
    return told(
      "it is one that begins with TLS",
      "take handshake_first out of the tls block of its configuration, and use tls:// in NATS_URL"
    )
  if (overTls !== undefined) return told("a TLS server", correctUrl)
  // A slow broker is not a silent one.
  if (toRequest === undefined || toRequest === "" || toRequest.startsWith("INFO ")) return undefined
  return heardInstead(server, Buffer.from(toRequest, "latin1"))
}

/**
 * What arrives first over a connection that is `ready` and was sent something; empty if the server closes it
 * without a word, undefined if it does neither.
 */
const firstOf = (socket: Socket, withinMs: number, ready: string, words?: string) =>
  new Promise<string | undefined>((resolve) => {
    let there = false
    const end = (heard: string | undefined) => {
      clearTimeout(late)
      socket.destroy()
      resolve(heard ?? (there ? "" : undefined))
    }
    const late = setTimeout(() => end(undefined), withinMs)
    socket.once(ready, () => {
      there = true
      if (words !== undefined) socket.write(words)
    })
    socket.once("data", (chunk) => end(chunk.toString("latin1")))
    socket.once("close", () => end(undefined))
    socket.on("error", () => end(undefined))
  })
