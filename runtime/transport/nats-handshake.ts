/**
 * How a connection to the broker begins, before the NATS client (nats.js 2.29) says or hears anything on it: the broker says what it is,
 * and only where it fits is it told the password; then the user tries what it must not do, in the same breath as it says who it is. Each
 * connection begins so, also one in place of another that was lost, so nothing is ever sent to a broker that was not looked at.
 */
import type { Socket } from "node:net"
import { Redacted } from "effect"
import {
  type BrokerInfo,
  type Connecting,
  complaintOf,
  faultOf,
  foreignSubject,
  isFinal,
  tooMuchAllowed
} from "./assumptions.ts"
import { heardInstead, silent, whatIsSilent } from "./foreign.ts"
import { BrokerRefused, BrokerUnreachable, type TransportError } from "./transport.ts"
import { withoutTls } from "./trust.ts"

/** What a user connects with, over and over. */
export interface Guard extends Connecting {
  readonly password: Redacted.Redacted
  /** How the broker's log calls the connection. */
  readonly name: string
  /** In which it may not do what it tries. */
  readonly run: string
  readonly timeoutMs: number
  /** Of messages that are made already; none before the first connection. */
  payloadBytes?: number
  /** Told of an error that will not pass by itself. */
  refused: (error: TransportError) => void
}

const lineEnd = "\r\n"
/** More than what any broker says of itself. */
const longestInfo = 64 * 1024
/** To find out what is silent, after half the time. */
const lookMs = 1_000

/**
 * Waits for what the broker says of itself, and fails where that is none, or it does not fit. `keep` gets all that is read on the way. Nothing is
 * said to the broker.
 */
export const introduced = (
  socket: Socket,
  guard: Guard,
  at: { readonly hostname: string; readonly port: number },
  keep: (chunk: Uint8Array) => void
): Promise<BrokerInfo> => {
  const { server, timeoutMs } = guard
  let heard = Buffer.alloc(0)
  const read = () => {
    if (heard.toString("latin1", 0, 5) !== "INFO ".slice(0, heard.length)) throw notBegun(heard, server)
    const end = heard.indexOf(lineEnd)
    if (end === -1) {
      if (heard.length > longestInfo) throw heardInstead(server, heard)
      return undefined
    }
    const info = infoIn(heard.toString("utf8", 5, end))
    if (info === undefined) throw heardInstead(server, heard)
    // A broker says no more before it is answered, unless it has no place for the connection. What another says here, before
    // the connection is encrypted, would be taken for the broker's.
    const more = heard.subarray(end + lineEnd.length)
    const fault = faultOf(info, guard) ?? (more.length > 0 ? notBegun(more, server) : undefined)
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
          heard = Buffer.concat([heard, chunk])
          const info = read()
          if (info === undefined) return
          settle.resolve(info)
          // Listeners or not, a socket that flows would go on to read what is the TLS connection's around it.
          socket.removeAllListeners()
        },
        done: () => clearTimeout(look)
      }
    }
  )
}

/** What is said in place of, or behind, the beginning of a broker; one that has no place for a connection says so. */
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

/** What is on a line that the broker says before its `PONG`. */
const violation = /^-ERR 'Permissions Violation for (Subscription|Publish) to "(\S+?)"/i
const complaint = /^-ERR '(.*)'/

/**
 * Says who we are, tries what may not be done, and waits until the broker has answered all of it. `goOn` is given what it has said after that,
 * before any more comes. `encrypted` is whether the connection is.
 */
export const admitted = (
  socket: Socket,
  guard: Guard,
  client: { readonly lang: string; readonly version: string; readonly encrypted: boolean },
  goOn: (rest: Uint8Array) => void
): Promise<void> => {
  const { lang, version, encrypted } = client
  const { server, user, password, name, run, secured, timeoutMs } = guard
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
    ...{ user, pass: Redacted.value(password), ...(encrypted ? { tls_required: true } : {}) }
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

/** What the broker says to one whom it does not let in. */
const refusalOf = (words: string, { server, user }: Guard): TransportError =>
  /authorization violation|authentication expired/i.test(words)
    ? new BrokerRefused({
        user,
        remedy: `check that ${user.toUpperCase()}_PASSWORD is the one that the broker was started with, and that nats.conf has a user "${user}"`
      })
    : complaintOf(words, server)

/** What the system calls it when the other side is gone in the middle of something. */
const hangUps: ReadonlyArray<string> = ["ECONNRESET", "EPIPE"]

interface Settle<A> {
  readonly resolve: (value: A) => void
  readonly reject: (error: unknown) => void
}

/** Listens to a socket until that settles it, it is closed, or the time is up. What `onData` throws is the error. */
const whileOpen = <A>(
  socket: Socket,
  guard: Guard,
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
