/** What listens where a broker should be, for one test: one that speaks as a broker does as far as it takes to connect, or anything else. */
import { once } from "node:events"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { Effect, type Scope } from "effect"

export interface Listener {
  readonly port: number
  /** All that it was told, over all connections. */
  readonly told: () => string
  /** Connections that came, in order. */
  readonly came: ReadonlyArray<Socket>
  readonly hangUp: () => void
}

/** Takes connections at a free port of this machine, until the scope ends. */
export const listener = (
  onConnection: (socket: Socket, number: number) => void,
  host = "127.0.0.1"
): Effect.Effect<Listener, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        let told = ""
        const came: Array<Socket> = []
        const server: Server = createServer((socket) => {
          socket.on("error", () => {})
          socket.on("data", (chunk) => {
            told += chunk.toString("latin1")
          })
          onConnection(socket, came.push(socket))
        }).listen(0, host)
        await once(server, "listening")
        const { port } = server.address() as AddressInfo
        const hangUp = () => {
          for (const socket of came) socket.destroy()
        }
        return { server, port, told: () => told, came, hangUp }
      }),
      ({ server, hangUp }) =>
        Effect.sync(() => {
          server.close()
          hangUp()
        })
    ),
    ({ port, told, came, hangUp }) => ({ port, told, came, hangUp })
  )

/** What a broker says first that fits. */
export const fitting = {
  server_id: "fake",
  version: "2.14.0",
  proto: 1,
  headers: true,
  auth_required: true,
  nonce: "x1Lz-a_9x1Lz-a_9",
  max_payload: 1_048_576
}

export const infoLine = (info: object): string => `INFO ${JSON.stringify(info)}\r\n`

/** Answers what a client says as it connects as a broker whose permissions forbid everything that is another's. */
export const answering = (socket: Socket): void => {
  socket.on("data", (chunk) => {
    for (const line of chunk.toString("latin1").split("\r\n")) {
      const [command, subject = ""] = line.split(" ")
      const denied = (operation: string) =>
        subject.includes(".probe.") &&
        socket.write(`-ERR 'Permissions Violation for ${operation} to "${subject}"'\r\n`)
      if (command === "SUB") denied("Subscription")
      else if (command === "PUB") denied("Publish")
      else if (command === "PING") socket.write("PONG\r\n")
    }
  })
}
