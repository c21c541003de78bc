/** The masks of training: each opens one value, in whichever epoch. */
import { hash } from "node:crypto"
import { Either } from "effect"
import { phaseOf } from "../../../actors/clouds/training/lanes/rounds.ts"
import type { Envelope } from "../../../protocol/messages/envelope.ts"
import { Join } from "../../../protocol/messages/training.ts"
import type { SentFrame, Violation } from "./frame.ts"

/** The round of an epoch's phase that opens the data; those of the steps follow. */
const openingRound = 1

/**
 * Watches the masks of training over all of its epochs. Clouds that resume from a checkpoint repeat steps
 * under the same masks, so they must open the same values: each cloud sends the same bytes as the first time.
 * The clouds tell each other the step that an epoch resumes from when it begins.
 */
export class MaskWatch {
  readonly #roundsAStep: number
  /** Epochs by the id of the request that asked for them. */
  readonly #joining = new Map<string, number>()
  readonly #stepsBefore = new Map<string, number>()
  readonly #sent = new Map<string, string>()

  constructor(roundsAStep: number) {
    this.#roundsAStep = roundsAStep
  }

  /** What is wrong with a frame; undefined where nothing is. */
  see({ from }: SentFrame, { kind, id, tag, number, body }: Envelope): Violation | undefined {
    if (tag === Join.tag) this.#join(kind, id, body)
    const before = this.#stepsBefore.get(tag)
    if (kind !== "round" || before === undefined) return undefined
    const after = number - openingRound - 1
    const step = after < 0 ? 0 : before + 1 + Math.floor(after / this.#roundsAStep)
    const of = after < 0 ? "the opening of the data" : `step ${step}, part ${after % this.#roundsAStep}`
    const digest = hash("sha256", body, "base64")
    const first = this.#sent.get(`${from} ${of}`) ?? digest
    this.#sent.set(`${from} ${of}`, first)
    return first === digest
      ? undefined
      : `${from} opened two different things under the masks of ${of}, the latter in ${tag}`
  }

  #join(kind: Envelope["kind"], id: string, body: Uint8Array): void {
    if (kind === "ask") this.#joining.set(id, Either.getOrThrow(Join.payload.decode(body)).epoch)
    const epoch = this.#joining.get(id)
    if (kind === "reply" && epoch !== undefined)
      this.#stepsBefore.set(phaseOf(epoch), Either.getOrThrow(Join.reply.decode(body)).step)
  }
}
