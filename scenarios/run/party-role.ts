/** The role of a party's process: which actor it is, and what it needs for that before it connects. */
import { Data, Effect, Option } from "effect"
import type { Agreement } from "../../actors/party/agreement.ts"
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

/** The verification key of the KGC is missing or malformed. */
export class KgcKeyNeeded extends Data.TaggedError("KgcKeyNeeded")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.reason}; give --kgc-key the key that the KGC prints when it starts`
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

const readKgcKey = (text: Option.Option<string>): Effect.Effect<Uint8Array, KgcKeyNeeded> => {
  if (Option.isNone(text))
    return new KgcKeyNeeded({ reason: "a party has to know the KGC's verification key" })
  // What is no base64 would be left out by the decoder, and the rest be taken for another key.
  return /^[A-Za-z0-9+/]{43}=?$/.test(text.value)
    ? Effect.succeed(new Uint8Array(Buffer.from(text.value, "base64")))
    : new KgcKeyNeeded({ reason: `"${text.value}" is not 32 bytes of base64` })
}

/** Roles of processes that serve from the start with a KGC key that they were given. */
export type ServingRole = Exclude<Role, { readonly role: "kgc" }>

/**
 * What a cloud or a user serves as: its key and, for a user, its own files. Undefined for the KGC and the
 * director.
 */
export const servingRole = (actor: string, loaded: LoadedScenario, kgcKeyText: Option.Option<string>) =>
  Effect.gen(function* () {
    if (actor === "director" || actor === "kgc") return undefined
    const kgcKey = yield* readKgcKey(kgcKeyText)
    if (actor === "cloud0" || actor === "cloud1") {
      const role: ServingRole = { role: actor, kgcKey }
      return role
    }
    const tables = yield* readUserTables(loaded, Number(actor.slice("user".length)) - 1)
    const role: ServingRole = { role: "user", kgcKey, tables }
    return role
  })
