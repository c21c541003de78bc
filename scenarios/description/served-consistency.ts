/** What can't be of a model that nobody opens, and of one of which the clouds have no shares to serve. */
import type { Inconsistency } from "./inconsistency.ts"
import type { Scenario } from "./schema.ts"

export const servedProblems = ({
  expect,
  model,
  reveal,
  training
}: Scenario): ReadonlyArray<Inconsistency> => {
  const problems: Array<Inconsistency> = []
  const tests = reveal.findIndex((each) => each === "accuracy" || each === "metrics")
  if (model === "served" && tests >= 0)
    problems.push({
      path: ["reveal", tests],
      message: `${reveal[tests]} can't be found of a model that nobody opens; take it out, or set model to both`
    })
  if (model === "served" && expect !== undefined && Object.keys(expect).length > 0)
    problems.push({
      path: ["expect"],
      message: "can't be judged of a model that nobody opens; take it out, or set model to both"
    })
  if (model !== "opened" && training.on === "ciphertexts")
    problems.push({
      path: ["model"],
      message: `can't be ${model} where training.on is ciphertexts: the clouds have no shares of the model; train on shares`
    })
  return problems
}
