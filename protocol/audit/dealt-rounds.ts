/**
 * What the clouds received of their dealing in a recorded run. Without the keys of transfers and of encryption, which nobody
 * keeps, all of it must look uniform, and no two rounds may have bytes in common, also of different sessions. A session that deals a
 * step again tells what k_0 alone covers in the same bytes, in the same round; how it opens must be new.
 */
import { actorOf } from "../messages/subjects.ts"
import { type Finding, isDealing, type Recording } from "./recording.ts"
import { deviationsOf, mostDeviations, onesIn } from "./uniform.ts"

/** Bytes that are there twice by chance in no run. */
const blockBytes = 16
/** Blocks of a message that are looked at, spread over all of it. */
const mostBlocks = 1024
/** The rounds in which a session opens its transfers and exchanges its keys. */
const openingRounds = 2

/** Where a block was. */
interface Place {
  readonly where: string
  readonly session: string
  readonly number: number
}

/** Whether bytes in one place may be those in another: in one round a seed is sent with each shape of products. */
const mayRepeat = (one: Place, other: Place): boolean =>
  one.number === other.number && (one.session === other.session || one.number > openingRounds)

/** What is wrong with the rounds of dealings; nothing where the KGC deals. */
export const auditDealtRounds = ({ seen }: Pick<Recording, "seen">): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = []
  const blocks = new Map<string, Place>()
  const arrived = new Set<string>()
  for (const [process, messages] of seen)
    for (const { kind, from, tag, number, body } of messages) {
      const where = `round ${number} of ${tag} from ${from} to ${process}`
      // The same round may arrive a second time.
      if (kind !== "round" || !isDealing(tag) || arrived.has(where)) continue
      arrived.add(where)
      const coalition = actorOf(process)
      if (deviationsOf(onesIn(body), 8 * body.length) > mostDeviations)
        findings.push({ coalition, what: "bytes of the dealing that are not uniform", where })
      const before = repeated(body, blocks, {
        where,
        session: `${tag} of ${[from, process].sort().join()}`,
        number
      })
      if (before !== undefined)
        findings.push({
          coalition,
          what: `the same ${blockBytes} bytes twice in the dealing`,
          where: `${where}; and ${before.where}`,
          remedy: "begin each session with keys of its own, and give each transfer a use of its own"
        })
    }
  return findings
}

/** Enters blocks of a message; where one of them was before and must not be again. */
const repeated = (body: Uint8Array, blocks: Map<string, Place>, place: Place): Place | undefined => {
  const count = Math.floor(body.length / blockBytes)
  const apart = Math.max(1, Math.ceil(count / mostBlocks))
  let found: Place | undefined
  for (let block = 0; block < count; block += apart) {
    const key = Buffer.from(body.buffer, body.byteOffset + block * blockBytes, blockBytes).toString("latin1")
    const before = blocks.get(key)
    if (before !== undefined && !mayRepeat(before, place)) found ??= before
    blocks.set(key, place)
  }
  return found
}
