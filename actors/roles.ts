/** Maps each role to its behaviour: the one place where a role becomes a running party. */
import { Effect } from "effect"
import type { EncodedTable } from "../protocol/data/encoding.ts"
import { cloud0 } from "./clouds/cloud0.ts"
import { cloud1 } from "./clouds/cloud1.ts"
import { kgc } from "./kgc/kgc.ts"
import type { Agreement } from "./party/agreement.ts"
import { user } from "./users/user.ts"

/** What each role is started with, in addition to the agreement. */
export type Role =
  | { readonly role: "kgc" | "cloud0" | "cloud1" }
  | { readonly role: "user"; readonly tables: ReadonlyArray<EncodedTable> }

/** The role of an actor of a run, whose users hold `tables`, in the order of the agreement. */
export const roleOf = (
  { users }: Agreement,
  tables: ReadonlyArray<ReadonlyArray<EncodedTable>>,
  actor: string
): Role =>
  actor === "kgc" || actor === "cloud0" || actor === "cloud1"
    ? { role: actor }
    : { role: "user", tables: tables[users.findIndex((user) => user.actor === actor)]! }

/** Serves in a role until the director releases the party. */
export const serve = (agreement: Agreement, role: Role) =>
  Effect.scoped(
    Effect.gen(function* () {
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
