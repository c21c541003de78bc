/** A model that nobody opens, from the run to the answers: users run, clouds serve, and rows are asked over HTTP and from a file. */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { keysOf } from "../../../actors/party/identities.ts"
import { gatewayOfTrial } from "../../../scenarios/command/serve.ts"
import { partiesEntry } from "../../../scenarios/folders/out-folder.ts"
import { keysText, keysVariable } from "../../../scenarios/run/identities.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import { serveRun } from "../../../scenarios/run/serve.ts"
import { withEnvironment } from "../../support/environment.ts"
import { identitiesGiven } from "../../support/identities-given.ts"
import { command } from "../../support/in-process.ts"
import { silent, splits, writeScenario } from "../../support/small-scenario.ts"
import { started } from "./started.ts"

interface Answer {
  readonly predictions: ReadonlyArray<{
    readonly id: string
    readonly label: string
    readonly probabilities: ReadonlyArray<{ readonly label: string; readonly probability: number }>
  }>
}

describe("a model that is served", () => {
  it.scopedLive("is asked over HTTP and by file as predict says of the opened model, within the quota", () =>
    Effect.gen(function* () {
      const { file, folder, out } = yield* writeScenario(splits.rows, { model: "both" })
      yield* runScenario({ file, out, transport: "nats", seed: Option.none(), display: silent })
      const csv = yield* Effect.promise(() => readFile(join(folder, "north-0.csv"), "utf8"))
      const [header = "", ...lines] = csv.trim().split("\n")
      const names = header.split(",")
      const some = join(folder, "some.csv")
      yield* Effect.promise(() => writeFile(some, [header, ...lines.slice(0, 5)].join("\n")))
      const table = (text: string) => text.split("\n").map((line) => line.split(","))
      const [columns, ...expected] = table((yield* command("predict", out, some)).printed)

      const askers = [{ actor: "asker1", rows: 6 }]
      const serving = yield* serveRun({ out, askers, display: silent })
      const base = yield* started(gatewayOfTrial(out, serving, { host: "127.0.0.1", port: 0 }))
      const post = (rows: ReadonlyArray<unknown>) =>
        Effect.promise(async () => {
          const response = await fetch(`${base}/predict`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ rows })
          })
          return { status: response.status, body: (await response.json()) as Answer & { message: string } }
        })
      const health = Effect.promise(async () => (await fetch(`${base}/health`)).json())
      const rows = lines
        .slice(0, 5)
        .map((line) =>
          JSON.parse(
            `{${line.split(",").map((cell, i) => `${JSON.stringify(names[i])}:${JSON.stringify(cell)}`)}}`
          )
        )
      expect(yield* health).toEqual({ clouds: "reachable", rowsLeft: 6 })
      const { body, status } = yield* post(rows)
      expect(status).toBe(200)
      body.predictions.forEach(({ id, label, probabilities }, row) => {
        const [ownId, ownLabel, ...own] = expected[row]!
        expect([id, label]).toEqual([ownId, ownLabel])
        for (const [place, { probability }] of probabilities.entries())
          expect(probability).toBeCloseTo(Number(own[place]), 4)
      })
      const spent = yield* post(rows)
      expect([spent.status, spent.body.message]).toEqual([
        429,
        expect.stringMatching(/the request has 5 rows, and 1 are left of the quota/)
      ])
      expect(yield* health).toEqual({ clouds: "reachable", rowsLeft: 1 })

      yield* withEnvironment({
        NATS_URL: serving.url,
        [keysVariable]: keysText(keysOf(serving.identities)),
        ...identitiesGiven(serving.identities)
      })
      const found = join(folder, "found.csv")
      const preparation = join(out, partiesEntry, "user2", "preparation.json")
      const ask = (...words: ReadonlyArray<string>) =>
        command("ask", some, "--scenario", file, "--preparation", preparation, ...words)
      const asked = yield* ask("--as", "user1", "--run", serving.run, "--out", found)
      expect(asked).toMatchObject({ status: 0, complained: "" })
      expect(asked.printed).toMatch(/^5 rows predicted in /)
      expect(asked.printed).toMatch(/accuracy .* on 5 rows with labels/)
      const text = yield* Effect.promise(() => readFile(found, "utf8"))
      const [foundColumns, ...answers] = table(text.trim())
      expect(foundColumns).toEqual(columns)
      expect(answers.map(([id, label]) => [id, label])).toEqual(expected.map(([id, label]) => [id, label]))
      expect((yield* ask()).complained).toMatch(/an asker needs --admission FILE/)
    }).pipe(Effect.provide(nodeContext))
  )
})
