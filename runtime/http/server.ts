/**
 * An HTTP server for a handler of web requests, with bounds on what comes from outside: whole bodies of a limited size, so many
 * of them at a time, limited times to send them and to take the answers, limited connections. What is refused before the handler
 * is the caller's to say.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Data, Effect, type Scope } from "effect"

/** Nobody can be served at an address. */
export class CannotListen extends Data.TaggedError("CannotListen")<{
  readonly address: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `can't listen at ${this.address}: ${this.reason}; choose another port, or end what uses it`
  }
}

/** An answer without the handler. */
export interface Refusal {
  readonly status: number
  readonly body: object
  readonly headers?: Readonly<Record<string, string>>
}

export interface ServerOptions {
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
  readonly mostBodyBytes: number
  /** Whether a request is refused for its headers alone. */
  readonly refuse: (headers: Headers) => Refusal | undefined
  /** The answer to a body that is larger. */
  readonly tooLarge: Refusal
  /** Requests with bodies that are read or answered at a time, and the answer to further ones. Others are never counted. */
  readonly mostAtWork: number
  readonly busy: Refusal
  readonly handle: (request: Request) => Promise<Response>
}

/** A client that sends slower than this holds a connection for nothing. */
const headersTimeoutMs = 10_000
const requestTimeoutMs = 60_000
const mostConnections = 256
/** So does one that takes its answer slower. */
const answerTimeoutMs = 60_000

/** Header names and values in turns, as they came. */
const headersOf = ({ rawHeaders }: IncomingMessage): Headers => {
  const headers = new Headers()
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) headers.append(rawHeaders[at]!, rawHeaders[at + 1]!)
  return headers
}

/** The whole body; undefined where it is larger than allowed. */
const bodyOf = async (incoming: IncomingMessage, most: number): Promise<Uint8Array | undefined> => {
  const parts: Array<Uint8Array> = []
  let bytes = 0
  for await (const part of incoming as AsyncIterable<Uint8Array>) {
    bytes += part.length
    if (bytes > most) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts)
}

const json = ({ body, headers, status }: Refusal): Response =>
  Response.json(body, { status, ...(headers && { headers }) })

/** Hands a request to the handler; a client that has gone away aborts the work for it. */
const handled = (
  options: ServerOptions,
  { method, url = "/" }: IncomingMessage,
  outgoing: ServerResponse,
  headers: Headers,
  body?: Uint8Array
) => {
  const gone = new AbortController()
  outgoing.once("close", () => gone.abort())
  return options.handle(
    new Request(new URL(url, "http://gateway"), {
      ...{ method: method ?? "GET", headers, signal: gone.signal },
      ...(body && { body: new Uint8Array(body) })
    })
  )
}

/** Answers requests, of those with a body a few at a time. */
const answering = (options: ServerOptions) => {
  let atWork = 0
  const withBody = async (incoming: IncomingMessage, outgoing: ServerResponse, headers: Headers) => {
    if (Number(headers.get("content-length") ?? 0) > options.mostBodyBytes) return json(options.tooLarge)
    if (atWork >= options.mostAtWork) return json(options.busy)
    atWork += 1
    try {
      const body = await bodyOf(incoming, options.mostBodyBytes)
      if (body === undefined) return json(options.tooLarge)
      return await handled(options, incoming, outgoing, headers, body)
    } finally {
      atWork -= 1
    }
  }
  return async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<Response> => {
    const headers = headersOf(incoming)
    const refusal = options.refuse(headers)
    if (refusal !== undefined) return json(refusal)
    return incoming.method === "GET" || incoming.method === "HEAD"
      ? handled(options, incoming, outgoing, headers)
      : withBody(incoming, outgoing, headers)
  }
}

const send = async (incoming: IncomingMessage, outgoing: ServerResponse, response: Response) => {
  const bytes = new Uint8Array(await response.arrayBuffer())
  // What was not read of a request would be taken for the next one.
  if (!incoming.complete) outgoing.setHeader("connection", "close")
  outgoing.setHeader("content-length", bytes.length)
  for (const [name, value] of response.headers) if (name !== "content-length") outgoing.setHeader(name, value)
  outgoing.writeHead(response.status)
  const tooSlow = setTimeout(() => outgoing.destroy(), answerTimeoutMs)
  outgoing.once("close", () => clearTimeout(tooSlow))
  outgoing.end(bytes)
}

const listen = (server: Server, { host, port }: ServerOptions): Effect.Effect<number, CannotListen> =>
  Effect.async((resume) => {
    server.once("error", (error) => {
      const reason = "code" in error ? String(error.code) : error.message
      resume(new CannotListen({ address: `${host}:${port}`, reason }))
    })
    server.listen({ host, port, exclusive: true }, () =>
      resume(Effect.succeed((server.address() as AddressInfo).port))
    )
  })

/** Serves until the scope ends; returns the port. */
export const serveHttp = (options: ServerOptions): Effect.Effect<number, CannotListen, Scope.Scope> =>
  Effect.gen(function* () {
    const answer = answering(options)
    const server = createServer(
      { headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs },
      (incoming, outgoing) => {
        answer(incoming, outgoing)
          .then((response) => send(incoming, outgoing, response))
          // A request that breaks off, or that is no request: nobody waits for an answer.
          .catch(() => outgoing.destroy())
      }
    )
    server.maxConnections = mostConnections
    yield* Effect.addFinalizer(() =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
    )
    return yield* listen(server, options)
  })
