/** The masks of training: each opens one value, in whichever epoch. */
import { hash } from "node:crypto"
import { Either } from "effect"
import { phaseOf } from "../../../actors/clouds/training/lanes/rounds.ts"
import type { Envelope } from "../../../protocol/messages/envelope.ts"
import { Join } from "../../../protocol/messages/training.ts"
import { OpenUpload } from "../../../protocol/messages/upload.ts"
import type { SentFrame, Violation } from "./frame.ts"

/** How the clouds evaluate the model between steps, where they do: after how many steps, and in how many rounds. */
export interface EvaluationRounds {
  readonly everySteps: number
  readonly rounds: number
}

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
  readonly #evaluationsOf: (uploadedRows: number) => EvaluationRounds | undefined
  #evaluations: EvaluationRounds | undefined

  constructor(
    roundsAStep: number,
    evaluationsOf: (uploadedRows: number) => EvaluationRounds | undefined = () => undefined
  ) {
    this.#roundsAStep = roundsAStep
    this.#evaluationsOf = evaluationsOf
  }

  /** What is wrong with a frame; undefined where nothing is. */
  see({ from }: SentFrame, { kind, id, tag, number, body }: Envelope): Violation | undefined {
    if (tag === Join.tag) this.#join(kind, id, body)
    if (tag === OpenUpload.tag && kind === "ask")
      this.#evaluations = this.#evaluationsOf(Either.getOrThrow(OpenUpload.payload.decode(body)).rows)
    const before = this.#stepsBefore.get(tag)
    if (kind !== "round" || before === undefined) return undefined
    const of = this.#contentOf(number, before)
    const digest = hash("sha256", body, "base64")
    const first = this.#sent.get(`${from} ${of}`) ?? digest
    this.#sent.set(`${from} ${of}`, first)
    return first === digest
      ? undefined
      : `${from} opened two different things under the masks of ${of}, the latter in ${tag}`
  }

  /** What a round of an epoch opens that begins after a step. One round opens the data, one the validation rows. */
  #contentOf(number: number, before: number): string {
    const openings = this.#evaluations === undefined ? 1 : 2
    if (number <= openings)
      return number === 1 ? "the opening of the data" : "the opening of the validation rows"
    const { everySteps, rounds } = this.#evaluations ?? { everySteps: Number.POSITIVE_INFINITY, rounds: 0 }
    let step = before
    for (let left = number - openings - 1; ; ) {
      if (step > 0 && step % everySteps === 0) {
        if (left < rounds) return `the evaluation after step ${step}, part ${left}`
        left -= rounds
      }
      const steps = everySteps - (step % everySteps)
      if (left < steps * this.#roundsAStep) {
        step += 1 + Math.floor(left / this.#roundsAStep)
        return `step ${step}, part ${left % this.#roundsAStep}`
      }
      left -= steps * this.#roundsAStep
      step += steps
    }
  }

  #join(kind: Envelope["kind"], id: string, body: Uint8Array): void {
    if (kind === "ask") this.#joining.set(id, Either.getOrThrow(Join.payload.decode(body)).epoch)
    const epoch = this.#joining.get(id)
    if (kind === "reply" && epoch !== undefined)
      this.#stepsBefore.set(phaseOf(epoch), Either.getOrThrow(Join.reply.decode(body)).step)
  }
}
