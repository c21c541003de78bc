/** The style of the report and of the live page: light and dark, from 360 pixels up, and on paper. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --text: #1b2430; --muted: #5b6675; --line: #dde2e9;
  --secure: #1f6feb; --plain: #b3591a; --waiting: #aab4c2; --good: #1a7f4b; --bad: #c0303a; --doubt: #8a6100;
  --good-ground: #e6f4ec; --bad-ground: #fbe9ea; --doubt-ground: #fdf4dc;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #10151c; --card: #19212b; --text: #e6ebf2; --muted: #9aa7b8; --line: #303b49;
    --secure: #6ba8ff; --plain: #f0a060; --waiting: #566273; --good: #5fd394; --bad: #ff8088; --doubt: #f0c860;
    --good-ground: #14301f; --bad-ground: #3a191d; --doubt-ground: #352a10;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, main, footer { max-width: 1180px; margin: 0 auto; padding: 0 16px; overflow-wrap: anywhere; }
header { padding-top: 28px; }
h1 { font-size: clamp(1.6rem, 5vw, 2.3rem); line-height: 1.15; margin: 0 0 12px; letter-spacing: -0.02em; }
h2 { font-size: 1.3rem; margin: 0 0 12px; letter-spacing: -0.01em; }
h3 { font-size: 1rem; margin: 0 0 8px; }
p { margin: 0 0 12px; max-width: 75ch; }
a { color: var(--secure); }
:focus-visible { outline: 3px solid var(--secure); outline-offset: 2px; border-radius: 4px; }
main:focus { outline: none; }
code { font: 0.9em ui-monospace, "SF Mono", Consolas, monospace; }
.skip { position: absolute; left: -9999px; }
.skip:focus { left: 16px; top: 8px; background: var(--card); padding: 8px 12px; z-index: 2; }
.kind { color: var(--muted); font-size: 0.85rem; margin-bottom: 4px; }
.verdict { font-size: clamp(1.05rem, 3vw, 1.25rem); padding: 14px 18px; border-radius: 10px; border-left: 6px solid; max-width: none; }
.verdict.good { background: var(--good-ground); border-color: var(--good); }
.verdict.doubtful { background: var(--doubt-ground); border-color: var(--doubt); }
.verdict.bad { background: var(--bad-ground); border-color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(132px, 1fr)); gap: 10px; margin: 0 0 16px; }
.tiles > div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 14px; }
.tiles dt { color: var(--muted); font-size: 0.82rem; }
.tiles dd { margin: 0; font-size: clamp(1.1rem, 1.6vw, 1.3rem); font-weight: 650; font-variant-numeric: tabular-nums; line-height: 1.3; }
.tiles small { display: block; font-size: 0.78rem; font-weight: 400; color: var(--muted); }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 6px; list-style: none; padding: 0; margin: 0 0 20px; }
nav a { display: block; padding: 5px 12px; border: 1px solid var(--line); border-radius: 999px; background: var(--card); text-decoration: none; font-size: 0.9rem; }
nav a:hover { border-color: var(--secure); }
section { margin: 0 0 36px; scroll-margin-top: 12px; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 310px), 1fr)); gap: 14px; margin: 14px 0; align-items: start; }
.card, figure { margin: 0 0 14px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px; }
.two { grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); }
.plots > * { margin: 0; min-width: 0; }
section > figure { margin-bottom: 14px; }
figcaption { color: var(--muted); font-size: 0.88rem; margin: 6px 0 0; }
.plot { display: block; width: 100%; height: auto; max-width: 470px; margin: 0 auto; color: var(--text); font-family: inherit; overflow: visible; }
.plot text { white-space: pre; }
.only-wide { max-width: none; }
.only-narrow { display: none; }
@media (max-width: 700px) { .only-wide { display: none; } .only-narrow { display: block; } }
.key { white-space: nowrap; color: var(--text); margin-right: 6px; }
.key::before { content: ""; display: inline-block; width: 14px; height: 10px; border-radius: 3px; margin-right: 5px; background: var(--secure); }
.key.plain::before { background: var(--plain); }
.key.waiting::before { background: var(--waiting); height: 4px; vertical-align: 3px; }
.key.died::before { content: "×"; width: auto; height: auto; background: none; color: var(--bad); font-weight: 800; }
.key.dot::before { width: 8px; height: 8px; border-radius: 50%; }
.key.ring::before { width: 11px; height: 11px; border-radius: 50%; background: none; border: 2px solid var(--plain); vertical-align: -1px; }
details { margin-top: 10px; font-size: 0.92rem; }
summary { cursor: pointer; color: var(--secure); }
.scroll { width: fit-content; max-width: 100%; overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--card); margin: 8px 0 14px; }
.plots > .scroll { width: auto; margin: 0; }
table { border-collapse: collapse; min-width: min(560px, 100%); font-size: 0.92rem; overflow-wrap: break-word; }
caption span { position: sticky; left: 12px; display: inline-block; max-width: calc(100vw - 60px); }
details .scroll { width: auto; max-height: 480px; overflow-y: auto; }
.plots table { width: 100%; min-width: 0; }
details table { width: 100%; min-width: 0; }
caption { text-align: left; padding: 10px 12px 6px; font-weight: 600; }
th, td { padding: 6px 12px; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { color: var(--muted); font-weight: 500; border-top: 0; }
thead th:empty { padding: 0; }
tbody th { font-weight: 500; max-width: 22em; }
.numbers td, .numbers thead th:not(:first-child) { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.sight { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: 10px; margin: 0 0 14px; }
.sight > div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 14px; }
.sight dt { font-weight: 600; }
.sight dt small { display: block; color: var(--muted); font-weight: 400; font-size: 0.82rem; }
.sight dd { margin: 4px 0 0; font-size: 0.92rem; }
.absent { color: var(--muted); }
.warn { background: var(--doubt-ground); border-left: 4px solid var(--doubt); border-radius: 6px; padding: 10px 14px; max-width: none; }
ul.warn { padding-left: 32px; }
.expectations { list-style: none; padding: 0; }
.expectations li { padding: 8px 0; border-top: 1px solid var(--line); }
.expectations strong { display: inline-block; min-width: 4.2em; }
.held strong { color: var(--good); }
.failed strong { color: var(--bad); }
footer { color: var(--muted); font-size: 0.85rem; padding-bottom: 32px; }
@media print {
  :root { --ground: #fff; --card: #fff; --text: #000; --muted: #444; --line: #bbb; --secure: #1f5fc4; --plain: #9a4a10; --waiting: #999; --good-ground: #fff; --bad-ground: #fff; --doubt-ground: #fff; color-scheme: light; }
  nav, .skip { display: none; }
  body { font-size: 11pt; }
  figure, .card, .tiles > div, .sight > div, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .scroll { max-height: none; overflow: visible; }
  .only-wide { display: block; }
  .only-narrow { display: none; }
}
`
