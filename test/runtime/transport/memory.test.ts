import { Layer } from "effect"
import { makeHub } from "../../../runtime/transport/memory.ts"
import { Network, transportSuite } from "../messaging/conformance.ts"

// A small limit, so that the suite's large messages are cut into many.
transportSuite(
  "a hub in one process",
  Layer.sync(Network, () => ({ transport: makeHub({ maxPayloadBytes: 64 * 1024 }).layer }))
)
