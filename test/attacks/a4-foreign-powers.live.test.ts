/**
 * A4: a power of an element of the attacker's choice. C1, or who forged its one reply, hands the users first components of
 * its own; a user raises them to its secret key and sends them to all others, of whom one is with C1. Of A = 1 + N that
 * power is 1 + sk·N. Before users asked C0 which first components are its own, this gave the keys of all users.
 */
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Either, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { fromBytes, toBytes } from "../../protocol/bcp/integers.ts"
import type { Parameters } from "../../protocol/bcp/parameters.ts"
import { ciphertextBytes, decodeParameters, elementBytes } from "../../protocol/bcp/wire.ts"
import { Enrolment } from "../../protocol/messages/enrolment.ts"
import { FetchModel, PartialDecryptions } from "../../protocol/messages/output.ts"
import type { SealedModel } from "../../protocol/sharing/sealed-model.ts"
import { company } from "../support/company.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"

const bits = 512
const width = elementBytes({ bits })
const each = ciphertextBytes({ bits })

const changes = (output: "packed" | "hybrid") => ({
  training: { epochs: 1, batch: 8, rate: 0.25 },
  security: { modulusBits: bits, insecure: true, output }
})

/** Puts another element at a place of the ciphertexts. */
const planted = ({ ciphertexts, ...rest }: SealedModel, element: bigint, at = 0): SealedModel => {
  const changed = ciphertexts.slice()
  changed.set(toBytes(element, width), at)
  return { ...rest, ciphertexts: changed }
}

type Handed = (sealed: SealedModel, parameters: Parameters) => SealedModel

/** A run whose C1 hands out what `handed` makes of the encrypted model, to some users; how it ends, and what was raised. */
const attacked = (output: "packed" | "hybrid", handed: Handed, to?: string) =>
  Effect.gen(function* () {
    const { file } = yield* writeScenario(splits.rows, changes(output))
    const raised: Array<string> = []
    let parameters: Parameters | undefined
    const { directed, startAll } = yield* company(file, {
      tap: ({ body, from, kind, tag, to: receiver }) => {
        if (tag === Enrolment.tag && kind === "reply")
          parameters = decodeParameters(Either.getOrThrow(Enrolment.reply.decode(body)).published.wire)
        if (tag === PartialDecryptions.tag && kind === "ask") raised.push(from)
        if (tag !== FetchModel.tag || kind !== "reply" || (to !== undefined && to !== receiver))
          return undefined
        const sealed = Either.getOrThrow(FetchModel.reply.decode(body))
        return Either.getOrThrow(FetchModel.reply.encode(handed(sealed, parameters!)))
      }
    })
    yield* startAll()
    return { outcome: yield* Effect.either(directed), raised }
  })

const attacks: Readonly<Record<string, Handed>> = {
  "1 + N in place of a first component": (sealed, { N }) => planted(sealed, 1n + N),
  "a first component times another power of g": (sealed, { g, N2 }) =>
    planted(sealed, (fromBytes(sealed.ciphertexts.subarray(0, width)) * g) % N2),
  "a ciphertext more": ({ ciphertexts, ...rest }) => ({
    ...rest,
    ciphertexts: new Uint8Array(Buffer.concat([ciphertexts, ciphertexts.subarray(0, each)]))
  })
}

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "A4",
  (it) => {
    describe("nothing that C1 has chosen is raised to a secret key", () => {
      for (const output of ["packed", "hybrid"] as const)
        for (const [attack, handed] of Object.entries(attacks))
          it.scoped(`${output}: ${attack}`, () =>
            Effect.gen(function* () {
              const { outcome, raised } = yield* attacked(output, handed)
              expect(raised).toEqual([])
              expect(Either.getLeft(outcome)).toMatchObject({
                value: {
                  request: "OpenModel",
                  error: {
                    _tag: attack === "a ciphertext more" ? "ModelOfWrongSize" : "NotSealedByCloud0",
                    message: expect.stringContaining("cloud1"),
                    retryable: false
                  }
                }
              })
            })
          )

      it.scoped("packed: C0's ciphertexts in another order", () =>
        Effect.gen(function* () {
          const turned: Handed = ({ ciphertexts }) => ({
            ciphertexts: new Uint8Array(
              Buffer.concat([
                ciphertexts.subarray(each, 2 * each),
                ciphertexts.subarray(0, each),
                ciphertexts.subarray(2 * each)
              ])
            )
          })
          const { outcome, raised } = yield* attacked("packed", turned)
          expect(raised).toEqual([])
          expect(Either.getLeft(outcome)).toMatchObject({ value: { error: { _tag: "NotSealedByCloud0" } } })
        })
      )

      it.scoped("by the user to which it is handed, whatever the others are", () =>
        Effect.gen(function* () {
          const { outcome, raised } = yield* attacked(
            "packed",
            (sealed, { N }) => planted(sealed, 1n + N),
            "user2"
          )
          expect(raised).not.toContain("user2")
          expect(Either.getLeft(outcome)).toMatchObject({
            value: { party: "user2", error: { _tag: "NotSealedByCloud0" } }
          })
        })
      )

      it.scoped("hybrid: a share of C0 that C1 has changed is refused in C1's name", () =>
        Effect.gen(function* () {
          const changed: Handed = ({ ciphertexts, shares }) => {
            const share0 = shares![0].slice()
            share0[3]! ^= 1
            return { ciphertexts, shares: [share0, shares![1]] }
          }
          const { outcome, raised } = yield* attacked("hybrid", changed)
          expect(raised).toEqual([])
          expect(Either.getLeft(outcome)).toMatchObject({ value: { error: { _tag: "NotSealedByCloud0" } } })
        })
      )
    })

    it.scoped("a model from an honest C1 is raised and opened", () =>
      Effect.gen(function* () {
        const { outcome, raised } = yield* attacked("packed", (sealed) => sealed)
        expect(Either.isRight(outcome)).toBe(true)
        expect(new Set(raised)).toEqual(new Set(["user1", "user2", "user3"]))
      })
    )
  }
)
