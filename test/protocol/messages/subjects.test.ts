import { describe, expect, it } from "vitest"
import {
  actorNames,
  actorOf,
  actorsWithMembers,
  channels,
  dealers,
  inboxesOf,
  inboxOf,
  isOfRounds,
  mayPublish,
  mayPublishOn,
  maySubscribe,
  memberNamed,
  parseSubject,
  subjectOf
} from "../../../protocol/messages/subjects.ts"
import { matches } from "../../../runtime/transport/memory.ts"

const members = actorsWithMembers.flatMap((actor) => [
  memberNamed(actor, "worker", "1"),
  memberNamed(actor, "lane", "1")
])

describe("subjects", () => {
  it("are read as they are written", () => {
    for (const to of [...actorNames, ...members, dealers])
      for (const channel of channels) {
        const address = { run: "run-7", to, from: "kgc.w-1", channel }
        expect(parseSubject(subjectOf(address))).toEqual(address)
      }
  })

  it("of any other form are not ours", () => {
    for (const subject of [
      "",
      "bicameral",
      "bicameral.r.kgc.main.user1.main",
      "bicameral.r.kgc.user1.ask",
      "bicameral.r.kgc.main.user1.main.ask.more",
      "other.r.kgc.main.user1.main.ask",
      "bicameral.r.kgc.main.mallory.main.ask",
      "bicameral.r.user17.main.kgc.main.ask",
      "bicameral.r.cloud0.main.asker9.main.ask",
      "bicameral.r.kgc.main.user1.main.shout",
      "bicameral.*.kgc.main.user1.main.ask",
      "bicameral..kgc.main.user1.main.ask",
      "bicameral.r.kgc..user1.main.ask",
      "bicameral.r.kgc.x-1.user1.main.ask",
      "bicameral.r.kgc.w-*.user1.main.ask",
      "bicameral.r.kgc.main.user1.w-1.ask",
      "bicameral.r.director.w-1.kgc.main.reply",
      "bicameral.r.cloud0.deal.cloud1.main.ask",
      "bicameral.r.director.main.kgc.deal.reply"
    ])
      expect(parseSubject(subject), subject).toBeUndefined()
  })
})

describe("inboxes", () => {
  it("bring each message to whom it is sent, once, and to nobody else", () => {
    for (const self of [...actorNames, ...members])
      for (const to of [...actorNames, ...members])
        for (const channel of channels) {
          const subject = subjectOf({ run: "r", to, from: "cloud0.l-1", channel })
          const bringing = inboxesOf("r", self).filter((inbox) =>
            matches(inbox.split("."), subject.split("."))
          )
          expect(bringing.length, `${subject} to ${self}`).toBe(self === to ? 1 : 0)
        }
  })

  it("are allowed, and have rounds apart where rounds are exchanged", () => {
    for (const self of [...actorNames, ...members]) {
      const inboxes = inboxesOf("r", self)
      for (const inbox of inboxes) expect(maySubscribe(self, inbox), inbox).toBe(true)
      const exchanges = ["cloud0", "cloud1", "cloud0.l-1", "cloud1.l-1"].includes(self)
      expect(inboxes.filter(isOfRounds).length, self).toBe(exchanges ? 1 : 0)
    }
  })
})

describe("permissions", () => {
  it("everybody reads what is sent to itself and nothing else", () => {
    for (const self of [...actorNames, ...members])
      for (const to of [...actorNames, ...members, dealers])
        expect(maySubscribe(self, inboxOf("r", to))).toBe(actorOf(self) === actorOf(to))
  })

  it("C0 reads nothing that others are sent, by whatever wildcard", () => {
    for (const subject of [
      ">",
      "*.>",
      "bicameral.>",
      "bicameral.r.>",
      "bicameral.*.*.>",
      "bicameral.r.cloud1.>",
      "bicameral.*.cloud1.main.user1.main.ask",
      "bicameral.*.cloud1.l-1.>",
      "bicameral.r.*.*.user1.main.ask",
      "_INBOX.>",
      "_INBOX_cloud1.>"
    ])
      expect(maySubscribe("cloud0", subject), subject).toBe(false)
  })

  it("nobody writes in another's name", () => {
    expect(mayPublishOn("user1", "bicameral.r.kgc.main.user1.main.ask")).toBe(true)
    for (const self of [...actorNames, ...members])
      if (self !== "user1") expect(mayPublishOn(self, "bicameral.r.kgc.main.user1.main.ask")).toBe(false)
  })

  it("C0 asks no user and only answers them", () => {
    expect(mayPublish("cloud0", "user1", "ask")).toBe(false)
    expect(mayPublish("cloud0", "user1", "tell")).toBe(false)
    expect(mayPublish("cloud0", "user1", "reply")).toBe(true)
  })

  it("askers ask both clouds, which answer them, and have no part in anything else", () => {
    for (const to of [...actorNames, ...members, dealers])
      for (const channel of channels)
        expect(mayPublish("asker1", to, channel), to).toBe(
          channel === "ask" && (to === "cloud0" || to === "cloud1")
        )
    for (const cloud of ["cloud0", "cloud1"]) expect(mayPublish(cloud, "asker1", "reply")).toBe(true)
    expect(maySubscribe("asker1", "bicameral.r.asker2.>")).toBe(false)
  })

  it("rounds go between the clouds, and within a group", () => {
    for (const from of [...actorNames, ...members])
      for (const to of [...actorNames, ...members]) {
        const [one, other] = [actorOf(from), actorOf(to)]
        const clouds = `${one} ${other}` === "cloud0 cloud1" || `${one} ${other}` === "cloud1 cloud0"
        expect(mayPublish(from, to, "round")).toBe(
          clouds || (one === other && actorsWithMembers.includes(one))
        )
      }
  })

  it("members of a group write to each other and, of others, only to whom the work is with", () => {
    for (const channel of channels) {
      expect(mayPublish("cloud0.w-1", "cloud0", channel)).toBe(true)
      expect(mayPublish("cloud0", "cloud0.l-1", channel)).toBe(true)
      expect(mayPublish("cloud0.l-1", "cloud1.l-1", channel)).toBe(channel !== "tell")
      expect(mayPublish("cloud0.w-1", "kgc", channel)).toBe(channel === "reply")
      expect(mayPublish("cloud1.l-1", "director", channel)).toBe(channel === "reply")
      expect(mayPublish("user1", "cloud0.w-1", channel)).toBe(channel === "reply")
      expect(mayPublish("director", "cloud0.w-1", channel)).toBe(false)
    }
  })

  it("of those who deal, only C1 and its members ask", () => {
    for (const from of [...actorNames, ...members])
      expect(mayPublish(from, dealers, "ask"), from).toBe(["cloud1", "kgc"].includes(actorOf(from)))
  })

  it("who has no role may do nothing", () => {
    expect(mayPublish("mallory", "kgc", "ask")).toBe(false)
    expect(mayPublish("kgc", "mallory", "ask")).toBe(false)
    expect(maySubscribe("mallory", "bicameral.r.mallory.>")).toBe(false)
  })
})
