/** Makes `report.html` from what a run has left in its out folder. What draws it is loaded only here. */
import { Effect } from "effect"
import { reportOf, writeReport } from "../folders/out-folder.ts"
import { gathered } from "./gather.ts"

/** The text of the report. */
export const reportText = (folder: string) =>
  Effect.gen(function* () {
    const input = yield* gathered(folder)
    const { reportPage } = yield* Effect.promise(() => import("../report/page/page.ts"))
    return reportPage(input)
  })

/** Makes the report in the folder again. Returns its path. */
export const keepReport = (folder: string) =>
  Effect.flatMap(reportText(folder), (text) => Effect.as(writeReport(folder, text), reportOf(folder)))
