/** What the tests and the sweep of the scenario corpus ask of each of its cases. */
import { Either } from "effect"
import { expect } from "vitest"
import { draws } from "../../../runtime/transport/faulty.ts"
import { parseScenario } from "../../../scenarios/description/load.ts"
import { base, type ScenarioCase } from "./corpus.ts"

/** Words of the libraries, and of JavaScript, which mean nothing to the author of a scenario. */
const foreign = /Expected|Encoded|actual |Struct|undefined|\[object|YAMLMap|stringKeys|Symbol|NaN/

/** Accepted with what it says, or refused with exactly the problems that it has. */
export const checkCase = ({ text, problems, says, value }: ScenarioCase): void => {
  const read = parseScenario(text, "x.yaml")
  if (Either.isRight(read)) {
    expect(problems).toEqual([])
    expect(says?.(read.right.scenario)).toEqual(value)
    return
  }
  const told = read.left.message.split("\n")
  const expected = problems.map((problem) => `x.yaml:${problem}`)
  expect(told.map((line, i) => line.slice(0, expected[i]?.length))).toEqual(expected)
  expect(read.left.message).not.toMatch(foreign)
}

const letters = [..."019aZ.:#'\"\\{}[]&*!|>%@`~-_ \n\té̂ß日😀"]

/** Columns of drawn names are read in the order of the file, each as it is written. */
export const checkDrawnColumns = (seed: number): void => {
  const draw = draws(seed, 0x17)
  const names = Array.from({ length: 12 }, () =>
    Array.from(
      { length: 1 + Math.floor(5 * draw()) },
      () => letters[Math.floor(draw() * letters.length)]!
    ).join("")
  ).filter((name) => name.trim() === name)
  const distinct = [...new Map(names.map((name) => [name.normalize("NFC"), name])).values()]
  const width = "    width: [-1, 1]\n"
  const lines = distinct.map((name) => `    ${JSON.stringify(name)}: [0, 1]\n`).join("")
  const read = Either.getOrThrow(
    parseScenario(
      base.replace(width, () => width + lines),
      `seed ${seed}`
    )
  )
  expect(
    read.scenario.data.features.map(({ name }) => name),
    `seed ${seed}`
  ).toEqual(["length", "width", ...distinct])
}
