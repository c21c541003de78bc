/** Tries files of the corpus, and tells what went wrong with the command that tries each again. */
import { again } from "../../../support/sweep.ts"
import { type DataCase, judged } from "./outcome.ts"

/** What went wrong; empty where every file became what it must. */
export const tried = async (cases: Iterable<DataCase>): Promise<string> => {
  const wrong: Array<string> = []
  for (const data of cases) {
    const differences = await judged(data)
    if (differences.length === 0) continue
    const command = again("npm run test:sweep", data.name.replace(/(composed \d+:).*/, "$1"))
    wrong.push(`${data.name}\n${differences.join("\n")}\n  ${command}`)
  }
  return wrong.join("\n\n")
}
