/**
 * What each admitted asker has used of its quota at this cloud. It is stored ahead of its use, a hundredth of the quota at a
 * time: a cloud that was killed grants nothing twice, and charges at most that much for nothing.
 */
import { createHash } from "node:crypto"
import { Clock, Effect, Option } from "effect"
import { Count, format } from "../../../protocol/messages/message.ts"
import { Schema } from "../../../protocol/schema.ts"
import {
  type AdmissionStatement,
  requireInTime,
  statementBytes
} from "../../../protocol/serving/admission.ts"
import { type Account, charged, newAccount, type Quota, quotaLeft } from "../../../protocol/serving/quota.ts"
import { Stable } from "../../../runtime/storage/store.ts"
import { usedName } from "../../party/serving-errors.ts"

const AccountFormat = format(
  "account of an asker",
  Schema.Struct({ rows: Count, day: Count, rowsOfDay: Count })
)

/** Requests of an asker whose charge is remembered: sent again, they are not charged again. */
const rememberedRequests = 512
/** How often a request may come for one charge: as often as clouds die, not as a way to have them compute for nothing. */
const timesForOneCharge = 16

/**
 * The entry of an admission in stable storage. Its name is that of all that the users signed: what another asker of the same
 * name has used is not held against this one, and an admission that is given in again finds its account.
 */
const accountEntry = (statement: AdmissionStatement): string =>
  `account-${createHash("sha256").update(statementBytes(statement)).digest("hex")}`

const nowSeconds = Effect.map(Clock.currentTimeMillis, (ms) => Math.floor(ms / 1000))

/** Rows that are stored as used before they are. */
const aheadOf = ({ rows, rowsADay }: Quota): number =>
  Math.floor(Math.min(rows ?? Number.POSITIVE_INFINITY, rowsADay ?? Number.POSITIVE_INFINITY) / 100)

/** What is charged: a name that the asker drew, and a digest of what it asked under it. */
export interface Charge {
  readonly id: string
  readonly digest: string
  readonly rows: number
}

/** The charges that are remembered of an asker, the oldest first. */
class Charged {
  readonly #known = new Map<string, { readonly digest: string; times: number }>()

  /** Whether this was charged already; "other" where something else was under its name. */
  has({ digest, id }: Charge): boolean | "other" {
    const known = this.#known.get(id)
    if (known === undefined) return false
    if (known.digest !== digest) return "other"
    return ++known.times <= timesForOneCharge
  }

  add({ digest, id }: Charge): void {
    this.#known.delete(id)
    this.#known.set(id, { digest, times: 1 })
    if (this.#known.size > rememberedRequests) this.#known.delete(this.#known.keys().next().value!)
  }
}

/** The accounts of those that all users have admitted. */
export const accountsOf = (admissions: ReadonlyArray<AdmissionStatement>) =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const admitted = new Map(admissions.map((statement) => [statement.asker.actor, statement]))
    const known = new Map<string, { account: Account; stored: Account; readonly charged: Charged }>()
    for (const [asker, statement] of admitted) {
      const bytes = yield* stable.get(accountEntry(statement))
      const account = Option.isNone(bytes) ? newAccount : yield* AccountFormat.decode(bytes.value)
      known.set(asker, { account, stored: account, charged: new Charged() })
    }
    /**
     * Charges an asker for the rows of a request, once. Users of the run without an admission are never charged. Whoever calls
     * it waits for the call before.
     */
    const charge = (asker: string, request: Charge) =>
      Effect.gen(function* () {
        const statement = admitted.get(asker)
        const of = known.get(asker)
        if (statement === undefined || of === undefined) return
        const now = yield* nowSeconds
        yield* requireInTime(statement, now)
        const before = of.charged.has(request)
        if (before === "other") return yield* usedName(asker)
        if (before) return
        const { quota } = statement
        const account = yield* charged(quota, of.account, request.rows, now)
        if (account.rows > of.stored.rows || account.day !== of.stored.day) {
          const ahead = aheadOf(quota)
          const stored = { ...account, rows: account.rows + ahead, rowsOfDay: account.rowsOfDay + ahead }
          yield* stable.put(accountEntry(statement), yield* AccountFormat.encode(stored))
          of.stored = stored
        }
        of.account = account
        of.charged.add(request)
      })
    /** Rows that are left to an asker; undefined for one without a quota. */
    const left = (asker: string) =>
      Effect.map(nowSeconds, (now) => {
        const [statement, of] = [admitted.get(asker), known.get(asker)]
        return statement && of && quotaLeft(statement.quota, of.account, now)
      })
    return { has: (asker: string) => admitted.has(asker), charge, left }
  })

export type Accounts = Effect.Effect.Success<ReturnType<typeof accountsOf>>
