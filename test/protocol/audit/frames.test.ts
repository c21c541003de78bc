import { describe, expect, it } from "vitest"
import { auditFrames } from "../../../protocol/audit/frames.ts"
import { FrameSealer, frameKinds, overheadBytes } from "../../../protocol/channels/frames.ts"
import { encodeEnvelope } from "../../../protocol/messages/envelope.ts"
import { type Channel, dealers, subjectOf } from "../../../protocol/messages/subjects.ts"

const subject = (from: string, to: string, channel: Channel) => subjectOf({ run: "r", from, to, channel })
const asked = subject("cloud1", "cloud0", "ask")

const sealed = (sealer: FrameSealer, text: string) => {
  const content = new TextEncoder().encode(text)
  const frame = new Uint8Array(content.length + overheadBytes)
  sealer.seal(content, frame)
  return frame
}
const newSealer = () => new FrameSealer(new Uint8Array(8).fill(1), new Uint8Array(32).fill(2))
const whats = (...frames: Parameters<typeof auditFrames>[0]) => auditFrames(frames).map(({ what }) => what)

describe("the audit of frames", () => {
  it("has nothing against sealed frames, handshakes, and the same bytes again", () => {
    const sealer = newSealer()
    const [one, other] = [sealed(sealer, "one"), sealed(sealer, "other")]
    const hello = Uint8Array.of(frameKinds.hello, ...new Uint8Array(48).fill(7))
    const group = Uint8Array.of(frameKinds.group, ...new Uint8Array(48).fill(8))
    expect(
      whats(
        { subject: asked, data: hello },
        { subject: asked, data: hello },
        { subject: asked, data: one },
        { subject: asked, data: other },
        { subject: asked, data: one },
        { subject: subject("cloud1", dealers, "ask"), data: group }
      )
    ).toEqual([])
  })

  it("names what is not sealed, also to a group", () => {
    const body = new Uint8Array(3)
    const bare = encodeEnvelope({ kind: "ask", id: "1", tag: "Deal", number: 0, of: 0, body })
    expect(auditFrames([{ subject: asked, data: bare }])).toMatchObject([
      { coalition: "broker", what: "a message that is not sealed", where: "Deal from cloud1 to cloud0 (ask)" }
    ])
    const toGroup = subject("cloud1", dealers, "ask")
    expect(whats({ subject: toGroup, data: sealed(newSealer(), "one") })).toEqual([
      "a message that is not sealed"
    ])
    expect(whats({ subject: asked, data: new Uint8Array(0) })).toEqual(["a message that is not sealed"])
  })

  it("finds a number that a session uses for two contents, and an ephemeral key that serves twice", () => {
    expect(
      whats(
        { subject: asked, data: sealed(newSealer(), "one") },
        { subject: asked, data: sealed(newSealer(), "other") }
      )
    ).toEqual(["two messages under one nonce"])
    const hello = (tag: number) =>
      Uint8Array.of(frameKinds.hello, ...new Uint8Array(32).fill(7), ...new Uint8Array(16).fill(tag))
    expect(whats({ subject: asked, data: hello(1) }, { subject: asked, data: hello(2) })).toEqual([
      "two messages with one ephemeral key"
    ])
  })

  it("names subjects that are not the sender's to use, or nobody's", () => {
    const data = sealed(newSealer(), "one")
    expect(whats({ subject: subject("cloud0", "user1", "ask"), data })).toEqual([
      "a subject on which its sender may not publish"
    ])
    expect(whats({ subject: "elsewhere", data })).toEqual(["a subject that is none of the run's"])
  })
})
