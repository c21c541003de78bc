/** Attributes a job that refused ciphertexts to the user who sent them. */
import { Data } from "effect"
import { JobFailed } from "../../runtime/work/pool.ts"
import { type Agreement, displayName } from "../party/agreement.ts"

/** A user sent ciphertexts that are not elements of the group, or not under its key. */
export class UploadRefused extends Data.TaggedError("UploadRefused")<{
  readonly user: string
  readonly first: number
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `The upload of ${this.user} can't be used, in its ciphertexts from number ${this.first}: ${this.reason}`
  }
}

/** The jobs whose input a user has sent: at C0 and at C1. */
const jobsOnUploads: ReadonlyArray<string> = ["openMaster", "reencryptBlinded", "addBlinds"]
/** What they find wrong with it. */
const faults: ReadonlyArray<string> = ["InvalidCiphertext", "Undecryptable"]

/** Names the user and the place where a job on its ciphertexts, from the `first`-th, refused one of them. */
export const attributed =
  (agreement: Agreement, user: string, first: number) =>
  <E>(failure: E): E | UploadRefused =>
    failure instanceof JobFailed && faults.includes(failure.error._tag) && jobsOnUploads.includes(failure.job)
      ? new UploadRefused({ user: displayName(agreement, user), first, reason: failure.error.message })
      : failure
