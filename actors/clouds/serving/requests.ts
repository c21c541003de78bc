/**
 * What askers have asked of this cloud and wait for. A request is taken from users of the run and from askers that all users
 * have admitted, within their quota, and waits for the clouds to compute it, or for its deadline.
 */
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
  AskerNotAdmitted,
  NotAnsweredInTime,
  type OtherShareMissing,
  RequestUnfit,
  ServiceBusy
} from "../../party/serving-errors.ts"
import type { Accounts } from "./accounts.ts"

/** Rows that wait at most; further requests are refused for the moment. */
const mostWaitingRows = 64 * mostRows

/** A request that waits for its answer. */
export interface Waiting extends Pick<PredictRequest, "id" | "rows"> {
  readonly asker: string
  /** This cloud's share of its rows, as words. */
  readonly words: () => Uint8Array
  readonly answer: Deferred.Deferred<PredictReply, OtherShareMissing>
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

/** The name of a request among those of all askers. */
const keyOf = (asker: string, id: Uint8Array): string => `${asker} ${Buffer.from(id).toString("hex")}`

export class Requests {
  readonly #options: RequestsOptions
  readonly #waiting = new Map<string, Waiting & { waiters: number }>()
  #rows = 0

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
  settle(one: Waiting, reply: Effect.Effect<PredictReply, OtherShareMissing>) {
    return Effect.zipRight(
      Effect.sync(() => this.#remove(one)),
      Deferred.complete(one.answer, reply)
    )
  }

  #remove(one: Waiting): void {
    const key = keyOf(one.asker, one.id)
    if (this.#waiting.get(key) !== one) return
    this.#rows -= one.rows
    this.#waiting.delete(key)
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

  #predict(request: PredictRequest, asker: string) {
    return Effect.gen(this, function* () {
      const unfit = this.#check(request, asker)
      if (unfit !== undefined) return yield* unfit
      const { id, rows, share, withinMs } = request
      const key = keyOf(asker, id)
      const known = this.#waiting.get(key)
      if (known === undefined && this.#rows + rows > mostWaitingRows)
        return yield* new ServiceBusy({ waitingRows: this.#rows })
      yield* this.#options.accounts.charge(asker, key, rows)
      const one = this.#waiting.get(key) ?? {
        ...{ asker, id, rows, waiters: 0, words: this.#wordsOf(rows, share) },
        answer: yield* Deferred.make<PredictReply, OtherShareMissing>()
      }
      if (!this.#waiting.has(key)) {
        this.#waiting.set(key, one)
        this.#rows += rows
      }
      one.waiters++
      this.#options.onMore()
      return yield* Deferred.await(one.answer).pipe(
        within(withinMs, () => new NotAnsweredInTime({ withinMs })),
        Effect.ensuring(
          Effect.sync(() => {
            one.waiters--
            if (one.waiters === 0) this.#remove(one)
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
