/**
 * What the NATS client leaves behind when an attempt to connect comes to nothing (nats.js 2.29): the socket of an attempt that took too
 * long stays open, and when the broker closes it at last, the client takes that for the end of the connection that it
 * has by then. It connects once more, keeps both, and what both bring goes through one parser.
 */
import type { Socket } from "node:net"

/** The part of one of the client's connections that tells the client of its end. */
interface Attempt {
  socket?: Socket
  closedNotification: { readonly resolve: (error?: unknown) => void }
}

/** Lets an attempt, or a connection, go for good when the client begins with another: it is closed, and its end means nothing any more. */
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
