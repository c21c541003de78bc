/** Brokers of a test that run with a configuration of its own, at free ports of this machine. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { Effect, type Scope } from "effect"
import { findServer } from "../../runtime/broker/find.ts"
import { endProcess } from "../../runtime/processes/end-process.ts"

/** A port of this machine that nobody listens at. */
export const freePort: Effect.Effect<number> = Effect.promise(async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
})

/** Starts a broker with a configuration file and its variables; up until the scope ends. Gives what it says, as it says it. */
export const configuredBroker = (
  file: string,
  variables: Readonly<Record<string, string>>
): Effect.Effect<{ readonly said: () => string }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(findServer() ?? "nats-server", ["-c", file], {
          env: { ...variables },
          stdio: ["ignore", "ignore", "pipe"]
        })
      ),
      endProcess
    )
    let said = ""
    yield* Effect.async<void>((resume) => {
      child.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString()
        if (said.includes("Server is ready")) resume(Effect.void)
      })
      child.once("exit", () => resume(Effect.die(new Error(`the broker ended: ${said}`))))
    })
    return { said: () => said }
  })
