/**
 * In phase 2, between the join of the rows and the upload: joint statistics of columns, which the users find out among
 * themselves (`protocol/statistics/`). Only in runs that need some.
 */
import { Schema } from "../schema.ts"
import { secretBytes } from "../statistics/masks.ts"
import { ask, Bytes, BytesOf } from "./message.ts"

/** The sender's part of the key of the masks that it has with the receiver. */
export const MaskSecret = ask(
  "MaskSecret",
  Schema.Struct({ secret: BytesOf(secretBytes) }),
  Schema.Struct({})
)

/**
 * The sender's sums of a pass, under the masks that it has with all others: first counts and sums, then sums of
 * squared differences from the joint means. All others are sent the same.
 */
export const MaskedSums = ask(
  "MaskedSums",
  Schema.Struct({ pass: Schema.Literal(1, 2), sums: Bytes }),
  Schema.Struct({})
)
