/** Why a cloud does not answer an asker. What is retryable leaves nothing behind: the same request may be sent again. */
import { Data } from "effect"

/** Users of the run may ask, and whom all users have admitted. */
export class AskerNotAdmitted extends Data.TaggedError("AskerNotAdmitted")<{ readonly asker: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.asker} is not admitted; have all users of the run sign an admission of its name, keys and quota, and give that to both clouds`
  }
}

/** A request that no network of this shape can answer. */
export class RequestUnfit extends Data.TaggedError("RequestUnfit")<{
  readonly asker: string
  readonly why: string
}> {
  readonly retryable = false
  override get message(): string {
    return `a request of ${this.asker} does not fit the model: ${this.why}; ask with the scenario that the model was trained by`
  }
}

/** A name of a request serves for one: what is charged once is not asked twice with other rows. */
export const usedName = (asker: string): RequestUnfit =>
  new RequestUnfit({ asker, why: "other rows came under its name; draw a name at random for each request" })

/** More of an asker is waiting than a cloud keeps. */
export class ServiceBusy extends Data.TaggedError("ServiceBusy")<{
  readonly asker: string
  readonly waitingRows: number
}> {
  readonly retryable = true
  override get message(): string {
    return `${this.waitingRows} rows of ${this.asker} are waiting already; ask again in a moment`
  }
}

/** The clouds did not come to it in time. */
export class NotAnsweredInTime extends Data.TaggedError("NotAnsweredInTime")<{ readonly withinMs: number }> {
  readonly retryable = true
  override get message(): string {
    return `the clouds have not computed it within ${this.withinMs} ms; ask again`
  }
}

/** The answer goes to the request that came last under a name. */
export class AskedAgain extends Data.TaggedError("AskedAgain")<{ readonly asker: string }> {
  readonly retryable = true
  override get message(): string {
    return `${this.asker} has asked the same again since, and is answered there`
  }
}

/** The session is not that of this process: it ended, or this process was started since. */
export class SessionOver extends Data.TaggedError("SessionOver")<{ readonly party: string }> {
  readonly retryable = true
  override get message(): string {
    return `${this.party} knows no such session of serving; begin another`
  }
}

/** There is no share of a model in this cloud's folder. */
export class NoModelToServe extends Data.TaggedError("NoModelToServe")<{ readonly party: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} has no share of a model; set \`model: served\` or \`model: both\` in the scenario before the run, and serve from its out folder`
  }
}
