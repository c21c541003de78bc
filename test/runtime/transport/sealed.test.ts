import { Layer } from "effect"
import { makeHub } from "../../../runtime/transport/memory.ts"
import { channelsOf } from "../../support/identities.ts"
import { Network, transportSuite } from "../messaging/conformance.ts"

// A small limit, so that the suite's large messages are cut into many.
transportSuite(
  "channels over a hub",
  Layer.sync(Network, () => {
    const hub = makeHub({ maxPayloadBytes: 64 * 1024 })
    return { transport: (name, run) => channelsOf(name, run, hub.layer(name)) }
  })
)
