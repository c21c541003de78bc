/**
 * Receives large messages from the socket of the NATS client (nats.js 2.29) without copying: once the length
 * of a message is known, the socket reads the rest of it to where it stays. Everything else, and everything
 * over TLS, comes in chunks.
 */
import { createConnection, type Socket } from "node:net"
import { free, unwritten } from "../../protocol/bytes.ts"

/**
 * The buffer that a socket reads to while no large message is in progress. It is reused; messages are copied
 * out of it.
 */
const chunkBytes = 32 * 1024
/** A smaller rest of a message is read together with what follows. */
const leastLeft = chunkBytes / 2
/** The end of a message; it is read with it. */
const endBytes = 2

/** The part of the client's parser that gathers a message in pieces. */
interface Gathering {
  parse: (chunk: Uint8Array) => void
  /** Of the message in progress. */
  readonly ma: { readonly size: number }
  /** The part of an incomplete message that is there: the first `length` bytes of `_buf.buffer`. */
  readonly msgBuf?: { _buf: Uint8Array; readonly length: number; readonly capacity: number }
}

/** The part of the client's protocol that holds the parser; a new one for each connection. */
interface Protocol {
  parser: Gathering
}

/** Where a socket reads to, and what is called then. */
class Reading {
  readonly #chunk = unwritten(chunkBytes)
  #protocol: Protocol | undefined
  #into: Uint8Array = this.#chunk

  /** Where the next bytes go: into the message in progress, if much of it is missing. */
  room(): Uint8Array {
    const parser = this.#protocol?.parser
    const { msgBuf, ma } = parser ?? {}
    const left = msgBuf === undefined ? 0 : ma!.size - msgBuf.length
    const direct = left >= leastLeft && msgBuf!.capacity >= ma!.size + endBytes
    this.#into = direct ? new Uint8Array(msgBuf!._buf.buffer, msgBuf!.length, left + endBytes) : this.#chunk
    return this.#into
  }

  /** This many bytes were read to where `room` said. */
  took(bytes: number, socket: Socket): void {
    const into = this.#into
    if (this.#protocol === undefined) {
      socket.emit("data", Buffer.from(into.subarray(0, bytes)))
      return
    }
    const { parser } = this.#protocol
    if (into === this.#chunk) {
      parseOrClose(parser, into.subarray(0, bytes), socket)
      return
    }
    const { msgBuf, ma } = parser
    const end = Math.min(msgBuf!.length + bytes, ma.size)
    const rest = msgBuf!.length + bytes - end
    msgBuf!._buf = new Uint8Array(into.buffer, 0, end)
    // A copy, since the receiver of the message may free the buffer it was read to.
    if (rest > 0) parseOrClose(parser, into.slice(bytes - rest, bytes), socket)
  }

  /** Passes what is read to this protocol from now on. */
  begin(protocol: Protocol): void {
    this.#protocol = protocol
  }
}

const readings = new WeakMap<Socket, Reading>()

/**
 * A socket for the client that is about to connect. Until `parseAtOnce` it emits its data like any socket.
 */
export const openSocket = (port: number, host: string): Socket => {
  const reading = new Reading()
  const socket: Socket = createConnection({
    port,
    host,
    onread: {
      buffer: () => reading.room(),
      callback: (bytes) => {
        reading.took(bytes, socket)
        return true
      }
    }
  })
  readings.set(socket, reading)
  return socket
}

/**
 * A message's bytes, separate from the chunk that may contain them. Not a Buffer, whose `slice` would be a
 * view.
 */
export const ownBytes = (data: Uint8Array): Uint8Array =>
  data.length <= chunkBytes ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.length)

/**
 * Lets the client's parser allocate once for a message in pieces instead of doubling its buffer. The client
 * makes a new parser for each connection, so this hooks the place where it is set.
 */
export const gatherAtOnce = <P extends Gathering>(protocol: { parser: P }): void => {
  const gathering = (parser: P): P => {
    const parse = parser.parse.bind(parser)
    parser.parse = (chunk) => {
      const before = parser.msgBuf
      parse(chunk)
      const { msgBuf, ma } = parser
      if (msgBuf === undefined || msgBuf === before || msgBuf.capacity >= ma.size) return
      const room = unwritten(ma.size + endBytes)
      room.set(msgBuf._buf)
      msgBuf._buf = new Uint8Array(room.buffer, 0, msgBuf.length)
    }
    return parser
  }
  let current = gathering(protocol.parser)
  Object.defineProperty(protocol, "parser", {
    get: () => current,
    set: (parser: P) => {
      current = gathering(parser)
    }
  })
}

/**
 * Passes what the socket reads to the parser immediately. The client passes each chunk through a chain of
 * promises, which costs a small message a tenth of its latency. Called for each connection once it is up;
 * earlier data has been parsed by the next read. From then on the bytes of small messages are valid only in
 * the callback that gets them (`ownBytes`).
 */
export const parseAtOnce = (protocol: Protocol, socket: Socket | undefined): void => {
  if (socket === undefined) return
  const reading = readings.get(socket)
  if (reading !== undefined) {
    reading.begin(protocol)
    return
  }
  const before = socket.listeners("data")
  socket.on("data", (chunk: Uint8Array) => {
    const { parser } = protocol
    const { msgBuf } = parser
    parseOrClose(parser, chunk, socket)
    // It held only a part of a message.
    if (msgBuf !== undefined && msgBuf === parser.msgBuf) free(chunk)
  })
  for (const listener of before) socket.off("data", listener as () => void)
}

const parseOrClose = (parser: Gathering, bytes: Uint8Array, socket: Socket): void => {
  try {
    parser.parse(bytes)
  } catch (error) {
    // Not the broker's language: the client reconnects.
    socket.destroy(error instanceof Error ? error : new Error(String(error)))
  }
}
