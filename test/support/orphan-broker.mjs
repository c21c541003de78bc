// Starts a broker of its own without any program on the PATH, tells its process id, and dies without ending it.
import { Effect, Scope } from "effect"
import { startOwnBroker } from "../../dist/runtime/broker/start.js"

const scope = Effect.runSync(Scope.make())
const server = process.argv[2]
process.env.PATH = ""
const { pid } = await Effect.runPromise(Scope.extend(startOwnBroker({ server }), scope))
process.stdout.write(`${pid}\n`, () => process.kill(process.pid, "SIGKILL"))
