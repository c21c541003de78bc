/** Brokers of a test that run with a configuration of its own, at free ports of this machine. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { projectRoot } from "../../protocol/artifact.ts"
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

/** `nats.conf`, but for where it listens; and that of a broker that lets anybody do everything. */
export const ownConfiguration = readFileSync(new URL("nats.conf", projectRoot), "utf8").replace(
  /^listen:.*$/m,
  ""
)
export const openBroker = ""

/** Starts a broker of this configuration, at a free port unless told; the port. */
export const brokerFrom = (
  configuration: string,
  variables: Readonly<Record<string, string>>,
  at?: number
): Effect.Effect<number, never, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-broker-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
    )
    const port = at ?? (yield* freePort)
    const file = join(folder, "broker.conf")
    yield* Effect.promise(() => writeFile(file, `listen: "127.0.0.1:${port}"\n${configuration}`))
    yield* configuredBroker(file, variables)
    return port
  })
