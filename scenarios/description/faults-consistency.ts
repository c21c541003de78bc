/** Parties that a plan of faults names, against those that the scenario has. Pure. */

import { didYouMean } from "../../protocol/data/near-names.ts"
import type { Faults } from "./faults.ts"
import type { Inconsistency } from "./inconsistency.ts"

/** Every name in a plan that is no party of a run with these users; paths are within the plan. */
export const strangers = (
  { links, events }: Faults,
  users: ReadonlyArray<{ readonly name: string }>
): ReadonlyArray<Inconsistency> => {
  const known = [
    "director",
    "kgc",
    "cloud0",
    "cloud1",
    ...users.flatMap(({ name }, i) => [`user${i + 1}`, name])
  ]
  const problems: Array<Inconsistency> = []
  const check = (name: string | undefined, ...path: ReadonlyArray<PropertyKey>) => {
    if (name === undefined || name === "*" || known.includes(name)) return
    const message = `"${name}" is no party of this scenario; choose one of ${known.join(", ")}${didYouMean(name, known)}`
    problems.push({ path, message })
  }
  links.forEach(({ from, to }, i) => {
    check(from, "links", i, "from")
    check(to, "links", i, "to")
  })
  events.forEach(({ party, groups }, i) => {
    check(party, "events", i, "party")
    groups?.forEach((group, k) => {
      group.forEach((name, m) => {
        check(name, "events", i, "groups", k, m)
      })
    })
  })
  return problems
}
