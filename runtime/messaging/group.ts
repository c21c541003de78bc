/**
 * What an asker knows of a group, such as the processes that deal. The broker hands requests to a group out
 * at random, so of two members with some requests each, one is often out of work. An asker therefore asks
 * members that have answered it by name, the least busy first: a slow member gets less, and nobody waits
 * unless a member dies. Every n-th request goes to the group, which is how new members are found.
 */
import type { Limits } from "./limits.ts"

export class KnownMembers {
  /** In the order in which they were last asked. */
  readonly #members = new Set<string>()
  readonly #limits: Pick<Limits, "rememberedMembers" | "groupAskedEvery">
  #requests = 0

  constructor(limits: Pick<Limits, "rememberedMembers" | "groupAskedEvery">) {
    this.#limits = limits
  }

  /** Whether any member is known. */
  any(): boolean {
    return this.#members.size > 0
  }

  /** It has answered, or said that it is at work. */
  heard(member: string): void {
    if (this.#members.size < this.#limits.rememberedMembers) this.#members.add(member)
  }

  /** It has failed or fallen silent. It is known again once it answers. */
  forget(member: string): void {
    this.#members.delete(member)
  }

  /**
   * The member to ask next: among those with the fewest requests `underWay`, the one asked longest ago. None
   * if the group is to be asked, because no member is known or new ones are to be found.
   */
  next(underWay: (member: string) => number): string | undefined {
    if (this.#requests++ % this.#limits.groupAskedEvery === 0) return undefined
    let [least, fewest]: [string | undefined, number] = [undefined, Number.POSITIVE_INFINITY]
    for (const member of this.#members) {
      const requests = underWay(member)
      if (requests < fewest) [least, fewest] = [member, requests]
    }
    if (least === undefined) return undefined
    this.#members.delete(least)
    this.#members.add(least)
    return least
  }
}
