/** The cases of the corpus as tests. */
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { type Ground, ground, outcomeOf } from "./broker-case.ts"
import type { BrokerCase } from "./broker-corpus.ts"

class Grounds extends Context.Tag("test/Grounds")<Grounds, Ground>() {}

/** Whatever it is, a person learns what it is by then: a step to a connection may take 2.5 s of it. */
const withinMs = 8_000
/** Words of libraries and of the system, which are to be put in ours. */
const inner = /NatsError|CONNECTION_REFUSED|ECONN|SERVER_OPT_NA|AUTHORIZATION_VIOLATION|undefined|\[object/

export const corpusSuite = (cases: ReadonlyArray<BrokerCase>): void =>
  layer(Layer.scoped(Grounds, ground), { excludeTestServices: true })((it) => {
    for (const each of cases)
      it.scoped(each.name, () =>
        Effect.gen(function* () {
          const on = yield* Grounds
          const { error, tookMs, server } = yield* outcomeOf(on, each)
          if (each.expected === "served") return expect(error?.message).toBe(undefined)
          const { tag, says } = each.expected
          expect(error, "it is served").not.toBe(undefined)
          const message = error!.message
          expect(error!._tag, message).toBe(tag)
          for (const part of says) expect(message).toMatch(part)
          if (!["BrokerRefused", "PermissionDenied", "StoreFailed"].includes(tag))
            expect(message).toContain(server)
          expect(message).not.toMatch(inner)
          expect(message).not.toContain(Redacted.value(on.credentials[each.user ?? "cloud0"]!.nkey))
          expect(tookMs).toBeLessThan(withinMs)
        })
      )
  })
