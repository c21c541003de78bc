/** A client of a broker that looks at nothing, as one that somebody else has written: it speaks the protocol itself, over TLS. */
import { once } from "node:events"
import { connect as connectTcp } from "node:net"
import { connect as connectTls } from "node:tls"
import { Deferred, Effect, type Redacted, type Scope } from "effect"
import { publicNkey, signNonce } from "../../protocol/channels/nkey.ts"
import type { TransportService } from "../../runtime/transport/transport.ts"

export type RawClient = Pick<TransportService, "send" | "settled" | "subscribe">

/** What a client says to be let in, from its NKEY and the broker's INFO. */
export const letIn = (nkey: Redacted.Redacted, info: Uint8Array) => {
  const { nonce } = JSON.parse(Buffer.from(info).toString().slice("INFO ".length)) as {
    readonly nonce: string
  }
  return { nkey: publicNkey(nkey), sig: signNonce(nkey, nonce) }
}

/** Connects to a port of this machine, until the scope ends. Messages are to be of one line. */
export const rawClient = (
  port: number,
  nkey: Redacted.Redacted
): Effect.Effect<RawClient, never, Scope.Scope> =>
  Effect.gen(function* () {
    const handlers = new Map<string, Parameters<RawClient["subscribe"]>[1]>()
    const pongs: Array<Deferred.Deferred<void>> = []
    const { socket, who } = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const plain = connectTcp(port, "127.0.0.1")
        const [info] = (await once(plain, "data")) as [Buffer]
        const encrypted = connectTls({ socket: plain, rejectUnauthorized: false })
        encrypted.on("error", () => {})
        await once(encrypted, "secureConnect")
        return { socket: encrypted, who: letIn(nkey, info) }
      }),
      (open) => Effect.sync(() => open.socket.destroy())
    )
    let rest = ""
    let awaited: ReadonlyArray<string> | undefined
    const take = (line: string) => {
      if (awaited !== undefined) {
        const [, subject = "", sid = ""] = awaited
        awaited = undefined
        handlers.get(sid)?.({ subject, data: Buffer.from(line, "latin1"), headers: {} })
      } else if (line.startsWith("MSG ")) awaited = line.split(" ")
      else if (line === "PING") socket.write("PONG\r\n")
      else if (line === "PONG") Deferred.unsafeDone(pongs.shift()!, Effect.void)
    }
    socket.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString("latin1")).split("\r\n")
      rest = lines.pop()!
      for (const line of lines) take(line)
    })
    const flushed = Effect.gen(function* () {
      const pong = yield* Deferred.make<void>()
      pongs.push(pong)
      socket.write("PING\r\n")
      yield* Deferred.await(pong)
    })
    socket.write(`CONNECT ${JSON.stringify({ ...who, verbose: false, protocol: 1, tls_required: true })}\r\n`)
    yield* flushed
    return {
      send: (subject, data) => {
        socket.write(`PUB ${subject} ${data.length}\r\n${Buffer.from(data).toString("latin1")}\r\n`)
        return undefined
      },
      settled: Effect.void,
      subscribe: (subject, onDelivery) =>
        Effect.suspend(() => {
          const sid = String(handlers.size + 1)
          handlers.set(sid, onDelivery)
          socket.write(`SUB ${subject} ${sid}\r\n`)
          return flushed
        })
    }
  })
