/**
 * What askers have asked of this cloud and wait for. A request is taken from users of the run and from askers that all users
 * have admitted, within their quota, and waits for the clouds to compute it, or for its deadline.
 */
import { createHash } from "node:crypto"
import { Deferred, Effect } from "effect"
import { wordBytes } from "../../../protocol/bytes.ts"
import { outputs } from "../../../protocol/learning/network.ts"
import type { ForwardPlan } from "../../../protocol/learning/plan.ts"
import {
  AskService,
  Predict,
  type PredictReply,
  type PredictRequest
} from "../../../protocol/messages/serving.ts"
import { mostRows } from "../../../protocol/serving/steps.ts"
import { expandSeed, seedBytes } from "../../../protocol/sharing/split.ts"
import { within } from "../../../runtime/deadline.ts"
import { on } from "../../../runtime/messaging/contract.ts"
import type { Agreement } from "../../party/agreement.ts"
import {
  AskedAgain,
  AskerNotAdmitted,
  NotAnsweredInTime,
  RequestUnfit,
  ServiceBusy,
  usedName
} from "../../party/serving-errors.ts"
import type { Accounts } from "./accounts.ts"

/**
 * What may wait of one asker: rows, and bytes of cloud 1's shares; a single request may be larger than these. Askers and users
 * are few, so all of them together have a bound as well, and none takes the room of another.
 */
const mostWaitingRows = 16 * mostRows
const mostWaitingBytes = 64 * 2 ** 20

/** A request that waits for its answer. */
export interface Waiting extends Pick<PredictRequest, "id" | "rows"> {
  readonly asker: string
  /** This cloud's share of its rows, as words. */
  readonly words: () => Uint8Array
  /** SHA-256 of its rows and share. */
  readonly digest: string
  /** Where the latest ask under this name waits. */
  answer: Deferred.Deferred<PredictReply, AskedAgain>
  /** When the other cloud was first found to have no share of it, in milliseconds; at cloud 0. */
  missingSinceMs?: number
  /** And when it is looked at again. */
  lookAgainMs?: number
}

export interface RequestsOptions {
  readonly agreement: Agreement
  readonly cloud: 0 | 1
  readonly plan: ForwardPlan
  readonly accounts: Accounts
  /** Called when one more waits. */
  readonly onMore: () => void
}

const digestOf = ({ rows, share }: PredictRequest): string =>
  createHash("sha256").update(`${rows} `).update(share).digest("hex")

/** The name of a request among those of all askers. */
const keyOf = (asker: string, id: Uint8Array): string => `${asker} ${Buffer.from(id).toString("hex")}`

export class Requests {
  readonly #options: RequestsOptions
  readonly #waiting = new Map<string, Waiting>()
  readonly #oneAtATime = Effect.unsafeMakeSemaphore(1)

  constructor(options: RequestsOptions) {
    this.#options = options
  }

  /** In the order in which they came. */
  get waiting(): Iterable<Waiting> {
    return this.#waiting.values()
  }

  /** The request of an asker, if it waits. */
  of(asker: string, id: Uint8Array): Waiting | undefined {
    return this.#waiting.get(keyOf(asker, id))
  }

  /** Answers a request, which then waits no more. */
  settle(one: Waiting, reply: PredictReply) {
    return Effect.zipRight(
      Effect.sync(() => this.#remove(one)),
      Deferred.succeed(one.answer, reply)
    )
  }

  #remove(one: Waiting): void {
    const key = keyOf(one.asker, one.id)
    if (this.#waiting.get(key) === one) this.#waiting.delete(key)
  }

  #rowsOf(asker: string): number {
    let rows = 0
    for (const one of this.#waiting.values()) if (one.asker === asker) rows += one.rows
    return rows
  }

  #mayAsk(asker: string): boolean {
    const { accounts, agreement } = this.#options
    return agreement.users.some(({ actor }) => actor === asker) || accounts.has(asker)
  }

  #check({ rows, share }: PredictRequest, asker: string) {
    const { cloud, plan } = this.#options
    if (!this.#mayAsk(asker)) return new AskerNotAdmitted({ asker })
    if (rows < 1 || rows > mostRows)
      return new RequestUnfit({
        asker,
        why: `it has ${rows} rows, and one to ${mostRows} are answered at a time`
      })
    const bytes = cloud === 0 ? seedBytes : rows * plan.network.inputs * wordBytes
    return share.length === bytes
      ? undefined
      : new RequestUnfit({ asker, why: `its share has ${share.length} bytes instead of ${bytes}` })
  }

  /** Refuses what does not fit what waits already. */
  #place({ digest, rows }: Pick<Waiting, "digest" | "rows">, asker: string, known: Waiting | undefined) {
    if (known !== undefined) return known.digest === digest ? undefined : usedName(asker)
    const waitingRows = this.#rowsOf(asker)
    const all = waitingRows + rows
    const isMuch =
      all > mostWaitingRows || all * this.#options.plan.network.inputs * wordBytes > mostWaitingBytes
    return waitingRows > 0 && isMuch ? new ServiceBusy({ asker, waitingRows }) : undefined
  }

  /** Puts a request among those that wait. An earlier wait for the same one ends with `AskedAgain`. */
  #waits(request: PredictRequest, asker: string, digest: string) {
    return Effect.gen(this, function* () {
      const { id, rows, share } = request
      const key = keyOf(asker, id)
      const answer = yield* Deferred.make<PredictReply, AskedAgain>()
      const known = this.#waiting.get(key)
      if (known === undefined) {
        const one = { asker, id, rows, digest, answer, words: this.#wordsOf(rows, share) }
        this.#waiting.set(key, one)
        return one
      }
      yield* Deferred.fail(known.answer, new AskedAgain({ asker }))
      known.answer = answer
      return known
    })
  }

  /** Takes a request, charged and as one that waits. One at a time, so that nothing comes between the bounds and the place. */
  #taken(request: PredictRequest, asker: string) {
    return Effect.gen(this, function* () {
      const { id, rows } = request
      const digest = digestOf(request)
      const key = keyOf(asker, id)
      const refusal = this.#place({ digest, rows }, asker, this.#waiting.get(key))
      if (refusal !== undefined) return yield* refusal
      yield* this.#options.accounts.charge(asker, { id: key, digest, rows })
      const one = yield* this.#waits(request, asker, digest)
      return { one, answer: one.answer }
    })
  }

  #predict(request: PredictRequest, asker: string) {
    return Effect.gen(this, function* () {
      const { agreement, onMore } = this.#options
      const unfit = this.#check(request, asker)
      if (unfit !== undefined) return yield* unfit
      const { answer, one } = yield* this.#oneAtATime.withPermits(1)(this.#taken(request, asker))
      onMore()
      const withinMs = Math.min(request.withinMs, agreement.deadlines.replyTimeoutMs)
      return yield* Deferred.await(answer).pipe(
        within(withinMs, () => new NotAnsweredInTime({ withinMs })),
        Effect.ensuring(
          Effect.sync(() => {
            if (one.answer === answer) this.#remove(one)
          })
        )
      )
    })
  }

  #wordsOf(rows: number, share: Uint8Array): () => Uint8Array {
    const { cloud, plan } = this.#options
    return cloud === 0 ? () => expandSeed(share, rows * plan.network.inputs) : () => share
  }

  /** The handlers of what askers ask. They only wait, for as long as the asker says. */
  handlers() {
    const { accounts, plan } = this.#options
    const predict = on(Predict, (request, from) => this.#predict(request, from))
    const waiting: typeof predict = { ...predict, waits: true }
    const service = on(AskService, (_, from) =>
      Effect.gen(this, function* () {
        if (!this.#mayAsk(from)) return yield* new AskerNotAdmitted({ asker: from })
        const rowsLeft = yield* accounts.left(from)
        return {
          inputs: plan.network.inputs,
          outputs: outputs(plan.network),
          fractionalBits: plan.fractionalBits,
          mostRows,
          ...(rowsLeft !== undefined && { rowsLeft })
        }
      })
    )
    return [waiting, service]
  }
}
