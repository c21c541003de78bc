/** The role of a party's process: which actor it is, and what it needs for that before it connects. */
import { Data, Effect } from "effect"
import { type Agreement, reopens } from "../../actors/party/agreement.ts"
import type { Role } from "../../actors/roles.ts"
import { type LoadedScenario, readUserTables } from "../description/load.ts"

/** The scenario has no such party. */
export class UnknownRole extends Data.TaggedError("UnknownRole")<{
  readonly role: string
  readonly known: ReadonlyArray<string>
}> {
  readonly retryable = false
  override get message(): string {
    return `"${this.role}" is no party of this scenario; choose one of ${this.known.join(", ")}`
  }
}

const fixedRoles: ReadonlyArray<string> = ["kgc", "cloud0", "cloud1", "director"]

/** The wire name of a role given by that name or by a user's name in the scenario. */
export const actorNamed = (agreement: Agreement, role: string): Effect.Effect<string, UnknownRole> => {
  const user = agreement.users.find(({ actor, name }) => role === actor || role === name)
  if (user !== undefined) return Effect.succeed(user.actor)
  return fixedRoles.includes(role)
    ? Effect.succeed(role)
    : new UnknownRole({
        role,
        known: [...fixedRoles, ...agreement.users.map(({ name }) => name)]
      })
}

/** What a party serves as, with its own files if it is a user. Undefined for the director. */
export const servingRole = (actor: string, loaded: LoadedScenario, agreement: Agreement) =>
  Effect.gen(function* () {
    if (actor === "director") return undefined
    if (actor === "kgc" || actor === "cloud0" || actor === "cloud1") {
      const role: Role = { role: actor }
      return role
    }
    // For an archive that is opened again nothing is read of its files.
    const tables = reopens(agreement)
      ? []
      : yield* readUserTables(loaded, Number(actor.slice("user".length)) - 1)
    const role: Role = { role: "user", tables }
    return role
  })
