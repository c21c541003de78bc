/**
 * What the broker carried must be sealed, on a subject that its sender may use, and never twice under one nonce or key.
 */
import { Either } from "effect"
import { frameKinds, headBytes, nameOf, overheadBytes } from "../channels/frames.ts"
import { decodeEnvelope } from "../messages/envelope.ts"
import { isGroup, mayPublish, parseSubject } from "../messages/subjects.ts"
import type { Finding, Framed } from "./recording.ts"

const broker = "broker"
/** The kinds that begin with an ephemeral key. */
const keyKinds: ReadonlyArray<number> = [frameKinds.hello, frameKinds.newcomer, frameKinds.answer]
const handshakeKinds: ReadonlyArray<number> = [...keyKinds, frameKinds.lost]
const ephemeralBytes = 32

/** What is wrong with the frames of a run. */
export const auditFrames = (frames: ReadonlyArray<Framed>): ReadonlyArray<Finding> => {
  const findings = new Map<string, Finding>()
  const report = (what: string, where: string, remedy: string) => {
    const key = `${what} ${where}`
    if (!findings.has(key)) findings.set(key, { coalition: broker, what, where, remedy })
  }
  const underNonce = new Map<string, Uint8Array>()
  const underKey = new Map<string, Uint8Array>()
  for (const frame of frames) {
    const { subject, data } = frame
    const address = parseSubject(subject)
    const where = describeFrame(frame)
    if (address === undefined) {
      report("a subject that is none of the run's", where, "publish on subjects of subjectOf only")
      continue
    }
    if (!mayPublish(address.from, address.to, address.channel))
      report(
        "a subject on which its sender may not publish",
        where,
        "see mayPublish in protocol/messages/subjects.ts"
      )
    const kind = data[0]
    if (isGroup(address.to) ? kind !== frameKinds.group : !isKnown(data)) {
      report("a message that is not sealed", where, "send it through the sealed transport")
      continue
    }
    if (kind === frameKinds.sealed && differs(underNonce, nonceName(data), data))
      report("two messages under one nonce", where, "count every sealing of a session")
    const ephemeral = ephemeralOf(data)
    if (ephemeral !== undefined && differs(underKey, nameOf(ephemeral), data))
      report("two messages with one ephemeral key", where, "draw an ephemeral key for each handshake")
  }
  return [...findings.values()]
}

/** Whether a frame is sealed, or of a handshake. */
const isKnown = (data: Uint8Array): boolean =>
  data[0] === frameKinds.sealed
    ? data.length >= overheadBytes
    : data[0] !== undefined && handshakeKinds.includes(data[0]) && Either.isLeft(decodeEnvelope(data))

/** Session and number. */
const nonceName = (data: Uint8Array): string => nameOf(data.subarray(0, headBytes))

/** The ephemeral key with which messages of handshakes and to groups begin. */
const ephemeralOf = (data: Uint8Array): Uint8Array | undefined =>
  data[0] !== undefined && (keyKinds.includes(data[0]) || data[0] === frameKinds.group)
    ? data.subarray(1, 1 + ephemeralBytes)
    : undefined

/** Whether something else was seen under this name before. The very same again says nothing new. */
const differs = (before: Map<string, Uint8Array>, name: string, data: Uint8Array): boolean => {
  const first = before.get(name)
  if (first === undefined) before.set(name, data)
  return first !== undefined && Buffer.compare(first, data) !== 0
}

/** A frame for people: by its subject, and its message where that can be read. */
export const describeFrame = ({ subject, data }: Framed): string => {
  const address = parseSubject(subject)
  const envelope = decodeEnvelope(data)
  const way =
    address === undefined ? `on ${subject}` : `from ${address.from} to ${address.to} (${address.channel})`
  return `${Either.isRight(envelope) ? envelope.right.tag || envelope.right.kind : "a frame"} ${way}`
}
