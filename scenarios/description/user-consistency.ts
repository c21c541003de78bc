/** What must hold of a scenario's users, of what they hold, and of the parties' identities. */
import { sourceColumns } from "../../protocol/data/description.ts"
import { didYouMean } from "../../protocol/data/near-names.ts"
import { columnsNamed } from "./columns.ts"
import { type Inconsistency, repeated } from "./inconsistency.ts"
import type { Scenario } from "./schema.ts"

export const userProblems = ({ data, users, heldOut }: Scenario): ReadonlyArray<Inconsistency> => {
  const problems: Array<Inconsistency> = []
  const named = columnsNamed(data)
  const known = new Set(sourceColumns(data))
  for (const index of repeated(users.map((user) => user.name))) {
    problems.push({
      path: ["users", index, "name"],
      message: `"${users[index]?.name}" is the name of another user too; give each user a name of its own`
    })
  }
  for (const [index, { name }] of users.entries()) {
    if (!/^(kgc|cloud[01]|director|user\d+|asker\d+)$/.test(name) || name === `user${index + 1}`) continue
    problems.push({
      path: ["users", index, "name"],
      message: `"${name}" is what another party is called; give the user a name of its own, or user${index + 1}`
    })
  }
  users.forEach((user, userIndex) => {
    user.holds.forEach((holding, holdingIndex) => {
      const path = ["users", userIndex, "holds", holdingIndex]
      holding.columns?.forEach((column, index) => {
        const names = named(column)
        if (names.length > 0 && !names.includes(data.id)) return
        problems.push({
          path: [...path, "columns", index],
          message: `"${column}" is neither a feature nor the label of data; correct the name or add it there${didYouMean(column, [...known])}`
        })
      })
      for (const field of ["columns", "header"] as const) {
        const seen = new Set<string>()
        holding[field]?.forEach((entry, index) => {
          const stands = named(entry)
          const names = stands.length === 0 ? [entry] : stands
          const twice = names.find((name) => seen.has(name))
          if (twice !== undefined) {
            problems.push({
              path: [...path, field, index],
              message: `"${twice}" is listed twice; list it once`
            })
          }
          for (const name of names) seen.add(name)
        })
      }
      if (holding.dialect?.header === false && holding.header === undefined) {
        problems.push({
          path: [...path, "dialect", "header"],
          message: "says that the file has no names; list the names of its columns as header of the holding"
        })
      }
      if (holding.heldOut !== undefined && heldOut !== "marked") {
        problems.push({
          path: [...path, "heldOut"],
          message: "marks rows, which heldOut of the scenario does not ask for; say heldOut: marked there"
        })
      }
      if (holding.part !== undefined && holding.part.from > holding.part.to) {
        problems.push({
          path: [...path, "part"],
          message: "ends before it begins; give the first row as from"
        })
      }
      const rows = holding.rows ?? []
      for (const index of repeated(rows)) {
        problems.push({
          path: [...path, "rows", index],
          message: `"${rows[index]}" is listed twice; list it once`
        })
      }
    })
  })
  if (heldOut === "marked" && !users.some(({ holds }) => holds.some((holding) => holding.heldOut))) {
    problems.push({
      path: ["heldOut"],
      message: "asks for marked rows, but no file is marked; say heldOut: true in a file that is held"
    })
  }
  return problems
}

/** An identity is one party's: two that share one could speak in each other's name. */
export const identityProblems = ({ parties = {}, users }: Scenario): ReadonlyArray<Inconsistency> => {
  const listed = [
    ...Object.entries(parties).map(([name, text]) => ({ path: ["parties", name], name, text })),
    ...users.map(({ name, identity: text }, i) => ({ path: ["users", i, "identity"], name, text }))
  ]
  // Two texts that share either of their keys are of one party.
  const alike = (one: string, other: string) =>
    one.split(".").some((key, part) => key === other.split(".")[part])
  return listed.flatMap(({ path, text }, index) => {
    const before =
      text === undefined
        ? undefined
        : listed.slice(0, index).find((each) => each.text !== undefined && alike(each.text, text))
    return before === undefined
      ? []
      : [{ path, message: `is the identity of ${before.name} too; have each party make one of its own` }]
  })
}
