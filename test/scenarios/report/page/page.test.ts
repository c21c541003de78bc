/** The report as a page: what is on it, and that nothing on it is more than text. */
import { createHash } from "node:crypto"
import { parseHTML } from "linkedom"
import { describe, expect, it } from "vitest"
import type { PageInput } from "../../../../scenarios/report/page/input.ts"
import { reportPage, verdict } from "../../../../scenarios/report/page/page.ts"
import type { RunResult } from "../../../../scenarios/report/result.ts"
import { numberMetricsOf } from "../../../protocol/metrics/tested.ts"
import { evil, wholeInput, wholeResult } from "./example.ts"

/** What of an element is looked at here. */
interface Element {
  readonly textContent: string
  readonly outerHTML: string
  readonly localName: string
  readonly getAttribute: (name: string) => string | null
  readonly getAttributeNames: () => ReadonlyArray<string>
  readonly querySelectorAll: (selector: string) => Iterable<Element>
  readonly querySelector: (selector: string) => Element | null
}

const parsed = (text: string): Element =>
  (parseHTML(text) as unknown as { readonly document: { readonly documentElement: Element } }).document
    .documentElement
const all = (page: Element, selector: string) => [...page.querySelectorAll(selector)]
const pageOf = (changes: Partial<PageInput> = {}) => parsed(reportPage({ ...wholeInput, ...changes }))
const withResult = (changes: Partial<RunResult>) => pageOf({ result: { ...wholeResult, ...changes } })
const textOf = (page: Element, selector: string) => page.querySelector(selector)?.textContent ?? ""

const without = <K extends keyof RunResult>(...keys: ReadonlyArray<K>): RunResult => {
  const rest: Partial<RunResult> = { ...wholeResult }
  for (const key of keys) delete rest[key]
  return rest as RunResult
}

describe("the page of a report", () => {
  it("shows names from data as text, whatever markup they would be", () => {
    const text = reportPage(wholeInput)
    const page = parsed(text)
    expect(all(page, "script, img, iframe, object, embed, form, link")).toEqual([])
    const handlers = all(page, "*").flatMap((element) =>
      element.getAttributeNames().filter((name) => name.startsWith("on") || name === "style")
    )
    expect(handlers).toEqual([])
    for (const each of evil.slice(0, 3)) {
      expect(text).not.toContain(each)
      expect(page.textContent).toContain(each)
    }
    // What would turn the text around is spelt out.
    expect(text).not.toContain("\u202e")
    expect(page.textContent).toContain("\\u{202e}right to left")
    expect(page.querySelector("title")!.textContent).toBe(`${evil[0]}: report of a run`)
  })

  it("permits its own style and nothing else, and refers to nothing outside", () => {
    const text = reportPage(wholeInput)
    const page = parsed(text)
    const policy = page.querySelector("meta[http-equiv]")!.getAttribute("content")!
    const style = /<style>([\s\S]*?)<\/style>/.exec(text)![1]!
    expect(all(page, "style")).toHaveLength(1)
    expect(policy).toBe(
      `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; base-uri 'none'; form-action 'none'`
    )
    const outside = all(page, "[href], [src]").map((each) => each.getAttribute("href") ?? "src")
    expect(outside.filter((each) => !each.startsWith("#"))).toEqual([])
    expect(text.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|url\(|@import/)
  })

  it("has all parts, each plot with words for it and a table behind it", () => {
    const page = pageOf()
    expect(all(page, "h2").map(({ textContent }) => textContent)).toEqual([
      "How good it is",
      "The gain of joining",
      "The training",
      "Who did what when",
      "What it cost",
      "Who saw what",
      "Faults and recoveries",
      "Expectations"
    ])
    const figures = all(page, "figure")
    expect(figures.map((figure) => textOf(figure, "h3"))).toEqual([
      "Confusion",
      "ROC curve",
      "Calibration",
      "Accuracy alone and together",
      "Loss by epoch",
      "Share right by epoch",
      "Weights of layer 1",
      "All parties",
      "Bytes by link",
      "Time by phase"
    ])
    for (const figure of figures) {
      for (const plot of all(figure, "svg")) {
        expect(plot.getAttribute("role")).toBe("img")
        expect(plot.getAttribute("aria-label")!.length).toBeGreaterThan(10)
        expect(all(plot, "[aria-label]")).toEqual([])
      }
      // Those two show what the table before them has.
      if (!["Share right by epoch", "Time by phase"].includes(textOf(figure, "h3")))
        expect(all(figure, "details table tbody tr").length).toBeGreaterThan(0)
    }
    for (const link of all(page, "nav a"))
      expect(page.querySelector(link.getAttribute("href")!)?.localName).toBe("section")
  })

  it("says what came of the run in one sentence", () => {
    expect(verdict(wholeResult)).toBe(
      "The model of 2 owners is right for 3 of 5 held-out rows, 60.0 % of them; alone, no owner gets more than 40.0 %; 1 of 2 expectations did not hold."
    )
    expect(verdict({ ...wholeResult, expectations: wholeResult.expectations.slice(0, 1) })).toMatch(
      /; the expectation held\.$/
    )
    expect(verdict({ ...wholeResult, meaningless: ["diverged"] })).toBe(
      "The run ended, but its result means nothing."
    )
    expect(verdict({ ...without("metrics", "alone"), accuracy: null, tested: null, expectations: [] })).toBe(
      "2 owners trained a model together and opened it; how it does on held-out rows was not revealed."
    )
  })

  it.each([
    ["good", { expectations: wholeResult.expectations.slice(0, 1), warnings: [] }],
    ["doubtful", { expectations: [] }],
    ["bad", {}],
    ["bad", { expectations: [], meaningless: ["the weights left the range"] }]
  ])("is %s by its expectations, warnings and meaning", (state, changes) => {
    const page = withResult(changes)
    expect(page.querySelector(".verdict")!.getAttribute("class")).toBe(`verdict ${state}`)
    expect(textOf(page, "header ul.warn")).toBe("meaningless" in changes ? "the weights left the range" : "")
  })

  it("leaves out what the run did not reveal, and says so", () => {
    const page = pageOf({ result: { ...without("metrics", "curve"), revealed: [] } })
    expect(textOf(page, "#quality .absent")).toContain("was not revealed in this run")
    expect(all(page, "#quality svg")).toEqual([])
    expect(textOf(page, "#training .absent")).toContain("the run revealed none")
    expect(textOf(page, "#sight")).toContain("Revealed beyond the model: nothing.")
    // With all of it there is nothing to excuse.
    expect(all(pageOf(), "#quality .absent, #training .absent, #timeline .absent")).toEqual([])
  })

  it("shows a result of an earlier version, without what it lacks", () => {
    const { roc, ...two } = wholeResult.metrics?.kind === "classes" ? wholeResult.metrics.twoClasses! : {}
    const { calibration, ...metrics } = wholeResult.metrics as Extract<
      RunResult["metrics"],
      { kind: "classes" }
    >
    expect([roc, calibration]).not.toContain(undefined)
    const old = {
      ...without("users", "revealed", "received"),
      metrics: { ...metrics, twoClasses: two as NonNullable<typeof metrics.twoClasses> },
      bytes: { predicted: 1, measured: 1, byPhase: {} }
    }
    const page = pageOf({ result: old, model: undefined, timeline: undefined, journal: [], files: [] })
    expect(all(page, ".absent").map(({ textContent }) => textContent)).toEqual([
      "The result of this run has no points of it.",
      "The result of this run does not hold it.",
      "The parties' event logs are not there.",
      "The result of this run has no traffic by link.",
      "The result of this run does not say what was revealed beyond the model."
    ])
  })

  it("has errors in their units where numbers are predicted", () => {
    const metrics = numberMetricsOf({
      truth: [
        [170, 1],
        [180, 2],
        [190, 4]
      ],
      predictions: [
        [172, 1],
        [180, 2],
        [186, 9]
      ]
    })
    const result = {
      ...without("alone", "curve"),
      accuracy: null,
      tested: null,
      metrics,
      referenceMetrics: metrics
    }
    const page = pageOf({ result })
    expect(textOf(page, "#quality tbody tr")).toMatch(
      /^height0\.90002\.5822 \(0 to 4\.263\)0\.90002\.5828\.165/
    )
    expect(textOf(page, ".verdict")).toMatch(/predicts height with R² 0\.9000 on 3 held-out rows/)
  })

  it("tells of faults, deaths and returns in their order, and of nothing where there was none", () => {
    const news = all(pageOf(), "#faults table").at(-1)!
    expect(all(news, "tbody tr").map(({ textContent }) => textContent)).toEqual([
      `20 scloud 0 died: ${evil[2]}`,
      "23 scloud 0 came back after 2.5 s",
      `30 swarning: ${evil[1]}`
    ])
    const quiet = pageOf({
      result: { ...wholeResult, recoveries: [], faults: null, warnings: [] },
      journal: []
    })
    expect(textOf(quiet, "#faults p")).toBe("No party died, and no fault was injected.")
  })
})
