// A process for the tests of supervision; what it does is its first argument.

import { appendFileSync, readFileSync } from "node:fs"
import { getPriority } from "node:os"
import { Effect } from "effect"
import { giveWay, parentGone, sayReady } from "../../dist/runtime/processes/process.js"
import { holdFolder } from "../../dist/runtime/storage/folder-lock.js"

const [what, file, patienceMs] = process.argv.slice(2)
console.error("a line", "before it was ready")
console.log("something else on the standard output")

if (what === "hold") {
  const hold = Effect.zipRight(
    holdFolder(file, Number(patienceMs)),
    Effect.zipRight(sayReady({}), parentGone)
  )
  await Effect.runPromise(Effect.scoped(hold))
  process.exit(0)
}
if (what === "give-way") {
  await Effect.runPromise(giveWay)
  await Effect.runPromise(sayReady(getPriority()))
  process.exit(0)
}
if (what === "fail-early") process.exit(4)
if (what === "never-ready") setInterval(() => {}, 1000)
if (what === "stubborn") process.on("SIGTERM", () => {})
if (what !== "never-ready")
  await Effect.runPromise(
    sayReady({ secret: process.env.A_SECRET?.length, other: process.env.OTHERS_PASSWORD })
  )
if (what === "fail-later") {
  console.error("the last thing it said")
  process.exitCode = 7
}
// Its first two lives end with a status, the third well; each leaves a letter in the file.
if (what.startsWith("two-lives-")) {
  appendFileSync(file, "x")
  process.exitCode = readFileSync(file).length <= 2 ? Number(what.slice("two-lives-".length)) : 0
}
if (what === "wait" || what === "stubborn") await Effect.runPromise(parentGone)
