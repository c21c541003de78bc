/**
 * All checkers of the frames of one run. They stand outside: they see every frame that is sent, every byte
 * that is drawn at random and the data, and ask no party.
 */
import { Either } from "effect"
import { Enrolment } from "../../../protocol/messages/enrolment.ts"
import { decodeEnvelope, type Envelope } from "../../../protocol/messages/envelope.ts"
import { HeldOutCells } from "../../../protocol/messages/output.ts"
import { MaskSecret } from "../../../protocol/messages/statistics.ts"
import { RowSalt } from "../../../protocol/messages/upload.ts"
import { Reassembly } from "../../../runtime/messaging/framing.ts"
import { defaultLimits } from "../../../runtime/messaging/limits.ts"
import type { SentFrame, Violation } from "./frame.ts"
import type { MaskWatch } from "./masks.ts"
import { RoundWatch } from "./order.ts"
import type { Secrets } from "./secrets.ts"

export interface FrameWatch {
  /** What was found so far, in the order of the frames. */
  readonly violations: ReadonlyArray<Violation>
  /** Takes a frame, and its envelope where that is decoded already. */
  readonly see: (frame: SentFrame, envelope?: ReturnType<typeof decodeEnvelope>) => void
}

/** Messages that hand a secret to the party that it is for; frames are seen before they are sealed. */
const handingOver: ReadonlyArray<string> = [Enrolment.tag, RowSalt.tag, MaskSecret.tag, HeldOutCells.tag]

const isHandedOver = (envelope: ReturnType<typeof decodeEnvelope>): boolean =>
  envelope._tag === "Right" && handingOver.includes(envelope.right.tag)

/** Watches the frames of a run, with the masks of its training where there are any. */
export const watchFrames = (secrets: Secrets, masks: MaskWatch | undefined): FrameWatch => {
  const watches = [new RoundWatch(), ...(masks === undefined ? [] : [masks])]
  const violations: Array<Violation> = []
  const fragments = new Reassembly(defaultLimits)
  const seeWhole = (frame: SentFrame, envelope: Envelope): void => {
    for (const each of watches) {
      const wrong = each.see(frame, envelope)
      if (wrong !== undefined) violations.push(wrong)
    }
  }
  /** What a fragment completes, if it does. */
  const completed = ({ from, to }: SentFrame, fragment: Envelope): Envelope | undefined => {
    const whole = Either.getOrUndefined(fragments.add(`${from} ${to}`, fragment, 0))
    return whole && Either.getOrUndefined(decodeEnvelope(whole))
  }
  return {
    violations,
    see: (frame, envelope = decodeEnvelope(frame.data)) => {
      const leaked = isHandedOver(envelope) ? undefined : secrets.find(frame.data)
      if (leaked !== undefined) violations.push(`${leaked} was on the link from ${frame.from} to ${frame.to}`)
      if (envelope._tag === "Left") violations.push(`${frame.from} sent ${frame.to} something malformed`)
      else {
        const whole = envelope.right.kind === "fragment" ? completed(frame, envelope.right) : envelope.right
        if (whole !== undefined) seeWhole(frame, whole)
      }
    }
  }
}
