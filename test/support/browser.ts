/** A real browser for tests: Chromium, where the system has one. Nothing is downloaded. */
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"
import { Effect } from "effect"
import { type Browser, chromium, type Page } from "playwright-core"

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]

/** The browser's program; undefined where there is none. */
export const browserProgram: string | undefined = (process.env.PATH ?? "")
  .split(delimiter)
  .flatMap((folder) => names.map((name) => join(folder, name)))
  .find((path) => existsSync(path))

if (browserProgram === undefined)
  console.warn(
    "SKIPPED: tests in a browser. There is no Chromium on the PATH: apt-get install chromium, or another package of it."
  )

/** The browser, until the scope ends. */
export const browser = Effect.acquireRelease(
  Effect.promise(() =>
    chromium.launch({
      executablePath: browserProgram!,
      // As root, as in containers, there is no sandbox. What is opened is the project's own.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : []
    })
  ),
  (opened) => Effect.promise(() => opened.close())
)

/** A page of this size, and all that it complained of or asked for. */
export const pageOf = (opened: Browser, width: number, colorScheme: "light" | "dark") =>
  Effect.promise(async () => {
    const page: Page = await opened.newPage({ viewport: { width, height: 900 }, colorScheme })
    const complaints: Array<string> = []
    const requests: Array<string> = []
    page.on("console", (message) => complaints.push(message.text()))
    page.on("pageerror", (error) => complaints.push(error.message))
    page.on("request", (request) => requests.push(request.url()))
    return { page, complaints, requests }
  })
