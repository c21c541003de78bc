/** Maps each role to its behaviour: the one place where a role becomes a running party. */
import { Effect } from "effect"
import type { HeldTable } from "../protocol/data/encoding.ts"
import { cloud0, remainsAtCloud0 } from "./clouds/cloud0.ts"
import { cloud1, remainsAtCloud1 } from "./clouds/cloud1.ts"
import { kgc } from "./kgc/kgc.ts"
import type { Agreement } from "./party/agreement.ts"
import { hasEnded, nothing, type Remains } from "./party/erasure.ts"
import { serveEnded } from "./party/lifecycle.ts"
import { remainsAtUser } from "./users/archived.ts"
import { user } from "./users/user.ts"

/** What each role is started with, in addition to the agreement. */
export type Role =
  | { readonly role: "kgc" | "cloud0" | "cloud1" }
  | { readonly role: "user"; readonly tables: ReadonlyArray<HeldTable> }

/** The role of an actor of a run, whose users hold `tables`, in the order of the agreement. */
export const roleOf = (
  { users }: Agreement,
  tables: ReadonlyArray<ReadonlyArray<HeldTable>>,
  actor: string
): Role =>
  actor === "kgc" || actor === "cloud0" || actor === "cloud1"
    ? { role: actor }
    : { role: "user", tables: tables[users.findIndex((user) => user.actor === actor)]! }

/** What stays with a role after the run. */
const remainsOf = (agreement: Agreement, { role }: Role): Effect.Effect<Remains> => {
  switch (role) {
    case "kgc":
      return Effect.succeed(nothing)
    case "cloud0":
      return remainsAtCloud0(agreement)
    case "cloud1":
      return remainsAtCloud1(agreement)
    case "user":
      return Effect.succeed(remainsAtUser(agreement))
  }
}

/** Serves in a role until the director releases the party. */
export const serve = (agreement: Agreement, role: Role) =>
  Effect.scoped(
    Effect.gen(function* () {
      if (yield* hasEnded) return yield* serveEnded(agreement, yield* remainsOf(agreement, role))
      switch (role.role) {
        case "kgc":
          return yield* kgc(agreement)
        case "cloud0":
          return yield* cloud0(agreement)
        case "cloud1":
          return yield* cloud1(agreement)
        case "user":
          return yield* user({ agreement, tables: role.tables })
      }
    })
  )
