/**
 * The page that shows a run while it continues. Its script takes what is shown from the server, and puts it in place as text: nothing
 * from outside becomes markup. The policy permits this script and this style by their digests, and the page's own server.
 */
import { html } from "../report/page/html.ts"
import { digestSource } from "../report/page/policy.ts"
import { pageStyle } from "../report/page/style.ts"

const style = `${pageStyle}
.bar { appearance: none; width: 100%; height: 14px; border: 0; border-radius: 7px; background: var(--line); overflow: hidden; margin: 0 0 16px; }
.bar::-webkit-progress-bar { background: var(--line); }
.bar::-webkit-progress-value { background: var(--secure); transition: width 0.4s; }
.bar::-moz-progress-bar { background: var(--secure); }
.phases { list-style: none; padding: 0; margin: 0 0 16px; display: grid; grid-template-columns: repeat(auto-fit, minmax(108px, 1fr)); gap: 8px; }
.phases li, .parties li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 8px 12px; }
.phases strong, .parties strong { display: block; font-weight: 600; }
.phases span, .parties span { color: var(--muted); font-size: 0.85rem; font-variant-numeric: tabular-nums; }
.phases [data-state="under way"] { border-color: var(--secure); box-shadow: inset 0 0 0 1px var(--secure); }
.phases [data-state="done"] strong::after { content: " ✓"; color: var(--good); }
.phases [data-state="to come"] { opacity: 0.65; }
.phases [data-state="broken off"] { border-color: var(--bad); }
.parties { list-style: none; padding: 0; margin: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); gap: 8px; }
.parties li { border-left: 5px solid var(--waiting); }
.parties [data-state="up"] { border-left-color: var(--good); }
.parties [data-state="down"] { border-left-color: var(--bad); background: var(--bad-ground); }
.told { list-style: none; padding: 10px 14px; margin: 0; font-size: 0.92rem; max-height: 420px; overflow-y: auto; overflow-wrap: anywhere; }
.told li { display: grid; grid-template-columns: 6.5em 1fr; gap: 10px; padding: 4px 0; }
.told time { color: var(--muted); font-variant-numeric: tabular-nums; }
.told .death span, .told .fault span { color: var(--bad); }
.told .recovery span { color: var(--good); }
.told .phase span { font-weight: 600; }
.rate { display: block; width: 100%; height: 72px; }
.rate polyline { fill: none; stroke: var(--secure); stroke-width: 2; vector-effect: non-scaling-stroke; }
`

const script = `
"use strict"
const $ = (id) => document.getElementById(id)
const put = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text }
const made = (name, ...parts) => { const node = document.createElement(name); node.append(...parts); return node }
const list = (id, items, key, fill) => {
  const node = $(id)
  items.forEach((item, i) => {
    let child = node.children[i]
    if (!child || child.dataset.key !== key(item)) {
      child = made("li"); child.dataset.key = key(item)
      node.replaceChild(child, node.children[i]) 
    }
    fill(child, item)
  })
}
const grow = (node, number) => {
  while (node.children.length < number) node.append(made("li"))
  while (node.children.length > number) node.lastElementChild.remove()
}
const named = (child, name, state, words) => {
  child.dataset.state = state
  if (child.children.length === 0) child.append(made("strong"), made("span"))
  if (child.children[0].textContent !== name) child.children[0].textContent = name
  if (child.children[1].textContent !== words) child.children[1].textContent = words
}
const partyWords = { starting: "starting", up: "up", down: "down", done: "done", stopped: "stopped", "not known": "not known" }
const offlineWords = (status) =>
  status === "failed" ? "The process that served this page has ended, as the run has. bicameral view shows the run again."
  : "The page has lost its server: the run may have ended, or its process. It keeps trying; what it shows may be out of date."
let status = ""
let rates = []
let toldBefore = ""
const show = (s) => {
  status = s.status
  document.title = (s.done === undefined ? "" : Math.floor(100 * s.done) + " % · ") + (s.scenario || "a run") + ": " + s.status
  put("scenario", s.scenario || "A run")
  put("run", s.run === "" ? "" : "run " + s.run)
  put("sentence", s.sentence)
  $("sentence").className = "verdict " + ({ ended: "good", failed: "bad", lost: "bad" }[s.status] || "doing")
  put("elapsed", s.elapsed || "–")
  put("left", s.left || "–")
  put("done", s.done === undefined ? "–" : Math.floor(100 * s.done) + " %")
  put("rate", s.rate === undefined ? "–" : String(s.rate))
  put("unit", s.rate === undefined ? "not told" : s.unit)
  $("bar").hidden = s.done === undefined
  if (s.done !== undefined) $("bar").value = s.done
  grow($("phases"), s.phases.length)
  list("phases", s.phases, (p) => p.phase, (child, p) => {
    named(child, p.phase, p.state, p.time === "" ? p.state : p.state === "done" ? p.time : p.state + ", " + p.time)
    if (p.state === "under way") child.setAttribute("aria-current", "step"); else child.removeAttribute("aria-current")
  })
  grow($("parties"), s.parties.length)
  list("parties", s.parties, (p) => p.actor, (child, p) =>
    named(child, p.name, p.state, partyWords[p.state] + (p.deaths > 0 ? ", died " + p.deaths + (p.deaths === 1 ? " time" : " times") : "")))
  tell(s.told)
  chart(s.rate)
}
const tell = (told) => {
  const text = JSON.stringify(told)
  if (text === toldBefore) return
  toldBefore = text
  const node = $("told")
  const known = node.children.length
  const same = Array.from(node.children).every((child, i) => told[i] && child.dataset.key === told[i].at + told[i].text)
  if (!same) node.replaceChildren()
  for (const each of told.slice(same ? known : 0)) {
    const item = made("li", made("time", each.at), made("span", each.text))
    item.className = each.kind
    item.dataset.key = each.at + each.text
    node.append(item)
  }
  node.scrollTop = node.scrollHeight
}
const chart = (rate) => {
  rates.push(rate)
  rates = rates.slice(-240)
  const known = rates.filter((each) => each !== undefined)
  $("throughput").hidden = known.length < 4
  if (known.length < 4) return
  const most = Math.max(...known) || 1
  $("line").setAttribute("points", known.map((each, i) => (i * 300 / (known.length - 1)).toFixed(1) + "," + (70 - 64 * each / most).toFixed(1)).join(" "))
  $("chart").setAttribute("aria-label", "Throughput so far: now " + known.at(-1) + ", at most " + most)
}
const source = new EventSource("events")
source.onopen = () => { $("offline").hidden = true }
source.onerror = () => { put("offline", offlineWords(status)); $("offline").hidden = false }
source.onmessage = (event) => {
  const s = JSON.parse(event.data)
  show(s)
  if (s.status === "ended") { source.close(); location.replace("report") }
}
`

/** What the page may load and run. */
export const livePolicy = `default-src 'none'; style-src ${digestSource(style)}; script-src ${digestSource(script)}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const tile = (id: string, name: string, note: string, noteId?: string) =>
  html`<div><dt>${name}</dt><dd><span id="${id}">–</span><small${noteId === undefined ? html`` : html` id="${noteId}"`}>${note}</small></dd></div>`

export const livePage = (): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>a run</title>
<style>${style}</style>
</head>
<body>
${
  html`<a class="skip" href="#main">Skip to the run</a>
<header>
<p class="kind">bicameral · live · <span id="run"></span></p>
<h1 id="scenario">A run</h1>
<p id="sentence" class="verdict doing" role="status">Connecting.</p>
<p id="offline" class="warn" role="alert" hidden></p>
</header>
<main id="main" tabindex="-1">
<progress id="bar" class="bar" max="1" value="0" aria-label="How far the phase is" hidden></progress>
<dl class="tiles">${[
    tile("elapsed", "Time", "since the run began"),
    tile("left", "Left", "of this phase"),
    tile("done", "Done", "of this phase"),
    tile("rate", "Throughput", "", "unit")
  ]}</dl>
<section aria-labelledby="phases-title"><h2 id="phases-title">Phases</h2><ol id="phases" class="phases"></ol></section>
<section id="throughput" aria-labelledby="rate-title" hidden><h2 id="rate-title">Throughput</h2><div class="card"><svg id="chart" class="rate" viewBox="0 0 300 72" preserveAspectRatio="none" role="img" aria-label="Throughput"><polyline id="line" points=""/></svg></div></section>
<section aria-labelledby="parties-title"><h2 id="parties-title">Parties</h2><ul id="parties" class="parties"></ul></section>
<section aria-labelledby="told-title"><h2 id="told-title">What happened</h2><ol id="told" class="told card" role="log" aria-label="What happened" tabindex="0"></ol></section>
</main>`.text
}
<script>${script}</script>
</body>
</html>
`
