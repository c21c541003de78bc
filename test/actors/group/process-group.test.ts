import { randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, LogLevel, Option, Redacted } from "effect"
import {
  askInGroup,
  groupAsk,
  groupSecretVariable,
  onInGroup,
  ProcessGroup,
  processGroupFromEnvironment,
  processGroupOf
} from "../../../actors/group/process-group.ts"
import { Schema } from "../../../protocol/schema.ts"
import { on, Party } from "../../../runtime/messaging/contract.ts"
import * as Parties from "../../../runtime/messaging/party.ts"
import { makeHub } from "../../../runtime/transport/memory.ts"
import { Transport } from "../../../runtime/transport/transport.ts"
import { withVariables } from "../../support/environment.ts"
import { patienceMs } from "../../support/patience.ts"

const drawn = () => Option.some(Redacted.make(new Uint8Array(randomBytes(32))))
const content = new TextEncoder().encode("what only the house knows")

describe("sealing within a house", () => {
  const secret = drawn()
  const main = processGroupOf({ name: "cloud0", run: "r" }, secret)
  const worker = processGroupOf({ name: "cloud0.w-1", run: "r" }, secret)

  it.effect("opens at the process it was sealed for, and is longer by its overhead", () =>
    Effect.gen(function* () {
      const sealed = yield* main.seal("cloud0.w-1", "weights 7", content)
      expect(sealed.length).toBe(content.length + 16 + 12 + 16)
      expect(yield* worker.unseal("cloud0", "weights 7", sealed)).toEqual(content)
      const empty = yield* worker.seal("cloud0", "nothing", new Uint8Array(0))
      expect(yield* main.unseal("cloud0.w-1", "nothing", empty)).toEqual(new Uint8Array(0))
    })
  )

  it.effect("opens nowhere else, not as anything else, and not where a bit was changed", () =>
    Effect.gen(function* () {
      const sealed = yield* main.seal("cloud0.w-1", "weights 7", content)
      const refused = (opening: Effect.Effect<unknown, { readonly _tag: string }>) =>
        Effect.map(Effect.flip(opening), ({ _tag }) => expect(_tag).toBe("NotOfTheHouse"))
      yield* refused(worker.unseal("cloud0", "weights 8", sealed))
      yield* refused(worker.unseal("cloud0.w-2", "weights 7", sealed))
      yield* refused(main.unseal("cloud0", "weights 7", sealed))
      yield* refused(
        processGroupOf({ name: "cloud0.w-2", run: "r" }, secret).unseal("cloud0", "weights 7", sealed)
      )
      yield* refused(
        processGroupOf({ name: "cloud0.w-1", run: "s" }, secret).unseal("cloud0", "weights 7", sealed)
      )
      yield* refused(
        processGroupOf({ name: "cloud0.w-1", run: "r" }, drawn()).unseal("cloud0", "weights 7", sealed)
      )
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const changed = sealed.slice()
        changed[bit >> 3]! ^= 1 << (bit & 7)
        yield* refused(worker.unseal("cloud0", "weights 7", changed))
      }
      for (let length = 0; length < sealed.length; length++)
        yield* refused(worker.unseal("cloud0", "weights 7", sealed.subarray(0, length)))
    })
  )

  it.effect("is the same key with another party's secret at no party", () =>
    Effect.gen(function* () {
      const sealed = yield* processGroupOf({ name: "cloud1", run: "r" }, secret).seal(
        "cloud0.w-1",
        "x",
        content
      )
      expect((yield* Effect.flip(worker.unseal("cloud1", "x", sealed)))._tag).toBe("NotOfTheHouse")
    })
  )

  it.effect("uses a key and number once, in a process and after its restart", () =>
    Effect.gen(function* () {
      const again = processGroupOf({ name: "cloud0", run: "r" }, secret)
      const heads = new Set<string>()
      for (const house of [main, again])
        for (let i = 0; i < 100; i++)
          heads.add(
            Buffer.from((yield* house.seal("cloud0.w-1", "x", content)).subarray(0, 28)).toString("hex")
          )
      expect(heads.size).toBe(200)
    })
  )

  it.effect("without a secret is refused with the name of the variable", () =>
    Effect.gen(function* () {
      const none = processGroupOf({ name: "kgc.w-1", run: "r" }, Option.none())
      expect(none.hasSecret).toBe(false)
      const error = yield* Effect.flip(none.seal("kgc", "x", content))
      expect(error).toMatchObject({ _tag: "NoHouse", actor: "kgc" })
      expect(error.message).toContain(groupSecretVariable("kgc"))
    })
  )

  it.effect("takes the secret from the environment of an actor, and no other for one", () =>
    Effect.gen(function* () {
      const house = (value: string | undefined) =>
        Layer.build(processGroupFromEnvironment({ name: "kgc.w-1", run: "r" })).pipe(
          Effect.map((context) => Context.get(context, ProcessGroup).hasSecret),
          Effect.scoped,
          withVariables(value === undefined ? {} : { [groupSecretVariable("kgc")]: value })
        )
      expect(yield* house(undefined)).toBe(false)
      expect(yield* house(randomBytes(32).toString("base64"))).toBe(true)
      expect((yield* Effect.flip(house("c2hvcnQ=")))._tag).toBe("NoHouse")
    })
  )
})

// What is refused on purpose would fill the screen.
const quiet = Logger.minimumLogLevel(LogLevel.None)

const Double = groupAsk(
  "DoubleAtHome",
  Schema.Struct({ value: Schema.Number }),
  Schema.Struct({ doubled: Schema.Number })
)

describe("asking within a house", () => {
  const secret = drawn()
  const process = (hub: ReturnType<typeof makeHub>, name: string, own = secret) =>
    Layer.build(
      Layer.merge(
        Parties.layer({ name, run: "r" }).pipe(Layer.provideMerge(hub.layer(name)), Layer.provide(quiet)),
        Layer.succeed(ProcessGroup, processGroupOf({ name, run: "r" }, own))
      )
    )
  const serving = Effect.flatMap(Party, (party) =>
    party.serve([onInGroup(Double, ({ value }) => Effect.succeed({ doubled: 2 * value }))])
  )
  const asked = askInGroup("cloud1", Double, { value: 21 }, { deadlineMs: patienceMs })

  it.scopedLive("is answered, and nothing of it is on the wire", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const main = yield* process(hub, "cloud1")
      yield* Effect.provide(serving, main)
      const worker = yield* process(hub, "cloud1.w-1")
      const wire: Array<string> = []
      const listener = yield* Layer.build(hub.layer("cloud1"))
      const hear = ({ data }: { readonly data: Uint8Array }) =>
        wire.push(Buffer.from(data).toString("latin1"))
      yield* Context.get(listener, Transport).subscribe("bicameral.r.cloud1.>", hear)
      expect(yield* Effect.provide(asked, worker)).toEqual({ doubled: 42 })
      expect(wire.filter((bytes) => bytes.includes("DoubleAtHome")).length).toBeGreaterThanOrEqual(2)
      expect(wire.some((bytes) => bytes.includes("value") || bytes.includes("doubled"))).toBe(false)
    })
  )

  it.scopedLive("is refused to whoever has the password but not the secret", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      yield* Effect.provide(serving, yield* process(hub, "cloud1"))
      const error = yield* Effect.flip(Effect.provide(asked, yield* process(hub, "cloud1.w-1", drawn())))
      expect(error).toMatchObject({ _tag: "RemoteFailure", error: { _tag: "NotOfTheHouse" } })
      const without = yield* Effect.flip(
        Effect.provide(asked, yield* process(hub, "cloud1.w-2", Option.none()))
      )
      expect(without._tag).toBe("NoHouse")
    })
  )

  it.scopedLive("takes no reply to another request for its own", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const context = yield* process(hub, "cloud1")
      let first: Uint8Array | undefined
      const { handle } = onInGroup(Double, ({ value }) => Effect.succeed({ doubled: 2 * value }))
      const repeating = on(Double.wire, (request, from, room) =>
        Effect.map(handle(request, from, room), (reply) => {
          first ??= reply
          return first
        })
      )
      yield* Effect.provide(Context.get(context, Party).serve([repeating]), context)
      const worker = yield* process(hub, "cloud1.w-1")
      expect(yield* Effect.provide(asked, worker)).toEqual({ doubled: 42 })
      expect((yield* Effect.flip(Effect.provide(asked, worker)))._tag).toBe("NotOfTheHouse")
    })
  )
})
