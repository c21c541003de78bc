import { Either } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Account, charged, newAccount, type Quota, quotaLeft } from "../../../protocol/serving/quota.ts"

const day = 86_400
const left = Either.getOrThrow
const refused = (quota: Quota, account: Account, rows: number, now: number) =>
  Either.getOrThrow(Either.flip(charged(quota, account, rows, now)))

describe("a quota", () => {
  it("counts rows in all, and those of each day of UTC anew", () => {
    const quota = { rows: 10, rowsADay: 4 }
    const first = left(charged(quota, newAccount, 4, 3 * day + 5))
    expect(quotaLeft(quota, first, 3 * day + 5)).toBe(0)
    expect(quotaLeft(quota, first, 4 * day - 1)).toBe(0)
    expect(quotaLeft(quota, first, 4 * day)).toBe(4)
    const second = left(charged(quota, first, 4, 4 * day))
    expect(quotaLeft(quota, second, 5 * day)).toBe(2)
  })

  it("refuses a request whole, and says when there is more", () => {
    const quota = { rows: 10, rowsADay: 4 }
    const used = left(charged(quota, newAccount, 3, 3 * day + 5))
    expect(refused(quota, used, 2, 3 * day + 9)).toMatchObject({ rows: 2, left: 1, moreFrom: 4 * day })
    expect(refused(quota, used, 2, 3 * day + 9).message).toMatch(/again from 1970-01-05T00:00:00.000Z$/)
  })

  it("says of what there never is more that another admission is needed", () => {
    const [all, daily] = [{ rows: 10 }, { rowsADay: 4 }]
    expect(refused(all, newAccount, 11, 0)).toMatchObject({ left: 10, moreFrom: undefined })
    expect(refused(daily, newAccount, 5, 0)).toMatchObject({ left: 4, moreFrom: undefined })
    expect(refused(all, newAccount, 11, 0).message).toMatch(/another admission$/)
  })

  it("begins no new day because a clock was set back", () => {
    const quota = { rowsADay: 4 }
    const used = left(charged(quota, newAccount, 4, 9 * day))
    expect(quotaLeft(quota, used, 8 * day)).toBe(0)
    expect(left(charged({ rows: 9 }, used, 1, 8 * day)).day).toBe(9)
  })

  it("is never passed, whatever is asked when", () => {
    const requests = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 5 * day })),
      {
        maxLength: 60
      }
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        requests,
        (rows, rowsADay, asked) => {
          const quota = { rows, rowsADay }
          const byDay = new Map<number, number>()
          let account = newAccount
          for (const [some, now] of asked.sort((a, b) => a[1] - b[1])) {
            const room = quotaLeft(quota, account, now)
            const found = charged(quota, account, some, now)
            expect(Either.isRight(found)).toBe(some <= room)
            if (Either.isLeft(found)) continue
            account = found.right
            byDay.set(Math.floor(now / day), (byDay.get(Math.floor(now / day)) ?? 0) + some)
          }
          expect(account.rows).toBe([...byDay.values()].reduce((sum, each) => sum + each, 0))
          expect(account.rows).toBeLessThanOrEqual(rows)
          for (const each of byDay.values()) expect(each).toBeLessThanOrEqual(rowsADay)
        }
      )
    )
  })
})
