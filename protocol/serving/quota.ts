/**
 * How many rows an asker may have predicted: the rule, without a clock. A model can be copied by asking it often enough, so every
 * admission has a quota. Both clouds keep an account for each asker and hold every request against it.
 */
import { Data, Either } from "effect"

/** At least one of the two. */
export interface Quota {
  /** Rows in all. */
  readonly rows?: number
  /** Rows on each day of UTC. */
  readonly rowsADay?: number
}

/** What an asker has used. */
export interface Account {
  readonly rows: number
  /** The last day on which rows were used, counted from 1970-01-01, and the rows of that day. */
  readonly day: number
  readonly rowsOfDay: number
}

export const newAccount: Account = { rows: 0, day: 0, rowsOfDay: 0 }

/** The most rows that a quota can name. */
export const mostQuota = 2 ** 32 - 1

/** The request is for more rows than the quota has left. */
export class QuotaSpent extends Data.TaggedError("QuotaSpent")<{
  readonly rows: number
  readonly left: number
  /** Seconds since 1970 from which on there is more; undefined where there never is. */
  readonly moreFrom: number | undefined
}> {
  readonly retryable = false
  override get message(): string {
    const remedy =
      this.moreFrom === undefined
        ? "ask the users for another admission"
        : `ask for fewer, or again from ${new Date(1000 * this.moreFrom).toISOString()}`
    return `the request has ${this.rows} rows, and ${this.left} are left of the quota; ${remedy}`
  }
}

const secondsADay = 86_400

const dayOf = (now: number): number => Math.floor(now / secondsADay)

/** What of an account counts on a day. A clock that was set back begins no new day. */
const onDay = (account: Account, now: number): Account => {
  const day = dayOf(now)
  return day > account.day ? { ...account, day, rowsOfDay: 0 } : account
}

const leftOf = (most: number | undefined, used: number): number =>
  most === undefined ? Number.POSITIVE_INFINITY : Math.max(0, most - used)

/** How many rows are left; `now` in seconds since 1970. */
export const quotaLeft = ({ rows, rowsADay }: Quota, account: Account, now: number): number =>
  Math.min(leftOf(rows, account.rows), leftOf(rowsADay, onDay(account, now).rowsOfDay))

/** The account once these rows are used. All of them are refused where the quota has not as many left. */
export const charged = (
  quota: Quota,
  account: Account,
  rows: number,
  now: number
): Either.Either<Account, QuotaSpent> => {
  const today = onDay(account, now)
  const left = quotaLeft(quota, account, now)
  if (rows <= left)
    return Either.right({ ...today, rows: today.rows + rows, rowsOfDay: today.rowsOfDay + rows })
  const enoughTomorrow = rows <= leftOf(quota.rows, account.rows) && rows <= leftOf(quota.rowsADay, 0)
  const moreFrom = enoughTomorrow ? (today.day + 1) * secondsADay : undefined
  return Either.left(new QuotaSpent({ rows, left, moreFrom }))
}
