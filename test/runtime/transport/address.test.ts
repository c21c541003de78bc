import { Effect, Either } from "effect"
import { describe, expect, it } from "vitest"
import { checkedAddress } from "../../../runtime/transport/address.ts"

const check = (given: string) => Effect.runSync(Effect.either(checkedAddress(given)))

describe("the address of a broker", () => {
  for (const given of [
    "nats://127.0.0.1:4222",
    "nats://localhost",
    "tls://broker.example:4222",
    "TLS://broker.example:4222/",
    "nats://[::1]:4222"
  ])
    it(`is ${given}`, () => {
      expect(Either.isRight(check(given))).toBe(true)
    })

  const wrong: ReadonlyArray<readonly [given: string, says: RegExp, shown?: string]> = [
    [" ", /is blank/],
    ["127.0.0.1:4222", /has no scheme/],
    ["localhost:4222", /has no scheme/],
    ["broker", /has no scheme/],
    ["ws://127.0.0.1:8080", /websocket/],
    ["wss://127.0.0.1", /websocket/],
    ["http://127.0.0.1:8222", /web address/],
    ["mqtt://127.0.0.1", /MQTT/],
    ["redis://127.0.0.1", /"redis" is no scheme/],
    ["nats://a:1,nats://b:1", /names several/],
    [" nats://127.0.0.1:4222", /space/],
    ["nats://127.0.0.1:4222\n", /space/],
    ["nats://", /host/],
    ["nats://:4222", /host/],
    ["nats://127.0.0.1:99999", /can't be read/],
    ["nats://127.0.0.1:0", /0 is no port/],
    ["nats://127.0.0.1:4222/run-1", /follows the port/],
    ["nats://127.0.0.1:4222?tls=true", /follows the port/],
    [
      "nats://kgc:p-secret@127.0.0.1:4222",
      /holds a name or a password.*take them out/,
      "nats://…@127.0.0.1:4222"
    ],
    ["kgc:p-secret@127.0.0.1:4222", /has no scheme/, "…@127.0.0.1:4222"],
    ["ws://p-secret@127.0.0.1", /websocket/, "ws://…@127.0.0.1"]
  ]
  for (const [given, says, shown = given] of wrong)
    it(`is not ${JSON.stringify(given)}`, () => {
      const { left } = check(given) as Either.Left<
        { readonly _tag: string; readonly message: string },
        unknown
      >
      expect(left).toMatchObject({ _tag: "BrokerAddressInvalid", given: shown })
      expect(left.message).toMatch(says)
      expect(left.message).toContain(`NATS_URL=${shown} is no address of a NATS broker`)
      expect(JSON.stringify(left) + left.message).not.toContain("p-secret")
    })
})
