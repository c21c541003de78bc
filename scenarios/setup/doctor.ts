/**
 * Examines a party's site before a run: everything that can be wrong, each by itself, so that whoever sets it up mends all of
 * it at once. A thing that can't be looked at before another is mended is said to be unknown, never to be in order.
 */
import { Effect, Either } from "effect"
import { brokerFindings } from "./broker.ts"
import { connectedFindings } from "./connected.ts"
import { type Check, type Finding, inOrder, needs } from "./finding.ts"
import { localFindings } from "./local.ts"
import type { Site } from "./site.ts"

/** What keeps a party from being let in, or from asking to be. */
const beforeLogin: ReadonlyArray<Check> = [
  "address",
  "name",
  "port",
  "broker",
  "payload",
  "authority",
  "certificate name",
  "certificate dates",
  "identity"
]
const afterLogin: ReadonlyArray<Check> = ["credentials", "permissions", "link", "others"]

/** All findings of a site. `waitMs` is how long the other parties may take to answer. */
export const examine = (site: Site, waitMs: number) =>
  Effect.gen(function* () {
    const before = [...(yield* localFindings(site)), ...(yield* brokerFindings(site))]
    const inTheWay = before.filter(({ check, status }) => status === "fault" && beforeLogin.includes(check))
    const { access, identity } = site
    if (inTheWay.length > 0 || Either.isLeft(identity) || Either.isLeft(access)) {
      const first = inTheWay.map(({ check }) => check).join(", ")
      return inOrder([...before, ...afterLogin.map((check) => needs(check, `${first} to be right`))])
    }
    const after = yield* Effect.scoped(connectedFindings(site, identity.right, access.right, waitMs))
    return inOrder(withoutRepeated(before, after))
  })

/** A later look at the same thing replaces an earlier one, unless that found a fault already. */
const withoutRepeated = (before: ReadonlyArray<Finding>, after: ReadonlyArray<Finding>) => {
  const again = new Set(after.map(({ check }) => check))
  const kept = before.filter(({ check, status }) => status === "fault" || !again.has(check))
  const faulty = new Set(kept.map(({ check }) => check))
  return [...kept, ...after.filter(({ check }) => !faulty.has(check))]
}
