import { describe, expect, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import type { Agreement } from "../../../actors/party/agreement.ts"
import { requireSettled } from "../../../actors/party/archived.ts"
import { agreementAgain, agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { smallScenario, splits } from "../../support/small-scenario.ts"

const scenarioWith = (changes: object) =>
  Either.getOrThrow(decodeScenario(smallScenario(splits.rows, changes)))
const uploaded = agreementOf(scenarioWith({}))
const data = smallScenario(splits.rows).data

/** What a training with these changes is refused for. */
const refused = (changes: object, before: Agreement = uploaded) =>
  Effect.match(requireSettled(before, agreementAgain(scenarioWith(changes), "r")), {
    onFailure: ({ message }) => message,
    onSuccess: () => "nothing"
  })

describe("what a training from an archive may change", () => {
  it.effect("is all that is in neither the cells nor the keys", () =>
    Effect.gen(function* () {
      for (const changes of [
        { network: { hidden: [9, 4] } },
        { training: { epochs: 3, batch: 16, rate: 0.5, loss: "sigmoid", momentum: 0.5 } },
        { name: "other", description: "Other leaves" },
        { security: { modulusBits: 512, insecure: true, output: "hybrid", dealing: "clouds" } },
        { deadlines: { phaseTimeoutMs: 1_000_000 } }
      ])
        expect(yield* refused(changes)).toBe("nothing")
    })
  )

  it.effect("is nothing of these, which the refusal names", () =>
    Effect.gen(function* () {
      const insecure = { modulusBits: 512, insecure: true }
      const cases: ReadonlyArray<readonly [field: string, changes: object]> = [
        ["data.features", { data: { ...data, features: { ...data.features, length: [0, 9] } } }],
        ["data.scaleTo", { data: { ...data, scaleTo: [0, 1] } }],
        ["data.label", { data: { ...data, label: { column: "kind", values: ["elm", "ash"] } } }],
        ["data.id", { data: { ...data, id: "leaf" } }],
        ["data.label, or training.classWeights", { training: { classWeights: { ash: 1, elm: 2 } } }],
        ["join", { join: "private" }],
        ["heldOut", { heldOut: 0.3 }],
        ["security.modulusBits", { security: { ...insecure, modulusBits: 1024 } }],
        ["security.exponents", { security: { ...insecure, exponents: "full" } }],
        ["security.fractionalBits", { security: { ...insecure, fractionalBits: 18 } }],
        ["security.upload", { security: { ...insecure, upload: "hybrid" } }],
        ["decryption.threshold", { decryption: { threshold: 2 } }],
        ["users", { users: smallScenario(splits.rows).users.map((user, i) => ({ ...user, name: `u${i}` })) }]
      ]
      for (const [field, changes] of cases) expect(yield* refused(changes)).toContain(`${field}`)
      for (const [, changes] of cases)
        expect(yield* refused(changes)).toContain("was settled when the users uploaded")
    })
  )

  it.effect("is not the validation where cells depend on which rows are for it", () =>
    Effect.gen(function* () {
      const standard = { data: { ...data, scale: "standard" } }
      const before = agreementOf(scenarioWith(standard))
      expect(yield* refused(standard, before)).toBe("nothing")
      expect(yield* refused({ ...standard, validation: 0.25, reveal: ["curve"] }, before)).toContain(
        "validation was settled"
      )
    })
  )

  it.effect("is nothing that shows more than the users agreed to", () =>
    Effect.gen(function* () {
      const security = { modulusBits: 512, insecure: true }
      const clouds = { security: { ...security, dealing: "clouds" } }
      const curve = { validation: 0.25, reveal: ["curve"] }
      const none = { reveal: [] }
      const cases: ReadonlyArray<readonly [field: string, before: object, changes: object]> = [
        ["seed", {}, { seed: 9 }],
        ["security.dealing", clouds, { security: { ...security, dealing: "kgc" } }],
        ["security.dealing", clouds, { security: { ...security, dealing: "kgc-ahead" } }],
        ["model", { model: "served", ...none }, none],
        ["model", { model: "served", ...none }, { model: "both", ...none }],
        ["reveal: curve", none, curve],
        ["validation", curve, { ...curve, validation: 0.125 }],
        ["reveal: heldOutRows", { reveal: ["accuracy"] }, { reveal: ["accuracy", "heldOutRows"] }],
        ["reveal: metrics", { reveal: ["accuracy"] }, { reveal: ["metrics"] }],
        ["reveal: accuracy", none, { reveal: ["accuracy"] }]
      ]
      for (const [field, before, changes] of cases) {
        const said = yield* refused(changes, agreementOf(scenarioWith(before)))
        expect(said).toMatch(
          new RegExp(`^${field} would show more than the users agreed to when they uploaded`)
        )
        // The other way round shows less.
        expect(yield* refused(before, agreementOf(scenarioWith(changes)))).toBe("nothing")
      }
      expect(yield* refused({ seed: 9 }, agreementOf(scenarioWith({ seed: 2 })))).toBe("nothing")
    })
  )

  it("is decided for every part of the agreement", () => {
    const before: Agreement = {
      ...agreementOf(scenarioWith({ decryption: { threshold: 2 }, model: "served", reveal: [] })),
      reopens: "r"
    }
    const { deadlines, network, reveal, security, training } = before
    const secured = (changes: Partial<Agreement["security"]>) => ({ security: { ...security, ...changes } })
    const revealing = (changes: Partial<Agreement["reveal"]>) => ({ reveal: { ...reveal, ...changes } })
    const deciding = (threshold: number, absenceTimeoutMs: number) => ({
      decryption: { threshold, absenceTimeoutMs }
    })
    // A part that is new does not compile before it is here.
    const changes: Readonly<
      Record<
        | Exclude<keyof Agreement, "security" | "reveal" | "decryption">
        | `security.${keyof Agreement["security"]}`
        | `reveal.${keyof Agreement["reveal"]}`
        | `decryption.${keyof NonNullable<Agreement["decryption"]>}`,
        readonly [Partial<Agreement>, undefined | "SettledByUpload" | "ShowsMore"]
      >
    > = {
      scenario: [{ scenario: "other" }, undefined],
      users: [{ users: before.users.slice(1) }, "SettledByUpload"],
      data: [{ data: { ...before.data, id: "leaf" } }, "SettledByUpload"],
      join: [{ join: "private" }, "SettledByUpload"],
      heldOut: [{ heldOut: 0.3 }, "SettledByUpload"],
      validation: [{ validation: 0.5 }, undefined],
      network: [{ network: { ...network, hidden: [7] } }, undefined],
      training: [{ training: { ...training, epochs: 99 } }, undefined],
      archive: [{ archive: "none" }, undefined],
      reopens: [{ reopens: "s" }, undefined],
      model: [{ model: "both" }, "ShowsMore"],
      seed: [{ seed: 1 }, "ShowsMore"],
      deadlines: [{ deadlines: { ...deadlines, replyTimeoutMs: 1 } }, undefined],
      "decryption.threshold": [deciding(3, 1), "SettledByUpload"],
      "decryption.absenceTimeoutMs": [deciding(2, 1), undefined],
      "security.modulusBits": [secured({ modulusBits: 3072 }), "SettledByUpload"],
      "security.exponents": [secured({ exponents: "full" }), "SettledByUpload"],
      "security.fractionalBits": [secured({ fractionalBits: 9 }), "SettledByUpload"],
      "security.upload": [secured({ upload: "hybrid" }), "SettledByUpload"],
      "security.output": [secured({ output: "hybrid" }), undefined],
      // Only from `clouds`, as above.
      "security.dealing": [secured({ dealing: "clouds" }), undefined],
      "security.insecure": [secured({ insecure: false }), undefined],
      "reveal.accuracy": [revealing({ accuracy: true }), "ShowsMore"],
      "reveal.metrics": [revealing({ metrics: true }), "ShowsMore"],
      "reveal.heldOutRows": [revealing({ heldOutRows: true }), "ShowsMore"],
      "reveal.progress": [revealing({ progress: true }), undefined],
      "reveal.columnStatistics": [revealing({ columnStatistics: true }), undefined],
      "reveal.curve": [revealing({ curve: true }), "ShowsMore"]
    }
    const found = Object.entries(changes).map(([part, [change]]) => {
      const judged = Effect.runSync(Effect.either(requireSettled(before, { ...before, ...change })))
      return [part, Either.isLeft(judged) ? judged.left._tag : undefined]
    })
    expect(found).toEqual(Object.entries(changes).map(([part, [, verdict]]) => [part, verdict]))
  })

  it.effect("is not what is trained on", () =>
    Effect.gen(function* () {
      const changes = { training: { on: "ciphertexts", epochs: 1, batch: 8, rate: 0.25 } }
      expect(yield* refused(changes)).toContain("training.on is ciphertexts")
      expect(yield* refused({}, agreementOf(scenarioWith(changes)))).toContain("training.on is ciphertexts")
    })
  )
})
