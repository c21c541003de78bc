/** The view audit of a recorded run: who saw what, and what of it is beyond the claims of SECURITY.md. */
import { brokerName, type Coalition, coalitionsOf } from "./coalitions.ts"
import { auditFrames } from "./frames.ts"
import { partyOf } from "./material.ts"
import { type Finding, isDealing, type Recording, type Seen } from "./recording.ts"
import { auditCoalition, Truth } from "./taint.ts"

/** Messages of one kind that a coalition has opened, or frames that it carried. */
export interface Sight {
  /** The message's tag, such as `UploadShare0`; of a request's answer `reply to UploadShare0`. */
  readonly what: string
  readonly messages: number
  readonly bytes: number
}

export interface View {
  readonly coalition: string
  readonly members: ReadonlyArray<string>
  /** The largest first. */
  readonly saw: ReadonlyArray<Sight>
}

export interface ViewAudit {
  readonly views: ReadonlyArray<View>
  readonly findings: ReadonlyArray<Finding>
}

/** Audits the views of all coalitions, and the frames. */
export const auditViews = (recording: Recording): ViewAudit => {
  const truth = new Truth(recording)
  const coalitions = coalitionsOf(recording)
  const found: Array<Finding & { readonly members: ReadonlyArray<string> }> = []
  // What a part of a coalition finds out by itself is that part's.
  for (const coalition of coalitions)
    for (const finding of auditCoalition(truth, coalition))
      if (!found.some((each) => isPart(each.members, coalition) && sameFact(each, finding)))
        found.push({ ...finding, members: coalition.members })
  return {
    views: coalitions.map((coalition) => ({
      coalition: coalition.name,
      members: coalition.members,
      saw: sightsOf(recording, coalition)
    })),
    findings: [...auditFrames(recording.frames), ...found.map(({ members: _, ...finding }) => finding)]
  }
}

const isPart = (members: ReadonlyArray<string>, coalition: Coalition): boolean =>
  members.every((member) => coalition.members.includes(member))

/** The count of patterns may differ. */
const factIn = ({ what }: Finding): string => what.replace(/ \(\d+ patterns\)$/, "")
const sameFact = (one: Finding, other: Finding): boolean => factIn(one) === factIn(other)

const nameOf = (kind: Seen["kind"], tag: string): string => {
  if (kind === "round") return isDealing(tag) ? "rounds of dealing" : "rounds"
  return kind === "ask" || kind === "tell" ? tag : `${kind} to ${tag}`
}

const sightsOf = ({ seen, frames }: Recording, { members }: Coalition): ReadonlyArray<Sight> => {
  const sights = new Map<string, { what: string; messages: number; bytes: number }>()
  const add = (what: string, bytes: number) => {
    const sight = sights.get(what) ?? { what, messages: 0, bytes: 0 }
    sights.set(what, sight)
    sight.messages++
    sight.bytes += bytes
  }
  for (const [process, messages] of seen)
    if (members.includes(partyOf(process)))
      for (const { kind, tag, body } of messages) add(nameOf(kind, tag), body.length)
  if (members.includes(brokerName)) for (const { data } of frames) add("frames", data.length)
  return [...sights.values()].sort((a, b) => b.bytes - a.bytes)
}
