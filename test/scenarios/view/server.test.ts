/** The server of the page: whom it serves, and what it sends. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { type IncomingMessage, request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { FollowedRun } from "../../../scenarios/view/follow.ts"
import type { Shown } from "../../../scenarios/view/live.ts"
import { serveView } from "../../../scenarios/view/server.ts"

const folderOf = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "bicameral-view-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const begin = {
  event: "begin",
  time: 1,
  scenario: "s",
  run: "r",
  transport: "nats",
  pid: process.pid,
  parties: []
}
const journalOf = (...lines: ReadonlyArray<object>) =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join("")

const served = (
  journal: string,
  report: Effect.Effect<string, { readonly message: string }> = Effect.succeed("R")
) =>
  Effect.gen(function* () {
    const folder = yield* folderOf
    writeFileSync(join(folder, "journal.jsonl"), journal)
    const followed = new FollowedRun({ folder, since: 0 })
    const server = yield* serveView({ followed, isOver: false, report, port: 0 })
    return { ...server, folder, followed }
  })

interface Asked {
  readonly method?: string
  readonly headers?: { readonly host?: string; readonly origin?: string }
}

const ask = (url: string, asked: Asked = {}) =>
  Effect.async<{ readonly status: number; readonly text: string; readonly header: (name: string) => string }>(
    (resume) => {
      const sent = request(url, asked, (response) => {
        const parts: Array<string> = []
        response.setEncoding("utf8")
        response.on("data", (part: string) => parts.push(part))
        response.on("end", () =>
          resume(
            Effect.succeed({
              status: response.statusCode ?? 0,
              text: parts.join(""),
              header: (name) => String(response.headers[name])
            })
          )
        )
      })
      sent.end()
    }
  )

/** The first thing that is sent to a page that watches. */
const firstSent = (url: string) =>
  Effect.async<Shown>((resume) => {
    const sent = request(`${url}events`, (response) => {
      response.once("data", (data: Buffer) => {
        resume(Effect.succeed(JSON.parse(data.toString().replace(/^data: /, "")) as Shown))
        sent.destroy()
      })
    })
    sent.on("error", () => {})
    sent.end()
  })

describe("the server of the page", () => {
  it.scopedLive("serves whoever has the token, by the names of the loopback, and nobody else", () =>
    Effect.gen(function* () {
      const { url } = yield* served(journalOf(begin))
      const { port } = new URL(url)
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/$/)
      const status = (address: string, asked?: Asked) =>
        Effect.map(ask(address, asked), (reply) => reply.status)
      expect(yield* status(url)).toBe(200)
      expect(yield* status(url, { headers: { host: `localhost:${port}` } })).toBe(200)
      expect(yield* status(url, { headers: { origin: `http://127.0.0.1:${port}` } })).toBe(200)
      // A name that an attacker has pointed at the loopback, and pages of other origins.
      for (const host of ["evil.example", `evil.example:${port}`, `127.0.0.1:1`])
        expect(yield* status(url, { headers: { host } })).toBe(403)
      for (const origin of ["https://evil.example", "null", `http://localhost:${port}`])
        expect(yield* status(url, { headers: { origin } })).toBe(403)
      const wrong = url.replace(/\/[\w-]{32}\//, `/${"A".repeat(32)}/`)
      for (const address of [
        `http://127.0.0.1:${port}/`,
        wrong,
        `${wrong}events`,
        `${url}events/x`,
        url.slice(0, -2)
      ])
        expect(yield* status(address)).toBe(403)
      expect(yield* status(`${url}other`)).toBe(404)
      expect(yield* status(url, { method: "POST" })).toBe(405)
    })
  )

  it.scopedLive("sends a page that may load nothing from elsewhere and be in no frame", () =>
    Effect.gen(function* () {
      const { url } = yield* served(journalOf(begin))
      const { header } = yield* ask(url)
      expect(header("content-security-policy")).toMatch(/^default-src 'none'; .*frame-ancestors 'none'$/)
      expect(header("content-security-policy")).not.toContain("unsafe")
      expect(header("x-frame-options")).toBe("DENY")
      expect(header("referrer-policy")).toBe("no-referrer")
      expect(header("cache-control")).toBe("no-store")
    })
  )

  it.scopedLive(
    "sends what is known of the run to a page that watches, and leads to the report once it ended",
    () =>
      Effect.gen(function* () {
        const running = yield* served(journalOf(begin, { event: "phase", time: 2, phase: "upload" }))
        expect(yield* firstSent(running.url)).toMatchObject({ status: "running", scenario: "s" })
        const ended = yield* served(journalOf(begin, { event: "end", time: 9, succeeded: true }))
        const { status, header } = yield* ask(ended.url)
        expect([status, header("location")]).toEqual([302, "report"])
        expect((yield* ask(`${ended.url}report`)).text).toBe("R")
        // Each page that watched it end is waited for, until it has the report.
        const two = yield* served(journalOf(begin, { event: "end", time: 9, succeeded: true }))
        yield* firstSent(two.url)
        yield* firstSent(two.url)
        expect(two.awaiting()).toBe(2)
        yield* ask(`${two.url}report`)
        expect(two.awaiting()).toBe(1)
        yield* ask(`${two.url}report`)
        expect(two.awaiting()).toBe(0)
      })
  )

  it.scopedLive("sends a page that has not read for a while the latest, once it reads", () =>
    Effect.gen(function* () {
      // More than a connection holds that nobody reads.
      const long = { event: "note", time: 2, text: "x".repeat(11_000_000) }
      const { url, folder, followed, watching } = yield* served(journalOf(begin, long))
      const response = yield* Effect.async<IncomingMessage>((resume) => {
        const sent = request(`${url}events`, (answer) => resume(Effect.succeed(answer.pause())))
        sent.on("error", () => {})
        sent.end()
      })
      expect(watching()).toBe(1)
      const failed = { event: "end", time: 9, succeeded: false, reason: "no broker" }
      appendFileSync(join(folder, "journal.jsonl"), journalOf(failed))
      followed.look()
      let tail = ""
      yield* Effect.async<void>((resume) => {
        response.setEncoding("utf8").on("data", (part: string) => {
          tail = `${tail.slice(-1_000)}${part}`
          if (tail.includes("broken off: no broker")) resume(Effect.void)
        })
        response.resume()
      }).pipe(Effect.timeout("10 seconds"))
      response.destroy()
    })
  )

  it.scopedLive(
    "has no report where none can be made, and stays with the live page of a run that failed",
    () =>
      Effect.gen(function* () {
        const failed = { event: "end", time: 9, succeeded: false, reason: "no broker" }
        const { url } = yield* served(journalOf(begin, failed), Effect.fail({ message: "no result" }))
        expect((yield* ask(url)).status).toBe(200)
        expect(yield* firstSent(url)).toMatchObject({
          status: "failed",
          sentence: "The run was broken off: no broker"
        })
        expect((yield* ask(`${url}report`)).status).toBe(404)
      })
  )
})
