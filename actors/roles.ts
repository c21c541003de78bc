/** Maps each role to its behaviour: the one place where a role becomes a running party. */
import { Effect } from "effect"
import type { EncodedTable } from "../protocol/data/encoding.ts"
import type { SigningKeyPair } from "../protocol/sharing/roster.ts"
import { cloud0 } from "./clouds/cloud0.ts"
import { cloud1 } from "./clouds/cloud1.ts"
import { kgc } from "./kgc/kgc.ts"
import type { Agreement } from "./party/agreement.ts"
import { user } from "./users/user.ts"

/** What each role is started with, in addition to the agreement. */
export type Role =
  | { readonly role: "kgc"; readonly signing: SigningKeyPair }
  | { readonly role: "cloud0" | "cloud1"; readonly kgcKey: Uint8Array }
  | { readonly role: "user"; readonly kgcKey: Uint8Array; readonly tables: ReadonlyArray<EncodedTable> }

/** Serves in a role until the director releases the party. */
export const serve = (agreement: Agreement, role: Role) =>
  Effect.scoped(
    Effect.gen(function* () {
      switch (role.role) {
        case "kgc":
          return yield* kgc({ agreement, signing: role.signing })
        case "cloud0":
          return yield* cloud0({ agreement, kgcKey: role.kgcKey })
        case "cloud1":
          return yield* cloud1({ agreement, kgcKey: role.kgcKey })
        case "user":
          return yield* user({ agreement, kgcKey: role.kgcKey, tables: role.tables })
      }
    })
  )
