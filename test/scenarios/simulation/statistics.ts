/** Simulated runs with joint statistics, and the death of a user at one of the messages by which they are found. */
import { byStatistics, gapped } from "../../support/gaps.ts"
import { splits } from "../../support/small-scenario.ts"
import { type Death, undisturbedOf } from "./private-join.ts"

export const undisturbed = undisturbedOf(gapped(splits.rows), { data: byStatistics.data })

/** Each user sends two secrets, and two vectors in either pass, and replies to as many. */
export const deaths: ReadonlyArray<Death> = ["user1", "user2", "user3"].flatMap((party) => [
  ...[1, 2, 3, 4].map((nth) => ({ party, tag: "MaskSecret", nth })),
  ...[1, 2, 3, 4, 5, 6, 7, 8].map((nth) => ({ party, tag: "MaskedSums", nth }))
])
