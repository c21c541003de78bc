/**
 * Cleans up after failed connection attempts of the NATS client (nats.js 2.29). The client leaves the socket
 * of an attempt that took too long open, and takes its eventual close for the end of the connection that it
 * has by then. It connects once more, keeps both, and passes the data of both through one parser.
 */
import type { Socket } from "node:net"

/** The part of a client's connection that reports its end to the client. */
interface Attempt {
  socket?: Socket
  closedNotification: { readonly resolve: (error?: unknown) => void }
}

/**
 * Retires an attempt or a connection when the client begins another: it is closed, and its end no longer
 * matters.
 */
export const oneAtATime = (protocol: { transport: unknown }): void => {
  let current = protocol.transport
  Object.defineProperty(protocol, "transport", {
    get: () => current,
    set: (next: unknown) => {
      abandon(current as Attempt)
      current = next
    }
  })
}

const abandon = (attempt: Attempt): void => {
  attempt.closedNotification = { resolve: () => {} }
  attempt.socket
    ?.removeAllListeners()
    .on("error", () => {})
    .destroy()
}
