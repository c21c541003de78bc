/** Two computations in rounds, in one process and in turns, and the processor time of each. */
import type { Message, Round } from "../protocol/learning/operations.ts"
import { ownProcessorMs } from "./measure.ts"

/** A computation and the processor time that it has taken. */
class Side<A> {
  readonly #round: Round<A>
  next: IteratorResult<ReadonlyArray<Message>, A>
  ms = 0

  constructor(round: Round<A>) {
    this.#round = round
    this.next = this.#timed(() => round.next())
  }

  #timed<B>(work: () => B): B {
    const start = ownProcessorMs()
    const result = work()
    this.ms += ownProcessorMs() - start
    return result
  }

  resume(received: ReadonlyArray<Uint8Array>): void {
    this.next = this.#timed(() => this.#round.next(received))
  }
}

/** Runs two computations in turns: their results, what each took, and the rounds. */
export const inTurns = <A, B>(one: Round<A>, other: Round<B>) => {
  const [first, second] = [new Side(one), new Side(other)]
  for (let rounds = 0; ; rounds++) {
    const [sent, answered] = [first.next, second.next]
    if (sent.done && answered.done)
      return { results: [sent.value, answered.value] as const, ms: [first.ms, second.ms] as const, rounds }
    if (sent.done || answered.done) throw new Error("one side ended before the other")
    const [forward, back] = [sent.value, answered.value].map((each) =>
      each.map((message) => message().slice())
    )
    first.resume(back!)
    second.resume(forward!)
  }
}
