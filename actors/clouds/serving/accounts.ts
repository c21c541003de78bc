/**
 * What each admitted asker has used of its quota at this cloud. It is stored ahead of its use, a hundredth of the quota at a
 * time: a cloud that was killed grants nothing twice, and charges at most that much for nothing.
 */
import { Clock, Effect, Option } from "effect"
import { Count, format } from "../../../protocol/messages/message.ts"
import { Schema } from "../../../protocol/schema.ts"
import { type AdmissionStatement, requireInTime } from "../../../protocol/serving/admission.ts"
import { type Account, charged, newAccount, type Quota, quotaLeft } from "../../../protocol/serving/quota.ts"
import { Stable } from "../../../runtime/storage/store.ts"

const AccountFormat = format(
  "account of an asker",
  Schema.Struct({ rows: Count, day: Count, rowsOfDay: Count })
)

/** Requests whose charge is remembered: sent again, they are not charged again. */
const rememberedRequests = 4096

/** The entry of an asker in stable storage. */
export const accountEntry = (asker: string): string => `account-${asker}`

const nowSeconds = Effect.map(Clock.currentTimeMillis, (ms) => Math.floor(ms / 1000))

/** Rows that are stored as used before they are. */
const aheadOf = ({ rows, rowsADay }: Quota): number =>
  Math.floor(Math.min(rows ?? Number.POSITIVE_INFINITY, rowsADay ?? Number.POSITIVE_INFINITY) / 100)

/** The accounts of those that all users have admitted. */
export const accountsOf = (admissions: ReadonlyArray<AdmissionStatement>) =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const oneAtATime = yield* Effect.makeSemaphore(1)
    const admitted = new Map(admissions.map((statement) => [statement.asker.actor, statement]))
    const known = new Map<string, { account: Account; stored: Account }>()
    for (const asker of admitted.keys()) {
      const bytes = yield* stable.get(accountEntry(asker))
      const account = Option.isNone(bytes) ? newAccount : yield* AccountFormat.decode(bytes.value)
      known.set(asker, { account, stored: account })
    }
    const remembered = new Set<string>()
    /** Charges an asker for the rows of a request, once. Users of the run without an admission are never charged. */
    const charge = (asker: string, request: string, rows: number) =>
      Effect.gen(function* () {
        const statement = admitted.get(asker)
        const of = known.get(asker)
        if (statement === undefined || of === undefined) return
        const now = yield* nowSeconds
        yield* requireInTime(statement, now)
        if (remembered.has(request)) return
        const { quota } = statement
        const account = yield* charged(quota, of.account, rows, now)
        if (account.rows > of.stored.rows || account.day !== of.stored.day) {
          const ahead = aheadOf(quota)
          const stored = { ...account, rows: account.rows + ahead, rowsOfDay: account.rowsOfDay + ahead }
          yield* stable.put(accountEntry(asker), yield* AccountFormat.encode(stored))
          of.stored = stored
        }
        of.account = account
        remembered.add(request)
        if (remembered.size > rememberedRequests) remembered.delete(remembered.values().next().value!)
      }).pipe(oneAtATime.withPermits(1))
    /** Rows that are left to an asker; undefined for one without a quota. */
    const left = (asker: string) =>
      Effect.map(nowSeconds, (now) => {
        const [statement, of] = [admitted.get(asker), known.get(asker)]
        return statement && of && quotaLeft(statement.quota, of.account, now)
      })
    return { has: (asker: string) => admitted.has(asker), charge, left }
  })

export type Accounts = Effect.Effect.Success<ReturnType<typeof accountsOf>>
