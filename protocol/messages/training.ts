/**
 * Phase 4, training: C1 asks the dealer for the corrections of a step. Everything else between the clouds is rounds of
 * bare bytes. The request says all the dealer needs, so that it keeps no state.
 */
import { Schema } from "../schema.ts"
import { ask, Bytes, Count } from "./message.ts"

export const Deal = ask(
  "Deal",
  Schema.Struct({ rows: Count, step: Count }),
  Schema.Struct({ corrections: Bytes })
)
