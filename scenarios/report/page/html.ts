/**
 * HTML from templates. Whatever is not itself such HTML is a text that may come from a file of somebody else, such as the name of a
 * column: it is escaped, and characters that would control or reorder what is shown are spelt out. Pure.
 */
import { printable } from "../../../protocol/data/spelling.ts"

/** Markup that was written in the program, with escaped texts in it. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Shown = Html | string | number | undefined | ReadonlyArray<Html>

const entities: Readonly<Record<"&" | "<" | ">" | '"' | "'", string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

/** A text that can stand between tags, and in an attribute between quotes. */
export const escaped = (text: string): string =>
  printable(text).replace(/[&<>"']/g, (sign) => entities[sign as keyof typeof entities])

const textOf = (value: Shown): string => {
  if (value === undefined) return ""
  if (value instanceof Html) return value.text
  if (typeof value === "string" || typeof value === "number") return escaped(String(value))
  return value.map(({ text }) => text).join("")
}

/** A template; what is put into it is escaped, unless it is HTML already. */
export const html = (parts: TemplateStringsArray, ...values: ReadonlyArray<Shown>): Html =>
  new Html(parts.map((part, i) => (i === 0 ? part : textOf(values[i - 1]) + part)).join(""))

export const none = new Html("")

/** A text of ours in which backticks mark code. */
export const withCode = (text: string): Html =>
  new Html(
    text
      .split("`")
      .map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>`.text : escaped(part)))
      .join("")
  )

/** A table that can be scrolled by keyboard where it is too wide. Of each row the first cell is its header. */
export const tableOf = (
  caption: string,
  header: ReadonlyArray<Shown>,
  rows: ReadonlyArray<ReadonlyArray<Shown>>,
  numeric = true
): Html => html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table${numeric ? html` class="numbers"` : none}>
<caption><span>${caption}</span></caption>
<thead><tr>${header.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>${rows.map(
  ([first, ...cells]) =>
    html`<tr><th scope="row">${first}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>
`
)}</tbody></table></div>`

/** What a plot shows, for readers that see no plot, and for all others on demand. */
export const behind = (
  caption: string,
  header: ReadonlyArray<Shown>,
  rows: ReadonlyArray<ReadonlyArray<Shown>>
): Html => html`<details><summary>Table: ${caption}</summary>
${tableOf(caption, header, rows)}</details>`

/** A section with a heading that links lead to. */
export const section = (id: string, title: string, ...body: ReadonlyArray<Shown>): Html =>
  html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>
${body.map(
  (each) => html`${each}
`
)}</section>
`

/** A plot in a frame of its own, with the table behind it. */
export const figureOf = (title: string, plot: Html, note: Shown, table: Html): Html =>
  html`<figure class="card"><h3>${title}</h3>${plot}<figcaption>${note}</figcaption>${table}</figure>
`
