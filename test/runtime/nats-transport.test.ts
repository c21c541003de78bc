import { Effect, Layer } from "effect"
import { startOwnBroker } from "../../runtime/broker/start.ts"
import * as Nats from "../../runtime/nats-transport.ts"
import { Network, transportSuite } from "./conformance.ts"

transportSuite(
  "NATS",
  Layer.scoped(
    Network,
    Effect.map(startOwnBroker(), ({ url, credentials }) => ({
      transport: (actor: string) => Nats.layer({ servers: [url], ...credentials[actor]! })
    }))
  )
)
