// Starts a child that waits, tells its process id, and dies without ending it.
import { Effect, Scope } from "effect"
import { startActor } from "../../dist/runtime/processes/process.js"

const scope = Effect.runSync(Scope.make())
const entry = new URL("./actor-child.mjs", import.meta.url).pathname
const child = await Effect.runPromise(
  Scope.extend(startActor({ party: "user1", entry, args: ["wait"], readyTimeoutMs: 120_000 }), scope)
)
process.stdout.write(`${child.pid}\n`, () => process.kill(process.pid, "SIGKILL"))
