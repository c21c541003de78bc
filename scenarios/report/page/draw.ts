/**
 * Draws a plot by Observable Plot into a document that is no browser's, as SVG within HTML. Colours are the page's variables, so
 * that they follow its light and dark mode. Sizes are in pixels of a narrow screen: a plot grows with its column.
 */
import { type PlotOptions, plot } from "@observablehq/plot"
import { parseHTML } from "linkedom"
import { printable } from "../../../protocol/data/spelling.ts"
import { escaped, Html } from "./html.ts"

/** The width that fits a screen of 360 pixels. */
export const narrow = 320

export const colours = {
  secure: "var(--secure)",
  plain: "var(--plain)",
  waiting: "var(--waiting)",
  lost: "var(--bad)",
  line: "var(--line)",
  muted: "var(--muted)",
  text: "var(--text)"
} as const

/** Names that are longer are cut in plots; tables have them whole. */
export const short = (text: string, most = 16): string => {
  const shown = Array.from(printable(text))
  return shown.length <= most ? shown.join("") : `${shown.slice(0, most - 1).join("")}…`
}

/** What of a node of the document is used. */
interface Drawing {
  readonly outerHTML: string
  readonly setAttribute: (name: string, value: string) => void
  readonly querySelectorAll: (selector: string) => Iterable<Drawing & { readonly remove: () => void }>
  readonly removeAttribute: (name: string) => void
}

/** Draws; `label` says what it shows to those who do not see it. */
export const drawn = (label: string, options: PlotOptions, kind = "plot"): Html => {
  const { document } = parseHTML("<!doctype html><html><body></body></html>")
  const drawing: Drawing = plot({ width: narrow, ...options, document })
  // The page has the rules of all plots, and its policy permits no others.
  for (const style of drawing.querySelectorAll("style")) style.remove()
  // All of it is one picture, which its label describes.
  for (const part of drawing.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label")
  drawing.setAttribute("role", "img")
  drawing.setAttribute("class", kind)
  drawing.setAttribute("font-size", "11")
  // Escaped as all texts of the page are: the document's own way leaves tags in attributes as they are.
  return new Html(drawing.outerHTML.replace("<svg ", () => `<svg aria-label="${escaped(label)}" `))
}
