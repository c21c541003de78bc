/** The report and the live page in a real browser: what is on them, by keyboard, on narrow and wide screens, and that they ask for nothing. */
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import { reportPage } from "../../../scenarios/report/page/page.ts"
import { FollowedRun } from "../../../scenarios/view/follow.ts"
import { serveView } from "../../../scenarios/view/server.ts"
import { browser, browserProgram, pageOf } from "../../support/browser.ts"
import { evil, wholeInput } from "../report/page/example.ts"

const inBrowser = it.scopedLive.skipIf(browserProgram === undefined)

const folderOf = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-view-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)
const run = <A>(work: () => Promise<A>) => Effect.promise(work)
/** By how much the page is wider than the screen, and the colour behind it. */
const looks = (page: Page) =>
  page.evaluate<{ readonly wider: number; readonly ground: string }>(
    `({ wider: document.documentElement.scrollWidth - innerWidth, ground: getComputedStyle(document.body).backgroundColor })`
  )

const begin = {
  ...{ event: "begin", scenario: evil[0], run: "a1b2c3d4e5f6", transport: "nats", pid: process.pid },
  parties: [
    { actor: "cloud0", name: "cloud0" },
    { actor: "user1", name: evil[1] }
  ]
}
const line = (event: object) => `${JSON.stringify({ time: Date.now(), ...event })}\n`

describe.concurrent("in a browser", () => {
  inBrowser("the report is readable at 360 and 1,440 pixels, light and dark, and asks for nothing", () =>
    Effect.gen(function* () {
      const file = join(yield* folderOf, "report.html")
      yield* run(() => writeFile(file, reportPage(wholeInput)))
      const address = pathToFileURL(file).href
      const opened = yield* browser
      for (const [width, scheme, ground] of [
        [360, "light", "rgb(246, 247, 249)"],
        [1440, "dark", "rgb(16, 21, 28)"]
      ] as const) {
        const { page, complaints, requests } = yield* pageOf(opened, width, scheme)
        yield* run(() => page.goto(address))
        expect(yield* run(() => looks(page))).toEqual({ wider: 0, ground })
        expect(yield* run(() => page.title())).toBe(`${evil[0]}: report of a run`)
        expect(yield* run(() => page.locator("h1").innerText())).toBe(evil[0])
        expect(yield* run(() => page.locator("svg.plot:visible").count())).toBe(10)
        // By keyboard: the first stop leads past the navigation, and tables open.
        yield* run(() => page.keyboard.press("Tab"))
        expect(yield* run(() => page.locator(":focus").innerText())).toBe("Skip to the report")
        yield* run(() => page.keyboard.press("Enter"))
        expect(page.url()).toBe(`${address}#main`)
        yield* run(() => page.locator("summary").first().focus())
        yield* run(() => page.keyboard.press("Enter"))
        expect(yield* run(() => page.locator("details[open] td").first().isVisible())).toBe(true)
        expect(requests).toEqual([address])
        expect(complaints).toEqual([])
      }
    })
  )

  inBrowser("the live page follows a run from its beginning to its report", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf
      const journal = join(folder, "journal.jsonl")
      const followed = new FollowedRun({ folder, since: 0 })
      const report = Effect.sync(() => reportPage(wholeInput))
      const { url } = yield* serveView({ followed, isOver: false, report, port: 0 })
      const { page, complaints, requests } = yield* pageOf(yield* browser, 360, "dark")
      yield* run(() => page.goto(url))
      const sentence = page.getByRole("status")
      const says = (text: string) => run(() => page.getByText(text).first().waitFor())
      yield* says("Waiting for the run to begin.")
      yield* run(() => appendFile(journal, line(begin) + line({ event: "up", party: "cloud0" })))
      yield* says("Checking the data and starting the parties.")
      yield* run(() => appendFile(journal, line({ event: "phase", phase: "train" })))
      const progress = (done: number) =>
        line({ event: "progress", actor: "cloud0", phase: "train", done, total: 200 })
      yield* run(() => appendFile(journal, progress(50)))
      yield* says("25 %")
      expect(yield* run(() => sentence.innerText())).toMatch(/^train: /)
      expect(yield* run(() => page.locator('[aria-current="step"] strong').innerText())).toBe("train")
      yield* run(() => appendFile(journal, line({ event: "died", party: "user1", reason: evil[2] })))
      yield* says(`${evil[1]} died: ${evil[2]}`)
      expect(yield* run(() => page.locator('[data-state="down"] strong').innerText())).toBe(evil[1])
      expect((yield* run(() => looks(page))).wider).toBe(0)
      expect(yield* run(() => page.locator("main img, main script").count())).toBe(0)
      yield* run(() => appendFile(journal, line({ event: "end", succeeded: true })))
      yield* run(() => page.waitForURL(`${url}report`))
      expect(yield* run(() => page.locator("h2").first().innerText())).toBe("How good it is")
      expect(requests.filter((each) => !each.startsWith(url) && !each.startsWith("data:"))).toEqual([])
      expect(complaints).toEqual([])
    })
  )

  inBrowser("the live page shows a killed party come back, and why the run failed in the end", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf
      const journal = join(folder, "journal.jsonl")
      const followed = new FollowedRun({ folder, since: 0 })
      const report = Effect.fail({ message: "no result" })
      const { url } = yield* serveView({ followed, isOver: false, report, port: 0 })
      const { page, complaints } = yield* pageOf(yield* browser, 360, "light")
      yield* run(() => page.goto(url))
      const party = page.locator(".parties li").first()
      const died = line({ event: "died", party: "cloud0", reason: "SIGKILL" })
      const train = line({ event: "phase", phase: "train" })
      yield* run(() =>
        appendFile(journal, line(begin) + line({ event: "up", party: "cloud0" }) + train + died)
      )
      yield* run(() => page.getByText("down, died 1 time").waitFor())
      const back = line({ event: "back", party: "cloud0", awayMs: 2_500 })
      yield* run(() => appendFile(journal, line({ event: "up", party: "cloud0" }) + back))
      yield* run(() => page.getByText("cloud0 came back after 2.5 s").waitFor())
      expect(yield* run(() => party.getAttribute("data-state"))).toBe("up")
      const reason = `cloud1: ${evil[2]}`
      yield* run(() => appendFile(journal, line({ event: "end", succeeded: false, reason })))
      yield* run(() => page.getByText("The run was broken off").waitFor())
      expect(yield* run(() => page.getByRole("status").innerText())).toContain(evil[2])
      expect(yield* run(() => party.innerText())).toMatch(/cloud0\s+stopped, died 1 time/)
      expect(yield* run(() => page.locator('[data-state="broken off"] strong').innerText())).toBe("train")
      expect((yield* run(() => looks(page))).wider).toBe(0)
      expect(page.url()).toBe(url)
      expect(complaints).toEqual([])
    })
  )
})
