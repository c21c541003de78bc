/** A door in front of a TCP port: shut, it cuts who is inside, all or the last who came, and lets nobody in. */
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { Effect, type Scope } from "effect"

export interface Gate {
  readonly port: number
  readonly shut: Effect.Effect<void>
  readonly shutOnLast: Effect.Effect<void>
  readonly open: Effect.Effect<void>
}

/** A gate to a port of this machine, at a free port of its own; open, until the scope ends. */
export const gateTo = (port: number): Effect.Effect<Gate, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        let open = true
        const sockets = new Set<Socket>()
        const server = createServer((inside) => {
          if (!open) return inside.destroy()
          const outside = connect(port, "127.0.0.1")
          for (const [socket, other] of [
            [inside, outside],
            [outside, inside]
          ] as const) {
            sockets.add(socket)
            socket.on("error", () => {})
            socket.on("close", () => {
              sockets.delete(socket)
              other.destroy()
            })
            socket.pipe(other)
          }
        })
        server.listen(0, "127.0.0.1")
        await once(server, "listening")
        const cut = () => {
          for (const socket of sockets) socket.destroy()
        }
        return {
          server,
          cut,
          admit: (admitted: boolean) => {
            open = admitted
          },
          cutLast: () => void [...sockets].at(-1)?.destroy()
        }
      }),
      ({ server, cut }) =>
        Effect.sync(() => {
          cut()
          server.close()
        })
    ),
    ({ server, admit, cut, cutLast }) => ({
      port: (server.address() as AddressInfo).port,
      shut: Effect.sync(() => {
        admit(false)
        cut()
      }),
      shutOnLast: Effect.sync(() => {
        admit(false)
        cutLast()
      }),
      open: Effect.sync(() => admit(true))
    })
  )
