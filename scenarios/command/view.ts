/** `bicameral view`, `bicameral report` and `run --view`: a run as a page. */
import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { Console, Effect, Option } from "effect"
import { markEntry } from "../folders/run-mark.ts"
import { type Answer, answer, isForPrograms } from "../text/answer.ts"
import { FollowedRun } from "../view/follow.ts"
import { NothingToShow } from "../view/gather.ts"
import { openInBrowser } from "../view/open.ts"
import { keepReport, reportText } from "../view/report-file.ts"
import { serveView, type ViewServer } from "../view/server.ts"
import type { ViewRequest } from "./commands.ts"

/** `bicameral report`: makes the report again. Returns where it is. */
export const makeReport = (folder: string) =>
  Effect.map(keepReport(folder), (file): Answer => ({ text: `report       ${file}`, value: { file } }))

/** `bicameral view`: serves the page until it is interrupted. */
export const viewRun = ({ folder, port }: ViewRequest) =>
  Effect.scoped(
    Effect.gen(function* () {
      const shown = Option.isSome(folder) ? folder.value : yield* latestRun("out")
      const followed = new FollowedRun({ folder: shown, since: 0 })
      const isOver = yield* hasOnlyResult(shown, followed)
      const { url } = yield* serveView({
        followed,
        isOver,
        report: reportText(shown),
        port: Option.getOrElse(port, () => 0)
      })
      yield* Console.log(`the run in ${shown} is shown at\n\n  ${url}\n\nCtrl-C ends it`)
      if (yield* isForPrograms) yield* answer({ text: "", value: { folder: shown, url } })
      if (process.stdout.isTTY) yield* openInBrowser(url)
      return yield* Effect.never
    })
  )

/** Whether there is a result and no journal: a run by an earlier version kept none. Fails where there is neither. */
const hasOnlyResult = (folder: string, followed: FollowedRun) =>
  Effect.suspend(() => {
    followed.read()
    return followed.shown().status === "waiting" ? Effect.as(reportText(folder), true) : Effect.succeed(false)
  })

/** The folder in `out` in which a run began last. */
const latestRun = (within: string): Effect.Effect<string, NothingToShow> =>
  Effect.gen(function* () {
    const begun = yield* Effect.promise(async () => {
      const names = await readdir(within).catch(() => [])
      const found = await Promise.all(
        names.map(async (name) => {
          const folder = join(within, name)
          const mark = await stat(join(folder, markEntry)).catch(() => undefined)
          return mark === undefined ? [] : [{ folder, at: mark.mtimeMs }]
        })
      )
      return found.flat().toSorted((a, b) => b.at - a.at)
    })
    const [latest] = begun
    return latest === undefined
      ? yield* new NothingToShow({
          folder: within,
          reason: "no run has begun there; give the out folder of one"
        })
      : latest.folder
  })

/** How long pages may take to fetch the report of a run that has ended, before their server ends too. */
const lastLookMs = 5_000
const lookAgainMs = 50

/** Shows a run that is about to begin in `folder`, and lets pages that are open have its report before it ends. */
export const viewed = <A, E, R>(folder: string, work: Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const followed = new FollowedRun({ folder, since: Date.now() })
      const server = yield* serveView({ followed, isOver: false, report: reportText(folder), port: 0 })
      yield* Console.log(`watch        ${server.url}\n`)
      if (process.stdout.isTTY) yield* openInBrowser(server.url)
      return yield* Effect.onExit(work, () => lastLook(followed, server))
    })
  )

const lastLook = (followed: FollowedRun, { awaiting }: ViewServer) =>
  Effect.suspend(() => {
    followed.look()
    const someAwait = () => awaiting() > 0
    return Effect.sleep(lookAgainMs).pipe(
      Effect.repeat({ while: someAwait }),
      Effect.when(someAwait),
      Effect.timeoutOption(lastLookMs)
    )
  })
