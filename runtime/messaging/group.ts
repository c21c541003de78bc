/**
 * What an asker knows of a group of a house, such as those who deal. The broker hands what is asked of a group to members at random, so that of two
 * with some requests each one is often out of work. An asker therefore asks whom it has an answer from by name, the least
 * busy first: a slow one gets less, and where nobody dies nobody waits. Every so-many-th request goes to the group, which is how new members are found.
 */
import type { Limits } from "./limits.ts"

export class KnownMembers {
  /** Who was asked longest ago is first. */
  readonly #members = new Set<string>()
  readonly #limits: Pick<Limits, "rememberedMembers" | "groupAskedEvery">
  #requests = 0

  constructor(limits: Pick<Limits, "rememberedMembers" | "groupAskedEvery">) {
    this.#limits = limits
  }

  /** Whether there is anybody in the group, as far as is known. */
  any(): boolean {
    return this.#members.size > 0
  }

  /** It has answered, or said that it is at work. */
  heard(member: string): void {
    if (this.#members.size < this.#limits.rememberedMembers) this.#members.add(member)
  }

  /** It has failed, or fallen silent; once it is heard again it is known again. */
  forget(member: string): void {
    this.#members.delete(member)
  }

  /**
   * Whom to ask next: of those with the fewest requests `underWay` the one asked longest ago. Nothing where the group itself is to be asked, because
   * nobody is known or new members are to be found.
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
