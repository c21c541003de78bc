/**
 * Shows a run on the loopback: a page that is sent what happens, and the report once there is one. Whoever reads the address has the
 * token in it, so other users of the machine do not; pages from elsewhere are kept out by Host, Origin and the same token.
 */
import { randomBytes, timingSafeEqual } from "node:crypto"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Data, Effect, Runtime, type Scope } from "effect"
import type { FollowedRun } from "./follow.ts"
import type { Shown } from "./live.ts"
import { livePage, livePolicy } from "./live-page.ts"

/** The page can't be served. */
export class ViewNotServed extends Data.TaggedError("ViewNotServed")<{
  readonly port: number
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the page can't be served on port ${this.port} of the loopback: ${this.reason}; choose another with --port`
  }
}

/** What is shown, and how it is read. */
export interface Shows<R> {
  /** The run, as its journal is read. */
  readonly followed: FollowedRun
  /** Whether all that there is to see is the report. */
  readonly isOver: boolean
  /** The report, made from the folder; fails with why there is none. */
  readonly report: Effect.Effect<string, { readonly message: string }, R>
  /** 0 for any that is free. */
  readonly port: number
}

export interface ViewServer {
  /** With the token. */
  readonly url: string
  /** How many pages are connected. */
  readonly watching: () => number
  /** How many pages were told that the run has ended, and have not been given the report yet. */
  readonly awaiting: () => number
}

/** Pages that may be connected at a time. */
const mostWatching = 16
/** Connections at a time: those of such pages, and of some that fetch one. */
const mostConnections = 64
/** Requests have no bodies; a client that needs longer to send one is cut off. */
const requestMs = 10_000
const headers = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin"
}
const loopback = "127.0.0.1"

/** Serves until the scope ends. */
export const serveView = <R>(shows: Shows<R>): Effect.Effect<ViewServer, ViewNotServed, Scope.Scope | R> =>
  Effect.gen(function* () {
    const runtime = yield* Effect.runtime<R>()
    let awaiting = 0
    const token = randomBytes(24).toString("base64url")
    const watching = new Set<ServerResponse>()
    const report = shared(() => Runtime.runPromiseExit(runtime)(shows.report))
    const server = createServer(
      { requestTimeout: requestMs, headersTimeout: requestMs },
      (request, response) => {
        const page = pageAsked(request, server, token)
        if (typeof page === "number") return refuse(response, page)
        if (page === "events" && watching.size >= mostWatching) return refuse(response, 503)
        if (page === "events")
          return watch(response, shows.followed, watching, () => {
            awaiting += 1
          })
        if (page === "report")
          return void report().then((exit) => {
            if (exit._tag === "Failure") return refuse(response, 404)
            response.once("finish", () => {
              awaiting = Math.max(0, awaiting - 1)
            })
            send(response, 200, exit.value, { "content-type": "text/html; charset=utf-8" })
          })
        // A run that is over has its report, unless it failed.
        shows.followed.read()
        if (shows.isOver || shows.followed.shown().status === "ended") return redirect(response, "report")
        send(response, 200, livePage(), {
          "content-type": "text/html; charset=utf-8",
          "content-security-policy": livePolicy
        })
      }
    )
    server.maxConnections = mostConnections
    yield* listening(server, shows.port)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const each of watching) each.end()
        server.close()
        server.closeAllConnections()
      })
    )
    const { port } = server.address() as AddressInfo
    return {
      url: `http://${loopback}:${port}/${token}/`,
      watching: () => watching.size,
      awaiting: () => awaiting
    }
  })

const listening = (server: Server, port: number): Effect.Effect<void, ViewNotServed> =>
  Effect.async((resume) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const reason = error.code === "EADDRINUSE" ? "another program has it" : error.message
      resume(new ViewNotServed({ port, reason }))
    })
    server.listen(port, loopback, () => resume(Effect.void))
  })

/** Work that is done once for all who ask while it is under way. */
const shared = <A>(work: () => Promise<A>): (() => Promise<A>) => {
  let underWay: Promise<A> | undefined
  return () => {
    underWay ??= work().finally(() => {
      underWay = undefined
    })
    return underWay
  }
}

type Page = "page" | "events" | "report"

/** The page that is asked for, or the status of a refusal. */
const pageAsked = (request: IncomingMessage, server: Server, token: string): Page | number => {
  const { port } = server.address() as AddressInfo
  const own = [`${loopback}:${port}`, `localhost:${port}`]
  const { host, origin } = request.headers
  // A name that somebody has pointed at the loopback, or a page of another origin.
  if (!own.includes(host ?? "")) return 403
  if (origin !== undefined && origin !== `http://${host}`) return 403
  const [, given = "", page, ...rest] = (request.url ?? "").split("/")
  if (!isSame(given, token) || rest.length > 0) return 403
  if (request.method !== "GET") return 405
  if (page === "") return "page"
  return page === "events" || page === "report" ? page : 404
}

const isSame = (given: string, token: string): boolean => {
  const [one, other] = [Buffer.from(given), Buffer.from(token)]
  return one.length === other.length && timingSafeEqual(one, other)
}

const send = (
  response: ServerResponse,
  status: number,
  text: string,
  more: { readonly "content-type": string; readonly "content-security-policy"?: string }
) => {
  response.writeHead(status, { ...headers, ...more, "content-length": Buffer.byteLength(text) })
  response.end(text)
}

const refusals: Readonly<Record<number, string>> = {
  403: "Not served: use the address that bicameral printed, with its token.",
  404: "There is no such page, or no report yet.",
  405: "Only GET is served.",
  503: "Too many pages are open."
}

const refuse = (response: ServerResponse, status: number): void =>
  send(response, status, `${refusals[status]}\n`, { "content-type": "text/plain; charset=utf-8" })

const redirect = (response: ServerResponse, location: string): void => {
  response.writeHead(302, { ...headers, location })
  response.end()
}

/** Sends what is shown whenever it changes, as server-sent events, until the page goes. */
const watch = (
  response: ServerResponse,
  followed: FollowedRun,
  watching: Set<ServerResponse>,
  ended: () => void
): void => {
  watching.add(response)
  response.writeHead(200, { ...headers, "content-type": "text/event-stream; charset=utf-8" })
  let latest: Shown | undefined
  const write = () => {
    // A page that does not read is not sent more, until it does: then the latest, which may be the last.
    if (latest === undefined || response.writableNeedDrain) return
    response.write(`data: ${JSON.stringify(latest)}\n\n`)
    if (latest.status === "ended") ended()
    latest = undefined
  }
  response.on("drain", write)
  const stop = followed.subscribe((shown) => {
    latest = shown
    write()
  })
  response.once("close", () => {
    stop()
    watching.delete(response)
  })
}
