/**
 * Sends large messages to the socket of the NATS client without copying: frames have room for the protocol's
 * command around them and are reused once they are sent. The other direction is in `nats-reading.ts`.
 */
import type { Socket } from "node:net"

/** The longest command before a message: `PUB`, a subject, a length. */
const commandBytes = 320
const lineEnd = "\r\n"
/** Smaller frames come from Node's own pool. */
const largeBytes = 64 * 1024
/** Memory of one size that waits for reuse; and the sizes, four from each power of two to the next. */
const spareOfSize = 4
const spareSizes = 32

/**
 * Bytes of memory for a frame of the given size: at most a quarter more. Lanes send another length in every
 * step and would never find their own length for reuse.
 */
const roomFor = (bytes: number): number => {
  const quarter = 2 ** (Math.floor(Math.log2(bytes)) - 2)
  return Math.ceil(bytes / quarter) * quarter
}

interface Room {
  readonly whole: Buffer
  /** Writes of this frame that the socket has not finished. */
  underWay: number
  released: boolean
}

export class FrameRoom {
  readonly #rooms = new WeakMap<Uint8Array, Room>()
  readonly #spare = new Map<number, Array<Buffer>>()

  /** Memory for a message of the given size. */
  make(bytes: number): Uint8Array {
    const length = commandBytes + bytes + lineEnd.length
    const whole = bytes < largeBytes ? Buffer.allocUnsafe(length) : this.#large(roomFor(length))
    whole.write(lineEnd, commandBytes + bytes, "latin1")
    const data = new Uint8Array(whole.buffer, whole.byteOffset + commandBytes, bytes)
    this.#rooms.set(data, { whole, underWay: 0, released: false })
    return data
  }

  #large(bytes: number): Buffer {
    return this.#spare.get(bytes)?.pop() ?? Buffer.allocUnsafeSlow(bytes)
  }

  /** Publishes a frame straight to the socket; false if `data` is not a frame. */
  write(socket: Socket, subject: string, data: Uint8Array): boolean {
    const room = this.#rooms.get(data)
    const command = `PUB ${subject} ${data.length}${lineEnd}`
    if (room === undefined || command.length > commandBytes) return false
    const start = commandBytes - command.length
    room.whole.write(command, start, "latin1")
    const frame = room.whole.subarray(start, commandBytes + data.length + lineEnd.length)
    if (data.length < largeBytes) socket.write(frame)
    else {
      room.underWay++
      socket.write(frame, () => {
        room.underWay--
        if (room.released && room.underWay === 0) this.#keep(room.whole)
      })
    }
    return true
  }

  /** The frame will not be sent again: its memory is reused as soon as the socket is done with it. */
  release(data: Uint8Array): void {
    const room = this.#rooms.get(data)
    if (room === undefined || room.released || data.length < largeBytes) return
    room.released = true
    if (room.underWay === 0) this.#keep(room.whole)
  }

  #keep(whole: Buffer): void {
    const spare = this.#spare.get(whole.length)
    if (spare !== undefined) {
      if (spare.length < spareOfSize) spare.push(whole)
    } else if (this.#spare.size < spareSizes) this.#spare.set(whole.length, [whole])
  }
}
