/** All brokers of the corpus, each with what a party makes of it. */
import { describe, expect, it } from "@effect/vitest"
import { brokerCorpus } from "../../support/broker-corpus.ts"
import { corpusSuite } from "../../support/broker-suite.ts"

describe("every broker of the corpus", () => {
  corpusSuite(brokerCorpus)

  it("is another than the others, and there are enough of them", () => {
    expect(new Set(brokerCorpus.map(({ name }) => name)).size).toBe(brokerCorpus.length)
    expect(brokerCorpus.length).toBeGreaterThanOrEqual(60)
  })
})
