import { describe, expect, it } from "vitest"
import { KnownMembers } from "../../../runtime/messaging/group.ts"

/** The members that so many requests go to, each of which stays under way. */
const asked = (known: KnownMembers, requests: number, underWay: Map<string, number>) =>
  Array.from({ length: requests }, () => {
    const member = known.next((each) => underWay.get(each) ?? 0)
    if (member !== undefined) underWay.set(member, (underWay.get(member) ?? 0) + 1)
    return member
  })

describe("the known members of a group", () => {
  it("are none at first: the group is asked", () => {
    const known = new KnownMembers({ rememberedMembers: 8, groupAskedEvery: 3 })
    expect(asked(known, 4, new Map())).toEqual([undefined, undefined, undefined, undefined])
    expect(known.any()).toBe(false)
    known.heard("a")
    expect(known.any()).toBe(true)
  })

  it("are asked the least busy first, of equals the one asked longest ago, and every so often the group", () => {
    const known = new KnownMembers({ rememberedMembers: 8, groupAskedEvery: 5 })
    for (const member of ["a", "b", "c"]) known.heard(member)
    const underWay = new Map([["b", 2]])
    expect(asked(known, 10, underWay)).toEqual([
      undefined,
      ...["a", "c", "a", "c"],
      undefined,
      ...["b", "a", "c", "b"]
    ])
    const idle = () => 0
    expect(Array.from({ length: 5 }, () => known.next(idle))).toEqual([undefined, "a", "c", "b", "a"])
  })

  it("are not asked once they are forgotten, until they are heard again", () => {
    const known = new KnownMembers({ rememberedMembers: 8, groupAskedEvery: 100 })
    known.next(() => 0)
    for (const member of ["a", "b"]) known.heard(member)
    known.forget("a")
    expect(asked(known, 3, new Map())).toEqual(["b", "b", "b"])
    known.heard("a")
    expect(asked(known, 1, new Map([["b", 3]]))).toEqual(["a"])
    known.forget("a")
    known.forget("b")
    expect(asked(known, 1, new Map())).toEqual([undefined])
  })

  it("are so many at most, and one that is forgotten makes room", () => {
    const known = new KnownMembers({ rememberedMembers: 2, groupAskedEvery: 100 })
    known.next(() => 0)
    for (const member of ["a", "b", "c"]) known.heard(member)
    expect(asked(known, 4, new Map())).toEqual(["a", "b", "a", "b"])
    known.forget("a")
    known.heard("c")
    expect(asked(known, 2, new Map([["b", 1]]))).toEqual(["c", "b"])
  })
})
