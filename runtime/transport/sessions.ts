/**
 * The sessions of a process with one peer: the one under which it sends and the handshake that leads to it
 * (`Outbound`), and those under which it receives (`Inbound`).
 */
import { Option } from "effect"
import { FrameOpener, FrameSealer, nameOf, sessionBytes } from "../../protocol/channels/frames.ts"
import type { Begun, Keys } from "../../protocol/channels/noise.ts"

/** What waits for a session, of one peer. More is dropped, the oldest first, and sent again by whoever sent it. */
const mostWaiting = 1024
const mostWaitingBytes = 256 * 2 ** 20
/** Sessions of a peer that it has not used yet. */
const mostUnused = 4

type Headers = Readonly<Record<string, string>>

interface Waiting {
  readonly subject: string
  /** A copy: the sender may give back the memory of what it has sent. */
  readonly data: Uint8Array
  readonly headers: Headers | undefined
}

/** What a process sends one peer: the session, or the handshake that leads to one and what waits for it. */
export class Outbound {
  sealer: FrameSealer | undefined
  session: string | undefined
  begun: Begun | undefined
  /** The frame with the first message of the handshake that was begun: the same however often it is sent. */
  hello: Uint8Array | undefined
  /** When the handshake's message was sent last. */
  saidAtMs = 0
  readonly #waiting: Array<Waiting> = []
  #bytes = 0

  wait(waiting: Waiting): void {
    this.#waiting.push(waiting)
    this.#bytes += waiting.data.length
    while (this.#waiting.length > mostWaiting || this.#bytes > mostWaitingBytes)
      this.#bytes -= this.#waiting.shift()!.data.length
  }

  take(): ReadonlyArray<Waiting> {
    this.#bytes = 0
    return this.#waiting.splice(0)
  }

  start(keys: Keys): void {
    const session = keys.hash.slice(0, sessionBytes)
    this.sealer = new FrameSealer(session, keys.toResponder)
    this.session = nameOf(session)
    this.begun = undefined
    this.hello = undefined
  }
}

/** A session that a peer has begun and not used yet. */
interface Unused {
  readonly hello: Uint8Array
  readonly answer: Uint8Array
  readonly opener: FrameOpener
}

/** What a process receives from one peer: the session in use and the one before, and those that are not used yet. */
export class Inbound {
  #used: readonly [string, FrameOpener] | undefined
  #before: readonly [string, FrameOpener] | undefined
  /** By the session, with the handshake's messages: one that comes again has the same answer. */
  readonly #unused = new Map<string, Unused>()

  /** The answer to the beginning of a session that is agreed on and not used yet. */
  answerTo(hello: Uint8Array): Uint8Array | undefined {
    for (const unused of this.#unused.values())
      if (Buffer.compare(unused.hello, hello) === 0) return unused.answer
    return undefined
  }

  agreed(keys: Keys, hello: Uint8Array, answer: Uint8Array): void {
    const session = nameOf(keys.hash.subarray(0, sessionBytes))
    this.#unused.set(session, { hello: hello.slice(), answer, opener: new FrameOpener(keys.toResponder) })
    if (this.#unused.size > mostUnused) this.#unused.delete(this.#unused.keys().next().value!)
  }

  /** Opens a frame where it lies. A session is in use once a frame has come under its key, which a replayed handshake has not. */
  open(session: string, frame: Uint8Array): Option.Option<Uint8Array> | "unknown session" {
    for (const known of [this.#used, this.#before]) if (known?.[0] === session) return known[1].open(frame)
    const opener = this.#unused.get(session)?.opener
    if (opener === undefined) return "unknown session"
    const content = opener.open(frame)
    if (Option.isSome(content)) {
      this.#before = this.#used
      this.#used = [session, opener]
      this.#unused.clear()
    }
    return content
  }
}
