import { describe, expect, it } from "vitest"
import {
  actorNames,
  channels,
  inboxOf,
  mayPublish,
  mayPublishOn,
  maySubscribe,
  parseSubject,
  subjectOf
} from "../../../protocol/messages/subjects.ts"

describe("subjects", () => {
  it("are read as they are written", () => {
    for (const to of actorNames)
      for (const channel of channels) {
        const address = { run: "run-7", to, from: "kgc", channel }
        expect(parseSubject(subjectOf(address))).toEqual(address)
      }
  })

  it("of any other form are not ours", () => {
    for (const subject of [
      "",
      "bicameral",
      "bicameral.r.kgc.user1",
      "bicameral.r.kgc.user1.ask.more",
      "other.r.kgc.user1.ask",
      "bicameral.r.kgc.mallory.ask",
      "bicameral.r.user17.kgc.ask",
      "bicameral.r.kgc.user1.shout",
      "bicameral.*.kgc.user1.ask",
      "bicameral..kgc.user1.ask"
    ])
      expect(parseSubject(subject), subject).toBeUndefined()
  })
})

describe("permissions", () => {
  it("everybody reads what is sent to itself and nothing else", () => {
    for (const self of actorNames)
      for (const to of actorNames) expect(maySubscribe(self, inboxOf("r", to))).toBe(self === to)
  })

  it("C0 reads nothing that others are sent, by whatever wildcard", () => {
    for (const subject of [
      ">",
      "*.>",
      "bicameral.>",
      "bicameral.r.>",
      "bicameral.*.*.>",
      "bicameral.r.cloud1.>",
      "bicameral.*.cloud1.user1.ask",
      "bicameral.r.*.user1.ask",
      "_INBOX.>",
      "_INBOX_cloud1.>"
    ])
      expect(maySubscribe("cloud0", subject), subject).toBe(false)
  })

  it("nobody writes in another's name", () => {
    expect(mayPublishOn("user1", "bicameral.r.kgc.user1.ask")).toBe(true)
    for (const self of actorNames)
      if (self !== "user1") expect(mayPublishOn(self, "bicameral.r.kgc.user1.ask")).toBe(false)
  })

  it("C0 asks no user and only answers them", () => {
    expect(mayPublish("cloud0", "user1", "ask")).toBe(false)
    expect(mayPublish("cloud0", "user1", "tell")).toBe(false)
    expect(mayPublish("cloud0", "user1", "reply")).toBe(true)
  })

  it("rounds go between the clouds only", () => {
    for (const from of actorNames)
      for (const to of actorNames)
        expect(mayPublish(from, to, "round")).toBe(
          `${from} ${to}` === "cloud0 cloud1" || `${from} ${to}` === "cloud1 cloud0"
        )
  })

  it("who has no role may do nothing", () => {
    expect(mayPublish("mallory", "kgc", "ask")).toBe(false)
    expect(mayPublish("kgc", "mallory", "ask")).toBe(false)
    expect(maySubscribe("mallory", "bicameral.r.mallory.>")).toBe(false)
  })
})
