import { describe, expect, it } from "vitest"
import { certificateSaid } from "../../../scenarios/setup/broker.ts"

const day = 86_400_000
const begins = Date.UTC(2026, 11, 1, 10, 5, 15)
const seen = {
  fromMs: begins,
  toMs: begins + 30 * day,
  isForName: true,
  names: "DNS:broker",
  vouched: true,
  refusal: undefined
}
const known = {
  url: "tls://broker:4222",
  hostname: "broker",
  trust: {},
  tls: undefined
}

const datesAt = (nowMs: number) => {
  const found = certificateSaid(known, seen, nowMs).find(({ check }) => check === "certificate dates")!
  return `${found.status}: ${found.said}`
}

describe("the dates of a certificate", () => {
  it("are in order where the latest time that is known lies just before its beginning", () => {
    expect(datesAt(begins - 125)).toMatch(/^ok: valid until 2026-12-31T10:05:15/)
    expect(datesAt(begins + day)).toMatch(/^ok/)
  })

  it("are a fault long before its beginning, and from its end on", () => {
    expect(datesAt(begins - day)).toMatch(/^fault: .*not valid yet.*It begins at 2026-12-01T10:05:15.000Z/)
    expect(datesAt(begins + 30 * day + 1)).toMatch(
      /^fault: .*has expired.*It ended at 2026-12-31T10:05:15.000Z/
    )
  })
})
