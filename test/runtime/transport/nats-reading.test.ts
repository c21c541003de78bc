import { once } from "node:events"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { Kind, Parser, type ParserEvent } from "nats/lib/nats-base-client/parser.js"
import { afterEach, describe, expect, it } from "vitest"
import { free } from "../../../protocol/bytes.ts"
import { gatherAtOnce, openSocket, ownBytes, parseAtOnce } from "../../../runtime/transport/nats-reading.ts"

const closing: Array<() => void> = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** A server that says what a test gives it, and a socket of ours at it, both connected. */
const connected = async () => {
  const server = createServer({ noDelay: true }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const socket = openSocket((server.address() as AddressInfo).port, "127.0.0.1")
  const [[peer]] = (await Promise.all([once(server, "connection"), once(socket, "connect")])) as [
    [Socket],
    unknown
  ]
  closing.push(() => {
    socket.destroy()
    peer.destroy()
    server.close()
  })
  return { socket, peer }
}

/** The client's parser behind our reading: what it gives, each as whoever gets it has it. */
const reading = (socket: Socket, keep: (data: Uint8Array) => void) => {
  const dispatcher = {
    push: ({ kind, data }: ParserEvent) => {
      if (kind === Kind.MSG) keep(data!)
    }
  }
  const protocol = {
    parser: new Parser(dispatcher) as unknown as Parameters<typeof gatherAtOnce>[0]["parser"]
  }
  gatherAtOnce(protocol)
  parseAtOnce(protocol, socket)
}

const message = (data: Uint8Array) =>
  Buffer.concat([Buffer.from(`MSG a.b 1 ${data.length}\r\n`), data, Buffer.from("\r\n")])
const bytesOf = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7) & 255)
const until = async (done: () => boolean) => {
  for (const begun = performance.now(); !done(); await new Promise((resolve) => setImmediate(resolve)))
    if (performance.now() - begun > 10_000) throw new Error("nothing came for ten seconds")
}

describe("reading from the broker's socket", () => {
  const lengths = [0, 1, 100, 32_000, 32_750, 32_768, 40_000, 65_536, 131_072, 1_000_001, 5, 70_000]

  for (const piece of [7_919, 32_768, 65_537, 10_000_000])
    it(`gives each message whole, and apart from the others, however it comes: ${piece} bytes at a time`, async () => {
      const { socket, peer } = await connected()
      const got: Array<Uint8Array> = []
      reading(socket, (data) => got.push(ownBytes(data)))
      const sent = lengths.map(bytesOf)
      const all = Buffer.concat(sent.map(message))
      for (let at = 0; at < all.length; at += piece) {
        if (!peer.write(all.subarray(at, at + piece))) await once(peer, "drain")
      }
      await until(() => got.length === sent.length)
      for (const [i, data] of got.entries()) {
        expect(data.constructor).toBe(Uint8Array)
        expect(Buffer.compare(data, sent[i]!), `message ${i}`).toBe(0)
      }
    })

  it("goes on behind a message that was freed by whom it was for, its end cut anywhere", async () => {
    const { socket, peer } = await connected()
    const got: Array<number> = []
    reading(socket, (data) => {
      got.push(data.length)
      if (data.length > 65_536) free(data)
    })
    const large = message(bytesOf(200_000, 1))
    const cuts = [1, 2, 3, 4]
    for (const cut of cuts) {
      peer.write(large.subarray(0, large.length - cut))
      await until(
        () => socket.bytesRead % (large.length + message(bytesOf(9, 2)).length) === large.length - cut
      )
      peer.write(Buffer.concat([large.subarray(large.length - cut), message(bytesOf(9, 2))]))
      await until(() => socket.bytesRead % (large.length + message(bytesOf(9, 2)).length) === 0)
    }
    await until(() => got.length === 2 * cuts.length)
    expect(got).toEqual(cuts.flatMap(() => [200_000, 9]))
  })

  it("gives what comes before the parser is there as a socket does, each chunk to keep", async () => {
    const { socket, peer } = await connected()
    const chunks: Array<Buffer> = []
    socket.on("data", (chunk: Buffer) => chunks.push(chunk))
    peer.write("INFO {}\r\n")
    await until(() => chunks.length === 1)
    peer.write("PING\r\n")
    await until(() => chunks.length === 2)
    expect(chunks.map(String)).toEqual(["INFO {}\r\n", "PING\r\n"])
  })

  it("closes a connection that speaks something else", async () => {
    const { socket, peer } = await connected()
    reading(socket, () => {})
    const failed = once(socket, "error")
    peer.write("HELLO\r\n")
    await failed
    expect(socket.destroyed).toBe(true)
  })
})
