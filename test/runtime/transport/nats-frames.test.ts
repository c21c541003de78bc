import type { Socket } from "node:net"
import { describe, expect, it } from "vitest"
import { FrameRoom } from "../../../runtime/transport/nats-frames.ts"

/** A socket that keeps what is written to it, and has finished a write when `finish` is called. */
const recorded = () => {
  const frames: Array<Buffer> = []
  const unfinished: Array<() => void> = []
  const write = (frame: Buffer, done?: () => void) => {
    frames.push(Buffer.from(frame))
    if (done !== undefined) unfinished.push(done)
    return true
  }
  const finish = () => {
    for (const done of unfinished.splice(0)) done()
  }
  return { socket: { write } as unknown as Socket, frames, finish }
}

const published = (subject: string, data: Uint8Array) =>
  Buffer.concat([Buffer.from(`PUB ${subject} ${data.length}\r\n`), data, Buffer.from("\r\n")])

describe("frame room", () => {
  it("serves frames of other lengths from memory that the socket has, each written whole and no more", () => {
    const room = new FrameRoom()
    const { socket, frames, finish } = recorded()
    const lengths = [250_000, 249_000, 251_111, 247_500, 249_999]
    const used = new Set<ArrayBufferLike>()
    for (const [i, length] of lengths.entries()) {
      const data = room.make(length).fill(i + 1)
      used.add(data.buffer)
      expect(room.write(socket, "a.b", data)).toBe(true)
      expect(frames.at(-1)!.equals(published("a.b", data))).toBe(true)
      room.release(data)
      finish()
    }
    expect(used.size).toBe(1)
  })

  it("keeps a frame that the socket has not finished, or that may be sent again", () => {
    const room = new FrameRoom()
    const { socket, finish } = recorded()
    const sent = room.make(100_000)
    room.write(socket, "a.b", sent)
    expect(room.make(100_000).buffer).not.toBe(sent.buffer)
    finish()
    expect(room.make(100_000).buffer).not.toBe(sent.buffer)
    room.write(socket, "a.b", sent)
    room.release(sent)
    expect(room.make(100_000).buffer).not.toBe(sent.buffer)
    finish()
    expect(room.make(100_000).buffer).toBe(sent.buffer)
  })
})
