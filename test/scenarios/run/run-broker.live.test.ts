/** What a run, and a party by itself, does about the broker at `NATS_URL`: before anything is written, while it waits, and when it changes. */
import { access, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Either, Exit, Fiber, Layer, Option, Scope, TestClock } from "effect"
import { vi } from "vitest"
import { drawIdentities, usersOf } from "../../../actors/party/identities.ts"
import { nkeysFor, operator } from "../../../runtime/broker/start.ts"
import { BrokerRefused, BrokerUnreachable } from "../../../runtime/transport/transport.ts"
import { runActor } from "../../../scenarios/run/party-process.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import { brokerIsThere } from "../../../scenarios/run/run-broker.ts"
import { untilBroker } from "../../../scenarios/run/until-broker.ts"
import { brokerFrom, openBroker, ownConfiguration } from "../../support/configured-broker.ts"
import { withEnvironment } from "../../support/environment.ts"
import { identitiesGiven, listUsers, partiesListed } from "../../support/identities-given.ts"
import { silent, splits, writeScenario } from "../../support/small-scenario.ts"

const identities = drawIdentities(operator)
const secrets = identitiesGiven(identities)
const nkeys = nkeysFor(usersOf(identities))

/** A broker at `NATS_URL`, and all identities in the environment but those that are left out. */
const given = (configuration: string, without: ReadonlyArray<string> = []) =>
  Effect.gen(function* () {
    const port = yield* brokerFrom(configuration, nkeys)
    const known = Object.entries(secrets).filter(([variable]) => !without.includes(variable))
    yield* withEnvironment({ ...Object.fromEntries(known), NATS_URL: `nats://127.0.0.1:${port}` })
    return port
  })

const run = (file: string, out: string) =>
  runScenario({ file, out, transport: "nats", seed: Option.none(), display: silent, report: false }).pipe(
    Effect.provide(nodeContext)
  )

describe("a run over a broker that is there already", () => {
  const permissionsOfUser2 = /(nkey: \$USER2_NKEY, permissions:) \{.*?\} \}/s
  const unlimited = ownConfiguration.replace(permissionsOfUser2, '$1 { publish: ">", subscribe: ">" } }')
  const hearsAll = ownConfiguration.replace(permissionsOfUser2, '$1 { publish: ["bicameral.*.kgc.>"] } }')
  const cases = [
    ["lets anybody in", openBroker, {}, { _tag: "BrokerUnprotected", user: "director" }],
    ["lets one user do everything", unlimited, {}, { _tag: "BrokerUnprotected", user: "user2" }],
    ["lets one user hear all", hearsAll, {}, { _tag: "BrokerUnprotected", user: "user2" }],
    [
      "keeps no checkpoints, which it is to",
      ownConfiguration,
      { placement: { checkpoints: "jetstream" } },
      { _tag: "NoJetStream", elsewhere: false }
    ]
  ] as const
  for (const [what, configuration, changes, expected] of cases)
    it.scopedLive(`ends before anything is written where that ${what}`, () =>
      Effect.gen(function* () {
        const { file, out } = yield* writeScenario(splits.rows, changes)
        yield* given(configuration)
        expect(yield* Effect.flip(run(file, out))).toMatchObject(expected)
        expect((yield* Effect.either(Effect.tryPromise(() => access(out))))._tag).toBe("Left")
      })
    )

  it.scopedLive(
    "has the buckets made where it knows the operator's identity, and says who makes them where not",
    () =>
      Effect.gen(function* () {
        const { folder } = yield* writeScenario(splits.rows)
        const storing = `${ownConfiguration}\njetstream { store_dir: "${join(folder, "store")}" }\n`
        const placement = { checkpoints: "jetstream" } as never
        const agreement = { users: [{ actor: "user1" }] } as never
        const there = Effect.either(brokerIsThere(agreement, placement))
        yield* given(storing, ["OPERATOR_IDENTITY"])
        expect(Either.getOrThrow(Either.flip(yield* there))).toMatchObject({ _tag: "NoBucket" })
        yield* withEnvironment({ OPERATOR_IDENTITY: secrets.OPERATOR_IDENTITY! })
        expect((yield* there)._tag).toBe("Right")
      })
  )
})

describe("a party by itself", () => {
  it.scopedLive("ends with the error when the broker comes back without authorization", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* writeScenario(splits.rows, { parties: partiesListed(identities) })
      yield* listUsers(file, identities)
      const identity = join(folder, "kgc.identity")
      yield* Effect.promise(() => writeFile(identity, secrets.KGC_IDENTITY!, { mode: 0o600 }))
      const first = yield* Scope.make()
      const port = yield* Scope.extend(brokerFrom(ownConfiguration, nkeys), first)
      yield* withEnvironment({ NATS_URL: `nats://127.0.0.1:${port}` })
      const ready = yield* Deferred.make<void>()
      const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
        if (String(text).includes('"ready"')) Deferred.unsafeDone(ready, Effect.void)
        return true
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => write.mockRestore()))
      const given = {
        scenario: file,
        seed: Option.none(),
        faults: Option.none(),
        onlyDeal: false,
        reopens: Option.none(),
        from: Option.none(),
        fromKey: Option.none()
      }
      const options = { run: "trial-1", ...given }
      const kgc = yield* runActor({
        ...options,
        ...{
          role: "kgc",
          identity: Option.some(identity),
          state: join(folder, "kgc"),
          stateKey: Option.none()
        }
      }).pipe(Effect.provide(nodeContext), Effect.fork)
      yield* Effect.raceFirst(Deferred.await(ready), Fiber.join(kgc))
      yield* Scope.close(first, Exit.void)
      yield* brokerFrom(openBroker, nkeys, port)
      expect(yield* Effect.flip(Fiber.join(kgc))).toMatchObject({ _tag: "BrokerUnprotected", user: "kgc" })
    })
  )

  const away = new BrokerUnreachable({ servers: ["nats://127.0.0.1:1"], remedy: "nothing listens there" })
  const said = Effect.acquireRelease(
    Effect.sync(() => vi.spyOn(process.stdout, "write").mockImplementation(() => true)),
    (spy) => Effect.sync(() => spy.mockRestore())
  )

  it.scoped("that is looked after says every few seconds what it waits for, and gives up in the end", () =>
    Effect.gen(function* () {
      yield* withEnvironment({ BICAMERAL_SUPERVISED: "1" })
      const write = yield* said
      const waiting = yield* Effect.fork(Effect.scoped(Layer.build(untilBroker(Layer.fail(away)))))
      yield* TestClock.adjust("2 seconds")
      expect(write).not.toHaveBeenCalled()
      yield* TestClock.adjust("5 seconds")
      const words = `${JSON.stringify({ waiting: away.message })}\n`
      expect(write.mock.calls).toEqual([[words], [words]])
      yield* TestClock.adjust("30 seconds")
      expect(yield* Effect.flip(Fiber.join(waiting))).toBe(away)
    })
  )

  it.scoped("does not wait where nobody looks after it, nor for what waiting does not mend", () =>
    Effect.gen(function* () {
      const attempt = <E extends { readonly retryable: boolean; readonly message: string }>(error: E) =>
        Effect.flip(Effect.scoped(Layer.build(untilBroker(Layer.fail(error)))))
      expect(yield* attempt(away)).toBe(away)
      yield* withEnvironment({ BICAMERAL_SUPERVISED: "1" })
      const refused = new BrokerRefused({ user: "kgc", remedy: "" })
      expect(yield* attempt(refused)).toBe(refused)
    })
  )
})
