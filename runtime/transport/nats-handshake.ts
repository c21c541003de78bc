/**
 * The beginning of a connection to the broker, before the NATS client (nats.js 2.29) says or hears anything
 * on it. The broker states what it is; only if it fits does the user sign its nonce, and then tries what it
 * must not do, in the same packet as its CONNECT. Every connection begins like this, also one that replaces a
 * lost one, so nothing is ever sent to an unchecked broker.
 */
import type { Socket } from "node:net"
import type { Redacted } from "effect"
import { publicNkey, signNonce } from "../../protocol/channels/nkey.ts"
import {
  type BrokerInfo,
  type Connecting,
  complaintOf,
  faultOf,
  foreignSubject,
  tooMuchAllowed
} from "./assumptions.ts"
import { heardInstead, silent, whatIsSilent } from "./foreign.ts"
import { BrokerRefused, BrokerUnreachable, isFinal, type TransportError } from "./transport.ts"
import { withoutTls } from "./trust.ts"

/** What a user connects with, each time. */
export interface Guard extends Connecting {
  /** The seed of its NKEY. */
  readonly nkey: Redacted.Redacted
  /** The connection's name in the broker's log. */
  readonly name: string
  /** The run in which it must not do what it tries. */
  readonly run: string
  readonly timeoutMs: number
  /** The size of messages that are made already; none before the first connection. */
  payloadBytes?: number
  /** Called with an error that will not pass by itself. */
  refused: (error: TransportError) => void
}

const lineEnd = "\r\n"
/** More than any broker says about itself. */
const longestInfo = 64 * 1024
/** After half the time, to find out what is silent. */
const lookMs = 1_000

/** What it takes to hear a broker's first words. */
export type Listening = Pick<Guard, "server" | "timeoutMs" | "payloadBytes" | "refused">

/**
 * Waits for the broker's INFO; fails if none comes or it does not fit. `keep` gets everything that is read on
 * the way. Nothing is sent to the broker.
 */
export const introduced = (
  socket: Socket,
  guard: Guard,
  at: { readonly hostname: string; readonly port: number },
  keep: (chunk: Uint8Array) => void
): Promise<BrokerInfo> => heard(socket, guard, at, keep, (info) => faultOf(info, guard))

/** The broker's INFO, whatever it says; `judge` gives the error with which it is refused. */
export const heard = (
  socket: Socket,
  guard: Listening,
  at: { readonly hostname: string; readonly port: number },
  keep: (chunk: Uint8Array) => void,
  judge: (info: BrokerInfo) => TransportError | undefined
): Promise<BrokerInfo> => {
  const { server, timeoutMs } = guard
  let words = Buffer.alloc(0)
  const read = () => {
    if (words.toString("latin1", 0, 5) !== "INFO ".slice(0, words.length)) throw notBegun(words, server)
    const end = words.indexOf(lineEnd)
    if (end === -1) {
      if (words.length > longestInfo) throw heardInstead(server, words)
      return undefined
    }
    const info = infoIn(words.toString("utf8", 5, end))
    if (info === undefined) throw heardInstead(server, words)
    // A broker says no more before it is answered, unless it has no room for the connection. Anything else
    // that arrives here, before the connection is encrypted, would be taken for the broker's.
    const more = words.subarray(end + lineEnd.length)
    const fault = judge(info) ?? (more.length > 0 ? notBegun(more, server) : undefined)
    if (fault !== undefined) throw fault
    return info
  }
  const looking = guard.payloadBytes === undefined
  return whileOpen(
    socket,
    guard,
    timeoutMs,
    () => silent(server, timeoutMs),
    (settle) => {
      const look = setTimeout(() => {
        if (looking)
          void whatIsSilent(server, at, lookMs).then((found) => found !== undefined && settle.reject(found))
      }, timeoutMs / 2)
      return {
        onData: (chunk) => {
          clearTimeout(look)
          keep(chunk)
          words = Buffer.concat([words, chunk])
          const info = read()
          if (info === undefined) return
          settle.resolve(info)
          // Even without listeners, a flowing socket would read on what belongs to the TLS connection around
          // it.
          socket.removeAllListeners()
        },
        done: () => clearTimeout(look)
      }
    }
  )
}

/** What arrives in place of a broker's INFO or behind it. A broker without room for a connection says so. */
const notBegun = (heard: Buffer, server: string): TransportError => {
  const words = /^-ERR '(.*)'/.exec(heard.toString("latin1"))?.[1]
  return words === undefined ? heardInstead(server, heard) : complaintOf(words, server)
}

const infoIn = (json: string): BrokerInfo | undefined => {
  try {
    const info = JSON.parse(json) as BrokerInfo
    return typeof info === "object" && info !== null ? info : undefined
  } catch {
    return undefined
  }
}

/** A line from the broker before its `PONG`. */
const violation = /^-ERR 'Permissions Violation for (Subscription|Publish) to "(\S+?)"/i
const complaint = /^-ERR '(.*)'/

/**
 * Sends CONNECT, tries what is not allowed, and waits until the broker has answered all of it. `goOn` gets
 * what the broker has sent after that, before any more comes. `encrypted` tells whether the connection is,
 * `nonce` is what the broker asks for the signature of.
 */
export const admitted = (
  socket: Socket,
  guard: Guard,
  client: {
    readonly lang: string
    readonly version: string
    readonly encrypted: boolean
    readonly nonce: string
  },
  goOn: (rest: Uint8Array) => void
): Promise<void> => {
  const { lang, version, encrypted, nonce } = client
  const { server, user, nkey, name, run, secured, timeoutMs } = guard
  if (secured && !encrypted) return Promise.reject(withoutTls(server))
  const foreign = foreignSubject(user, run)
  const denied = new Set<string>()
  let heard = Buffer.alloc(0)
  const answered = (line: string): boolean => {
    const [, operation, subject] = violation.exec(line) ?? []
    if (subject === foreign) denied.add(operation!.toLowerCase())
    else if (line.startsWith("-ERR")) throw refusalOf(complaint.exec(line)?.[1] ?? line.slice(5), guard)
    return line === "PONG"
  }
  const late = () =>
    new BrokerUnreachable({
      servers: [server],
      remedy: `it answers, and has not let "${user}" in within ${timeoutMs} ms; see that it is not stopped`
    })
  const who = {
    ...{
      verbose: false,
      pedantic: false,
      protocol: 1,
      headers: true,
      no_responders: true,
      lang,
      version,
      name
    },
    ...{ nkey: publicNkey(nkey), sig: signNonce(nkey, nonce), ...(encrypted ? { tls_required: true } : {}) }
  }
  const sid = "probe"
  return whileOpen(socket, guard, timeoutMs, late, (settle) => {
    const commands = [
      `CONNECT ${JSON.stringify(who)}`,
      ...[`SUB ${foreign} ${sid}`, `PUB ${foreign} 0`, "", `UNSUB ${sid}`, "PING", ""]
    ]
    socket.write(commands.join(lineEnd))
    return {
      onData: (chunk) => {
        heard = Buffer.concat([heard, chunk])
        for (let end = heard.indexOf(lineEnd); end !== -1; end = heard.indexOf(lineEnd)) {
          const line = heard.toString("utf8", 0, end)
          heard = heard.subarray(end + lineEnd.length)
          if (!answered(line)) continue
          if (!denied.has("subscription")) throw tooMuchAllowed(guard, "read", foreign)
          if (!denied.has("publish")) throw tooMuchAllowed(guard, "write", foreign)
          goOn(heard)
          return settle.resolve()
        }
      },
      done: () => {}
    }
  })
}

/** The broker's words to a user that it refuses. */
const refusalOf = (words: string, { server, user, nkey }: Guard): TransportError =>
  /authorization violation|authentication expired/i.test(words)
    ? new BrokerRefused({
        user,
        remedy: `see that it was started with ${user.toUpperCase()}_NKEY=${publicNkey(nkey)}, and that its nats.conf has a user with this nkey`
      })
    : complaintOf(words, server)

/** The system's codes for a peer that is gone in the middle of an exchange. */
const hangUps: ReadonlyArray<string> = ["ECONNRESET", "EPIPE"]

interface Settle<A> {
  readonly resolve: (value: A) => void
  readonly reject: (error: unknown) => void
}

/**
 * Listens to a socket until that settles the result, the socket is closed, or the time is up. An exception of
 * `onData` is the error.
 */
const whileOpen = <A>(
  socket: Socket,
  guard: Pick<Guard, "server" | "refused">,
  timeoutMs: number,
  onLate: () => TransportError,
  listen: (settle: Settle<A>) => { readonly onData: (chunk: Buffer) => void; readonly done: () => void }
): Promise<A> =>
  new Promise((resolve, reject) => {
    const hungUp = (error?: NodeJS.ErrnoException) =>
      settle.reject(
        error === undefined || hangUps.includes(error.code ?? "")
          ? new BrokerUnreachable({
              servers: [guard.server],
              remedy:
                "what listens there hangs up at once; see that a tunnel or proxy on the way reaches the broker"
            })
          : error
      )
    const end = () => {
      clearTimeout(late)
      listening.done()
      socket.off("data", onData).off("error", hungUp).off("close", onClose)
    }
    const settle: Settle<A> = {
      resolve: (value) => {
        end()
        resolve(value)
      },
      reject: (error) => {
        end()
        socket.on("error", () => {}).destroy()
        const known = error as TransportError
        if (typeof known === "object" && "_tag" in known && isFinal(known)) guard.refused(known)
        reject(error)
      }
    }
    const onClose = () => hungUp()
    const onData = (chunk: Buffer) => {
      try {
        listening.onData(chunk)
      } catch (error) {
        settle.reject(error)
      }
    }
    const late = setTimeout(() => settle.reject(onLate()), timeoutMs)
    const listening = listen(settle)
    socket.on("data", onData).on("error", hungUp).on("close", onClose)
  })
