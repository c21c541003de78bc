/** The gateway over real HTTP on the loopback, in front of a network that is computed in this process. */
import { connect } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { fixedScores } from "../../../protocol/computation/predicting.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { mostBodyBytes, mostRowsAsked } from "../../../scenarios/gateway/api.ts"
import { serveGateway } from "../../../scenarios/gateway/gateway.ts"
import {
  AskerRefused,
  Predictor,
  QuotaRefused,
  type Standing,
  TookTooLong,
  Unavailable
} from "../../../scenarios/gateway/predictor.ts"
import { predictedColumns } from "../../../scenarios/model/predictions.ts"
import { preparationOfModel } from "../../../scenarios/model/preparation-file.ts"
import { model } from "../model/example.ts"

const row = { patient: "p1", ward: "A", age: 50, born: "1970-01-01", smoker: false }
const rows = [row, { ward: "C, old", age: null, born: "1997-05-19", smoker: "yes", other: [1] }]

const standing: Standing = { reachable: true, rowsLeft: 7, reason: undefined }

const opened = (features: Float64Array) =>
  Effect.map(
    Effect.promise(() => Ring.load()),
    (ring) => fixedScores(ring, model, features)
  )

const gateway = (predictor: Partial<Predictor["Type"]> = {}, names: ReadonlyArray<string> = []) =>
  Effect.gen(function* () {
    const preparation = preparationOfModel(model)
    const place = { host: "127.0.0.1", port: 0 }
    const { port } = yield* serveGateway({ preparation, place, names, version: "1.2.3" }).pipe(
      Effect.provideService(Predictor, { predict: opened, standing: Effect.succeed(standing), ...predictor })
    )
    const base = `http://127.0.0.1:${port}`
    const answered = (response: Response) =>
      Effect.promise(async () => ({
        status: response.status,
        retryAfter: response.headers.get("retry-after"),
        body: (await response.json()) as Record<string, unknown>
      }))
    const get = (path: string) =>
      Effect.flatMap(
        Effect.promise(() => fetch(`${base}${path}`)),
        answered
      )
    const post = (body: unknown, headers: Record<string, string> = {}) =>
      Effect.flatMap(
        Effect.promise(() =>
          fetch(`${base}/predict`, {
            method: "POST",
            headers: { "content-type": "application/json", ...headers },
            body: typeof body === "string" ? body : JSON.stringify(body)
          })
        ),
        answered
      )
    return { base, port, get, post }
  })

/** The first line of the answer to bytes on a connection. */
const raw = (port: number, text: string) =>
  Effect.async<string>((resume) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text))
    socket.once("data", (data) => {
      socket.destroy()
      resume(Effect.succeed(data.toString().split("\r\n")[0]!))
    })
    socket.once("error", () => resume(Effect.succeed("broken")))
  })

describe("the gateway", () => {
  it.scopedLive("predicts rows as the opened model does, in their order and under their ids", () =>
    Effect.gen(function* () {
      const { post } = yield* gateway()
      const { body, status } = yield* post({ rows })
      expect(status).toBe(200)
      const inputs = Float64Array.of(0, 0, -1, 0, 1, 0, 0, 0, 1, (2 * 10_000) / 20_000 - 1, 1, 0, 0, 1)
      const features = inputs.map((value, i) => (i % 7 === 3 ? 2 * value - 1 : value))
      const [label, no, yes] = predictedColumns(model, yield* opened(features))
      expect(body).toEqual({
        predictions: ["p1", "2"].map((id, at) => ({
          id,
          label: label!.values[at],
          probabilities: [
            { label: "no", probability: no!.values[at] },
            { label: "yes", probability: yes!.values[at] }
          ]
        }))
      })
    })
  )

  it.scopedLive("names row and column of what the model can't take, and asks nobody then", () =>
    Effect.gen(function* () {
      let asked = 0
      const predict = () => Effect.sync(() => new Float64Array(++asked))
      const { post } = yield* gateway({ predict })
      const bad = [
        { ...row, age: 101 },
        { ...row, born: null },
        { ...row, smoker: { really: "no" } },
        { ward: "A", born: "1970-01-01", smoker: 1 },
        "no row"
      ]
      const { body, status } = yield* post({ rows: [row, ...bad] })
      expect(status).toBe(422)
      expect(body).toMatchObject({ _tag: "RowsNotFit", more: 0 })
      const problems = body.problems as ReadonlyArray<{ row: number; column: string; reason: string }>
      expect(problems.map(({ row, column }) => [row, column])).toEqual([
        [2, "age"],
        [3, "born"],
        [4, "smoker"],
        [5, "age"],
        [6, ""]
      ])
      expect(JSON.stringify(body)).not.toContain("101")
      const many = yield* post({ rows: Array.from({ length: 30 }, () => 1) })
      expect(many.body).toMatchObject({ more: 10 })
      expect(asked).toBe(0)
    })
  )

  const errors = [
    ["429 for a spent quota", new QuotaRefused({ message: "m", retryAfterSeconds: 61.2 }), 429, "62"],
    ["429 without a time", new QuotaRefused({ message: "m", retryAfterSeconds: undefined }), 429, null],
    ["503 to try again", new Unavailable({ message: "m", retryAfterSeconds: 1 }), 503, "1"],
    ["504 for the deadline", new TookTooLong({ message: "m" }), 504, null],
    ["403 to whom the clouds refuse", new AskerRefused({ message: "m" }), 403, null]
  ] as const
  it.scopedLive.each(errors)("answers %s", ([, error, expected, after]) =>
    Effect.gen(function* () {
      const { post } = yield* gateway({ predict: () => Effect.fail(error) })
      const { body, retryAfter, status } = yield* post({ rows })
      expect([status, retryAfter, body.message]).toEqual([expected, after, "m"])
    })
  )

  const malformed: ReadonlyArray<readonly [string, unknown, Record<string, string>, number]> = [
    ["no JSON", "{", {}, 400],
    ["no rows", {}, {}, 400],
    ["not one row", { rows: [] }, {}, 400],
    ["rows that are no list", { rows: row }, {}, 400],
    ["another content type", JSON.stringify({ rows }), { "content-type": "text/plain" }, 415],
    ["too many rows", { rows: new Array(mostRowsAsked + 1).fill(0) }, {}, 413],
    ["too many bytes", " ".repeat(mostBodyBytes + 1), {}, 413],
    ["a page's origin", { rows }, { origin: "http://evil.example" }, 403]
  ]
  it.scopedLive("refuses what is no request for it, each with its status, and goes on", () =>
    Effect.gen(function* () {
      const { base, get, port, post } = yield* gateway()
      for (const [name, body, headers, status] of malformed)
        expect((yield* post(body, headers)).status, name).toBe(status)
      const asking = (host: string) => raw(port, `GET /health HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      expect(yield* asking("evil.example")).toBe("HTTP/1.1 421 Misdirected Request")
      expect(yield* asking(`evil.example:${port}`)).toMatch(/ 421 /)
      expect(yield* asking("127.0.0.1")).toMatch(/ 421 /)
      expect(yield* asking(`localhost:${port}`)).toMatch(/ 200 /)
      const chunked = `POST /predict HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
      const piece = `${(2 ** 20).toString(16)}\r\n${" ".repeat(2 ** 20)}\r\n`
      expect(yield* raw(port, chunked + piece.repeat(17))).toMatch(/ 413 /)
      expect((yield* Effect.promise(() => fetch(`${base}/nowhere`))).status).toBe(404)
      expect((yield* get("/health")).status).toBe(200)
    })
  )

  it.scopedLive("may be asked by further names where it was told so", () =>
    Effect.gen(function* () {
      const { port } = yield* gateway({}, ["clinic.example"])
      expect(yield* raw(port, `GET /health HTTP/1.1\r\nHost: clinic.example:${port}\r\n\r\n`)).toMatch(
        / 200 /
      )
    })
  )

  it.scopedLive("says how the clouds are, what columns rows have, and describes itself", () =>
    Effect.gen(function* () {
      const { get } = yield* gateway()
      expect(yield* get("/health")).toMatchObject({ status: 200, body: { clouds: "reachable", rowsLeft: 7 } })
      const { body } = yield* get("/model")
      expect(body).toEqual({
        id: "patient",
        columns: [
          { name: "age", kind: "number", mayBeMissing: true, range: [0, 100] },
          { name: "born", kind: "date", mayBeMissing: false },
          { name: "smoker", kind: "boolean", mayBeMissing: false },
          { name: "ward", kind: "category", mayBeMissing: false, values: ["A", "B"] }
        ],
        predicts: { label: "ill", values: ["no", "yes"] }
      })
      const { body: document } = yield* get("/openapi.json")
      expect(document).toMatchObject({ openapi: "3.1.0", info: { version: "1.2.3" } })
      const paths = document.paths as Record<string, { post?: { responses: object } }>
      expect(Object.keys(paths)).toEqual(["/predict", "/health", "/model"])
      expect(Object.keys(paths["/predict"]!.post!.responses)).toEqual(
        expect.arrayContaining(["200", "400", "403", "413", "415", "422", "429", "503", "504"])
      )
    })
  )

  it.scopedLive("says why the clouds do not answer", () =>
    Effect.gen(function* () {
      const down: Standing = { reachable: false, rowsLeft: undefined, reason: "cloud0 is silent" }
      const { get } = yield* gateway({ standing: Effect.succeed(down) })
      expect(yield* get("/health")).toMatchObject({
        status: 503,
        body: { clouds: "unreachable", reason: "cloud0 is silent" }
      })
    })
  )

  it.scopedLive(
    "sends requests away while it is at work on many, and stops work for a client that is gone",
    () =>
      Effect.gen(function* () {
        let [running, stopped] = [0, 0]
        const full = yield* Deferred.make<void>()
        const allStopped = yield* Deferred.make<void>()
        const predict = () =>
          Effect.onInterrupt(
            Effect.suspend(() => (++running === 32 ? Deferred.succeed(full, undefined) : Effect.void)).pipe(
              Effect.zipRight(Effect.never)
            ),
            () => (++stopped === 32 ? Deferred.succeed(allStopped, undefined) : Effect.void)
          )
        let asked = 0
        const counted = Effect.sync(() => {
          asked += 1
          return standing
        })
        const { base, get, port, post } = yield* gateway({ predict, standing: counted })
        const gone = new AbortController()
        const body = JSON.stringify({ rows })
        const headers = { "content-type": "application/json" }
        for (let i = 0; i < 32; i++)
          fetch(`${base}/predict`, { method: "POST", headers, body, signal: gone.signal }).catch(() => {})
        yield* Deferred.await(full)
        expect(yield* post({ rows })).toMatchObject({ status: 503, retryAfter: "1" })
        // Refused before its body is there, which is never sent.
        const begun = `POST /predict HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 9999999\r\n\r\n`
        expect(yield* raw(port, begun)).toBe("HTTP/1.1 503 Service Unavailable")
        // What costs the clouds nothing is answered all the same, and asks them once.
        for (let i = 0; i < 5; i++) expect(yield* get("/health")).toMatchObject({ status: 200 })
        expect(asked).toBe(1)
        gone.abort()
        yield* Deferred.await(allStopped)
      })
  )
})
