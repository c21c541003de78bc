/** Shows an address in the user's browser, as far as there is one. */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { html } from "../report/page/html.ts"

const openers: Partial<Record<NodeJS.Platform, string>> = { linux: "xdg-open", darwin: "open" }

/**
 * Has the desktop open the address, until the scope ends. It is given a file that only this user can read, which leads there: the command line
 * of a process can be read by all users of the machine, and the address holds the token. Where there is no desktop, nothing happens.
 */
export const openInBrowser = (url: string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const opener = openers[process.platform]
    if (opener === undefined) return
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "bicameral-view-"))),
      (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
    )
    const file = join(folder, "open.html")
    const page = html`<meta charset="utf-8"><meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0; url=${url}"><title>bicameral</title><a href="${url}">the run</a>`
    writeFileSync(file, `<!doctype html>${page.text}\n`, { mode: 0o600 })
    const child = spawn(opener, [file], { stdio: "ignore", detached: true })
    child.once("error", () => {})
    child.unref()
  })
