/** The order of the clouds' rounds. */
import { hash } from "node:crypto"
import type { Envelope } from "../../../protocol/messages/envelope.ts"
import type { SentFrame, Violation } from "./frame.ts"

/**
 * Watches the rounds of the clouds. A mask serves one value: every frame that is sent for a round has the
 * same bytes, whichever incarnation of the cloud sends it. A round begins only once the peer has sent its
 * previous one.
 */
export class RoundWatch {
  readonly #sent = new Map<string, string>()
  readonly #furthest = new Map<string, number>()

  /** What is wrong with a frame; undefined where nothing is. */
  see({ from, to }: SentFrame, { kind, tag, number, body }: Envelope): Violation | undefined {
    if (kind !== "round") return undefined
    const key = `${from} ${tag} ${number}`
    const digest = hash("sha256", body, "base64")
    const before = this.#sent.get(key)
    this.#sent.set(key, digest)
    if (before !== undefined && before !== digest)
      return `${from} sent two different things for round ${number} of ${tag}`
    const theirs = this.#furthest.get(`${to} ${tag}`) ?? 0
    if (number > theirs + 1) return `${from} was at round ${number} of ${tag} while ${to} was at ${theirs}`
    this.#furthest.set(`${from} ${tag}`, Math.max(number, this.#furthest.get(`${from} ${tag}`) ?? 0))
    return undefined
  }
}
