/**
 * Envelopes to frames that a transport takes, and back. An envelope above the transport's limit is cut into
 * fragments and reassembled on the other side. Frames are kept for repetition, so they are not written to
 * once they are made.
 */
import { Either } from "effect"
import { unwritten } from "../../protocol/bytes.ts"
import { MalformedMessage } from "../../protocol/messages/codec.ts"
import {
  closeEnvelope,
  type Envelope,
  encodedBytes,
  encodeParts,
  encodePieces,
  envelopeBytes,
  type OpenEnvelope,
  openEnvelope
} from "../../protocol/messages/envelope.ts"
import { MessageTooLarge, type TransportService } from "../transport/transport.ts"
import { defaultLimits, type Limits } from "./limits.ts"

export type Frames = ReadonlyArray<Uint8Array>

export const sizeOf = (frames: Frames): number => frames.reduce((sum, frame) => sum + frame.length, 0)

/** Frames that have been sent and may be asked for again. */
export interface Sent {
  readonly frames: Frames
  /** How long they may be in transit, and until when. They are not sent again before. */
  transitMs: number
  quietUntil: number
  /** Number of sendings that wait for the broker. */
  underWay: number
  /** Nobody will request them again. */
  forgotten: boolean
}

export const sentAt = (frames: Frames, nowMs: number, limits: Limits): Sent => {
  const transitMs = Math.floor(sizeOf(frames) / limits.assumedBytesPerMs)
  return { frames, transitMs, quietUntil: nowMs + transitMs, underWay: 0, forgotten: false }
}

/** Whether it is time to send them again; if so, the caller does. Frames that are being sent wait. */
export const takeAgain = (sent: Sent, nowMs: number): boolean => {
  if (sent.underWay > 0 || nowMs < sent.quietUntil) return false
  sent.transitMs *= 2
  sent.quietUntil = nowMs + sent.transitMs
  return true
}

/** The limits and the memory that frames are made for. */
export type Carrier = Pick<TransportService, "maxPayloadBytes" | "frame">

/** The frames of an envelope: one, or its fragments, at most as many as receivers accept. */
export const framesOf = (envelope: Envelope, carrier: Carrier): Either.Either<Frames, MessageTooLarge> =>
  framesOfParts(envelope, [envelope.body], carrier)

/**
 * The frames of a body in parts, which are copied. Fragments are matched by the envelope's id, so a round has
 * its number as id here.
 */
export const framesOfParts = (
  envelope: Omit<Envelope, "body">,
  parts: ReadonlyArray<Uint8Array>,
  { maxPayloadBytes, frame }: Carrier
): Either.Either<Frames, MessageTooLarge> => {
  const bytes = encodedBytes(envelope, sizeOf(parts))
  if (bytes <= maxPayloadBytes) return Either.right([encodeParts(envelope, parts, frame)])
  const bodyBytes = maxPayloadBytes - envelopeBytes
  const of = Math.ceil(bytes / bodyBytes)
  const { fragmentsOfMessage: pieces } = defaultLimits
  if (of > pieces)
    return Either.left(new MessageTooLarge({ tag: envelope.tag, bytes, limitBytes: maxPayloadBytes, pieces }))
  const whole = encodePieces(envelope, parts)
  const id = envelope.kind === "round" ? String(envelope.number) : envelope.id
  return Either.right(
    cutEvery(bodyBytes, whole).map((body, number) =>
      encodeParts({ kind: "fragment", id, tag: envelope.tag, number, of }, body, frame)
    )
  )
}

/** Memory for one body, inside the frame that carries it if one can: a body written there is not copied. */
export class BodyRoom {
  readonly #envelope: Pick<Envelope, "id" | "tag">
  readonly #carrier: Carrier
  #taken: OpenEnvelope | undefined

  constructor(envelope: Pick<Envelope, "id" | "tag">, carrier: Carrier) {
    this.#envelope = envelope
    this.#carrier = carrier
  }

  /**
   * Memory of the given size, all of which the caller writes. If it is taken twice, the first is sent like
   * any other memory.
   */
  take(bytes: number): Uint8Array {
    const { maxPayloadBytes, frame } = this.#carrier
    if (encodedBytes(this.#envelope, bytes) > maxPayloadBytes) return unwritten(bytes)
    this.#taken = openEnvelope(this.#envelope, bytes, frame)
    return this.#taken.body
  }

  /**
   * The frames of an envelope with the id and the tag of this room. The memory taken must not be written to
   * afterwards.
   */
  framesOf(envelope: Envelope): Either.Either<Frames, MessageTooLarge> {
    return this.#taken !== undefined && this.holds(envelope.body)
      ? Either.right([closeEnvelope(this.#taken, envelope)])
      : framesOf(envelope, this.#carrier)
  }

  /** Whether the body lies in its frame. */
  holds(body: Uint8Array): boolean {
    return this.#taken?.body === body
  }
}

/** The bytes of all pieces, cut anew every `bytes` bytes. */
const cutEvery = (
  bytes: number,
  pieces: ReadonlyArray<Uint8Array>
): ReadonlyArray<ReadonlyArray<Uint8Array>> => {
  const cuts: Array<Array<Uint8Array>> = []
  let room = 0
  for (const piece of pieces)
    for (let from = 0; from < piece.length; ) {
      if (room === 0) {
        cuts.push([])
        room = bytes
      }
      const end = Math.min(from + room, piece.length)
      cuts.at(-1)!.push(piece.subarray(from, end))
      room -= end - from
      from = end
    }
  return cuts
}

interface PartialMessage {
  readonly pieces: Array<Uint8Array | undefined>
  missing: number
  bytes: number
  /** What its pieces count for among the bytes that are bounded. */
  cost: number
  since: number
}

/** What a piece takes besides its bytes, about: a message of very many small ones is no small one. */
const pieceCost = 256

/** The same bytes, without the memory around them that would be kept with a small part of it. */
const compact = (body: Uint8Array): Uint8Array =>
  2 * body.length < body.buffer.byteLength ? body.slice() : body

/**
 * Collects fragments, bounded in messages, bytes and time; the oldest incomplete message is dropped first.
 */
export class Reassembly {
  readonly #limits: Limits
  readonly #partials = new Map<string, PartialMessage>()
  #bytes = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /**
   * Adds a fragment of a message from a `source` (sender and channel); returns the whole message once no
   * fragment is missing. A repeated fragment is ignored. `nowMs` is of any clock that does not go back.
   */
  add(
    source: string,
    fragment: Envelope,
    nowMs: number
  ): Either.Either<Uint8Array | undefined, MalformedMessage> {
    const { id, tag, number, of, body } = fragment
    const { fragmentedBytes, fragmentsOfMessage } = this.#limits
    const tooLarge = of > fragmentsOfMessage || of * body.length > 2 * fragmentedBytes
    if (of < 2 || number >= of || tooLarge)
      return Either.left(new MalformedMessage({ what: tag, reason: `fragment ${number} of ${of}` }))
    const key = `${source} ${tag} ${id}`
    let partial = this.#partials.get(key)
    if (partial !== undefined && partial.pieces.length !== of) {
      this.#forget(key, partial)
      partial = undefined
    }
    if (partial === undefined) {
      partial = { pieces: new Array(of).fill(undefined), missing: of, bytes: 0, cost: 0, since: nowMs }
      this.#partials.set(key, partial)
    }
    if (partial.pieces[number] === undefined) {
      partial.pieces[number] = compact(body)
      partial.missing--
      partial.bytes += body.length
      partial.cost += pieceCost + body.length
      this.#bytes += pieceCost + body.length
    }
    if (partial.missing > 0) {
      this.#shrink(nowMs)
      return Either.right(undefined)
    }
    this.#forget(key, partial)
    const whole = unwritten(partial.bytes)
    let at = 0
    for (const piece of partial.pieces) {
      whole.set(piece!, at)
      at += piece!.length
    }
    return Either.right(whole)
  }

  /** Messages that wait for fragments. */
  get incomplete(): number {
    return this.#partials.size
  }

  #forget(key: string, partial: PartialMessage) {
    this.#partials.delete(key)
    this.#bytes -= partial.cost
  }

  #shrink(nowMs: number) {
    const { fragmentedMessages, fragmentedBytes, fragmentedForMs } = this.#limits
    for (const [key, partial] of this.#partials) {
      const old = nowMs - partial.since > fragmentedForMs
      if (!old && this.#partials.size <= fragmentedMessages && this.#bytes <= fragmentedBytes) return
      this.#forget(key, partial)
    }
  }
}
