/** What is drawn of the cost of a run: what each party did when, and what went over each link. */
import { axisX, barX, dot, gridX, link as linkMark, rect, text } from "@observablehq/plot"
import { duration, size } from "../../text/units.ts"
import { colours, drawn, narrow, short } from "./draw.ts"
import type { Html } from "./html.ts"
import type { DrawnTimeline } from "./timeline.ts"

const { secure, plain, waiting, muted, lost, line: faint } = colours

/** Bytes of one link. */
export interface LinkBytes {
  readonly link: string
  readonly predicted: number
  readonly measured: number
}

/** Bytes by link on a scale of powers of ten, predicted and measured. */
export const linksPlot = (label: string, links: ReadonlyArray<LinkBytes>): Html => {
  const seen = links.flatMap(({ predicted, measured }) => [predicted, measured]).filter((bytes) => bytes > 0)
  const y = (_: unknown, i: number) => i
  return drawn(label, {
    height: 40 + 40 * links.length,
    marginLeft: 10,
    marginRight: 18,
    marginBottom: 36,
    marginTop: 8,
    x: {
      type: "log",
      domain: [
        10 ** Math.floor(Math.log10(Math.min(...seen))),
        10 ** Math.ceil(Math.log10(Math.max(...seen)))
      ],
      label: "bytes",
      ticks: 6,
      tickFormat: (bytes: number) => size(bytes).replace(/\.\d+/, "")
    },
    y: { domain: links.map(y), axis: null },
    marks: [
      gridX({ stroke: faint, strokeOpacity: 1 }),
      text(links, { y, text: "link", frameAnchor: "left", textAnchor: "start", dy: -11, fill: muted }),
      linkMark(
        links.filter(({ predicted, measured }) => predicted > 0 && measured > 0),
        {
          x1: "predicted",
          x2: "measured",
          y: ({ link }: LinkBytes) => links.findIndex((each) => each.link === link),
          stroke: muted,
          dy: 5
        }
      ),
      dot(links, {
        x: "predicted",
        y,
        filter: ({ predicted }: LinkBytes) => predicted > 0,
        stroke: plain,
        strokeWidth: 2,
        r: 5.5,
        dy: 5
      }),
      dot(links, {
        x: "measured",
        y,
        filter: ({ measured }: LinkBytes) => measured > 0,
        fill: secure,
        r: 3.5,
        dy: 5
      })
    ]
  })
}

/** Seconds as `40 s`, `1:20` or `2:05 h`. */
const clock = (seconds: number): string => {
  const two = (n: number) => String(n).padStart(2, "0")
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)]
  return hours > 0 ? `${hours}:${two(minutes)} h` : `${minutes}:${two(Math.round(seconds % 60))}`
}

/** What each party did when; `width` in pixels. */
export const timelinePlot = (
  label: string,
  timeline: DrawnTimeline,
  names: ReadonlyArray<string>,
  width: number
): Html => {
  const { endMs, parties, phases } = timeline
  const isNarrow = width <= narrow
  const shown = names.map((name) => short(name, isNarrow ? 9 : 18))
  const longest = Math.max(...shown.map((name) => name.length))
  const marginLeft = 14 + 6.5 * longest
  const seconds = (ms: number) => ms / 1000
  const rows = parties.map((_, i) => i)
  const spans = (of: "busy" | "waiting") =>
    parties.flatMap((party, i) =>
      party[of].map(({ startMs, endMs }) => ({ i, from: seconds(startMs), to: seconds(endMs) }))
    )
  const deaths = parties.flatMap(({ deaths }, i) => deaths.map((at) => ({ i, at: seconds(at) })))
  const inWidth = (ms: number) => ((width - marginLeft - 14) * ms) / endMs
  const readable = phases.filter(({ phase, startMs, endMs: to }) => inWidth(to - startMs) > 7 * phase.length)
  const across = { y1: -0.5, y2: rows.length - 0.5 }
  return drawn(
    label,
    {
      width,
      height: 62 + (isNarrow ? 26 : 30) * rows.length,
      marginLeft,
      marginRight: 14,
      marginTop: 24,
      marginBottom: 36,
      x: { domain: [0, seconds(endMs)] },
      y: { type: "linear", domain: [rows.length - 0.5, -0.5], axis: null },
      marks: [
        rect(phases, {
          x1: ({ startMs }) => seconds(startMs),
          x2: ({ endMs: to }) => seconds(to),
          ...{ y1: () => across.y1, y2: () => across.y2 },
          fill: faint,
          fillOpacity: (_, i) => (i % 2 === 0 ? 0.55 : 0.2)
        }),
        text(readable, {
          x: ({ startMs, endMs: to }) => seconds((startMs + to) / 2),
          text: "phase",
          frameAnchor: "top",
          dy: -12,
          fill: muted
        }),
        rect(spans("waiting"), {
          x1: "from",
          x2: "to",
          y1: ({ i }) => i - 0.12,
          y2: ({ i }) => i + 0.12,
          fill: waiting
        }),
        rect(spans("busy"), {
          x1: "from",
          x2: "to",
          y1: ({ i }) => i - 0.32,
          y2: ({ i }) => i + 0.32,
          fill: secure
        }),
        dot(deaths, { x: "at", y: "i", symbol: "times", stroke: lost, strokeWidth: 2.5, r: 6 }),
        text(rows, {
          y: (i: number) => i,
          text: (i: number) => shown[i] ?? "",
          frameAnchor: "left",
          textAnchor: "end",
          dx: -8
        }),
        axisX({ tickSize: 4, label: "time", ticks: isNarrow ? 4 : 10, tickFormat: clock })
      ]
    },
    isNarrow ? "plot only-narrow" : "plot only-wide"
  )
}

/** Seconds of each phase, as one bar. */
export const phasesPlot = (
  label: string,
  phases: ReadonlyArray<{ readonly phase: string; readonly seconds: number }>
): Html =>
  drawn(label, {
    height: 46 + 30 * phases.length,
    marginLeft: 70,
    marginRight: 62,
    marginBottom: 36,
    marginTop: 4,
    x: { label: "seconds", ticks: 5 },
    y: {
      domain: phases.map((_, i) => i),
      tickFormat: (i: number) => phases[i]?.phase ?? "",
      label: null,
      tickSize: 0
    },
    marks: [
      gridX({ stroke: faint, strokeOpacity: 1 }),
      barX(phases, { x: "seconds", y: (_, i) => i, fill: secure, insetTop: 3, insetBottom: 3, rx: 3 }),
      text(phases, {
        x: "seconds",
        y: (_, i) => i,
        text: ({ seconds }) => duration(seconds),
        textAnchor: "start",
        dx: 5
      })
    ]
  })
