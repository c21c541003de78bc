/** The coalitions of a run, and what each of them may know by the claims. */
import {
  type CoalitionKind,
  type Condition,
  coalitionKinds,
  consequences,
  mayKnow,
  type PartyKind,
  type Permission
} from "./claims.ts"
import { type Facts, pairOf, testerOf } from "./facts.ts"
import type { Recording } from "./recording.ts"

/** The broker is no party; here it stands among them, as it sees the frames. */
export const brokerName = "broker"

export interface Coalition {
  readonly kind: CoalitionKind
  readonly name: string
  /** Parties, and the broker. */
  readonly members: ReadonlyArray<string>
}

/** All coalitions of a run, the smaller before the larger. */
export const coalitionsOf = ({ agreement }: Pick<Recording, "agreement">): ReadonlyArray<Coalition> => {
  const users = agreement.users.map(({ actor }) => actor)
  return coalitionKinds.flatMap((kind): ReadonlyArray<Coalition> => {
    switch (kind) {
      case "kgc with the broker":
        return [{ kind, name: kind, members: ["kgc", brokerName] }]
      case "kgc with cloud0":
        // A KGC that deals opens with either cloud what the clouds open in the training.
        return agreement.security.dealing === "clouds"
          ? [{ kind, name: kind, members: ["kgc", "cloud0"] }]
          : []
      case "cloud0 with a user":
      case "cloud1 with a user": {
        const cloud = kind.slice(0, kind.indexOf(" "))
        return users.map((user) => ({ kind, name: `${cloud} with ${user}`, members: [cloud, user] }))
      }
      case "user":
        return users.map((user) => ({ kind, name: user, members: [user] }))
      case "all users but one":
        // Of two users each is all but one.
        return users.length < 3
          ? []
          : users.map((user) => ({
              kind,
              name: `all users but ${user}`,
              members: users.filter((each) => each !== user)
            }))
      default:
        return [{ kind, name: kind, members: [kind] }]
    }
  })
}

const kindOf = (member: string): PartyKind => (member.startsWith("user") ? "user" : (member as PartyKind))

/** The numbers of the facts that a coalition may know. */
export const permitted = (
  recording: Recording,
  facts: Facts,
  { members }: Coalition
): ReadonlySet<number> => {
  const may = new Set<number>()
  for (const member of members)
    for (const permission of mayKnow[kindOf(member)])
      if (holds(recording, member, permission.where))
        for (const fact of factsIn(recording, facts, member, permission)) may.add(fact)
  follow(
    recording,
    facts,
    (number) => may.has(number),
    (number) => may.add(number)
  )
  return may
}

const holds = (recording: Recording, member: string, condition: Condition | undefined): boolean => {
  const { security, reveal } = recording.agreement
  switch (condition) {
    case undefined:
      return true
    case "hybrid upload":
      return security.upload === "hybrid"
    case "hybrid output":
      return security.output === "hybrid"
    case "salted join":
      return [...recording.held.values()].every(({ secrets }) => !secrets.has("join"))
    case "dealing by the KGC":
      return security.dealing !== "clouds"
    case "tests on pooled rows":
      return reveal.heldOutRows && testerOf(recording) === member
  }
}

const factsIn = (
  { agreement }: Recording,
  facts: Facts,
  member: string,
  { kinds, of }: Permission
): ReadonlyArray<number> => {
  const users = agreement.users.map(({ actor }) => actor)
  const owners = {
    itself: [member],
    users,
    pairs: users.filter((user) => user !== member).map((user) => pairOf(member, user)),
    run: [""]
  }[of]
  return kinds.flatMap((kind) => owners.map((owner) => facts.number(kind, owner)))
}

/** Takes what follows from what is known, until nothing does. Each call of `take` gets what it follows from. */
export const follow = (
  { agreement }: Pick<Recording, "agreement">,
  facts: Facts,
  isKnown: (number: number) => boolean,
  take: (number: number, from: ReadonlyArray<number>) => void
): void => {
  const users = agreement.users.map(({ actor }) => actor)
  const shared = ["salt", "statistics"]
  for (let more = true; more; ) {
    more = false
    for (const { of, from, follows } of consequences)
      for (const owner of of === "run" ? [""] : users) {
        const owners = of === "last user" ? users.filter((user) => user !== owner) : [owner]
        const premises = from.flatMap((kind) =>
          (shared.includes(kind) ? [""] : owners).map((each) => facts.number(kind, each))
        )
        const conclusion = facts.number(follows, owner)
        if (isKnown(conclusion) || !premises.every(isKnown)) continue
        take(conclusion, premises)
        more = true
      }
  }
}
