/**
 * What the event logs of a run say (`parties/<actor>/events.jsonl`), read line by line: spans, log events, and
 * the starts and ends of processes. A line that a crash cut, or that is of no known kind, is counted and left
 * out. Pure; `folders/event-logs.ts` finds and reads the files.
 */

/** A stretch of time in which a party did one thing. Times are milliseconds since 1970 by the party's own clock. */
export interface LoggedSpan {
  readonly actor: string
  readonly name: string
  readonly startMs: number
  readonly endMs: number
  readonly status: Status
  readonly error?: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId?: string
  readonly attributes: ReadonlyMap<string, unknown>
}

export type Status = "ok" | "interrupted" | "error"

/** A message that a party logged. */
export interface LoggedEvent {
  readonly actor: string
  readonly timeMs: number
  readonly level: string
  readonly message: string
  /** All else that the line has, such as annotations. */
  readonly details: ReadonlyMap<string, unknown>
}

/** One process of a party, from its start to its end. */
export interface Life {
  readonly actor: string
  readonly pid: number
  readonly startMs: number
  /** The last time that its lines name. */
  lastMs: number
  /** How its scope was closed; absent if it was killed, crashed, or is still up. */
  ended?: Status
}

/** All that the logs of one run hold. */
export interface EventLogs {
  /** By name, the parties of which there are lines. */
  readonly actors: ReadonlyArray<string>
  readonly spans: ReadonlyArray<LoggedSpan>
  readonly events: ReadonlyArray<LoggedEvent>
  /** In the order of their starts. Logs of version 0.2.0 name none. */
  readonly lives: ReadonlyArray<Life>
  /** Lines that could not be read. */
  readonly unreadable: number
}

/** Collects the lines of any number of logs; those of one log in their order. */
export class EventLogReading {
  readonly #spans: Array<LoggedSpan> = []
  readonly #events: Array<LoggedEvent> = []
  readonly #lives: Array<Life> = []
  readonly #latest = new Map<string, Life>()
  readonly #actors = new Set<string>()
  #unreadable = 0

  add(line: string): void {
    if (line.trim() === "") return
    const fields = objectOf(line)
    const actor = fields?.actor
    const timeMs = typeof fields?.time === "string" ? Date.parse(fields.time) : Number.NaN
    if (fields === undefined || typeof actor !== "string" || !Number.isFinite(timeMs)) {
      this.#unreadable++
      return
    }
    const lastMs = this.#take(fields, actor, timeMs)
    if (lastMs === undefined) {
      this.#unreadable++
      return
    }
    this.#actors.add(actor)
    const life = this.#latest.get(actor)
    if (life !== undefined) life.lastMs = Math.max(life.lastMs, lastMs)
  }

  get logs(): EventLogs {
    return {
      actors: [...this.#actors].sort(),
      spans: this.#spans,
      events: this.#events,
      lives: this.#lives.toSorted((a, b) => a.startMs - b.startMs),
      unreadable: this.#unreadable
    }
  }

  /** Takes a line; returns the last time that it names, or undefined if it is of no known kind. */
  #take(fields: Fields, actor: string, timeMs: number): number | undefined {
    if (fields.type === "span") {
      const span = spanOf(fields, actor, timeMs)
      if (span !== undefined) this.#spans.push(span)
      return span?.endMs
    }
    if (fields.type === "event") {
      const event = eventOf(fields, actor, timeMs)
      if (event !== undefined) this.#events.push(event)
      return event?.timeMs
    }
    if (fields.type === "start" && typeof fields.pid === "number") {
      const life: Life = { actor, pid: fields.pid, startMs: timeMs, lastMs: timeMs }
      this.#lives.push(life)
      this.#latest.set(actor, life)
      return timeMs
    }
    const life = this.#latest.get(actor)
    if (fields.type !== "end" || !isStatus(fields.status)) return undefined
    if (life !== undefined) life.ended = fields.status
    return timeMs
  }
}

/** The fields that lines have; a line may have any of them, of any type. */
type Fields = { readonly [name in (typeof known)[number]]?: unknown }

const known = [
  ...(["actor", "type", "time", "pid", "name", "kind", "durationMs", "status", "error", "traceId"] as const),
  ...(["spanId", "parentId", "attributes", "level", "message"] as const)
] as const

const objectOf = (line: string): Fields | undefined => {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isStatus = (value: unknown): value is Status =>
  value === "ok" || value === "interrupted" || value === "error"

const spanOf = (fields: Fields, actor: string, startMs: number): LoggedSpan | undefined => {
  const { name, durationMs, status, error, traceId, spanId, parentId, attributes } = fields
  if (typeof name !== "string" || typeof traceId !== "string" || typeof spanId !== "string") return undefined
  if (typeof durationMs !== "number" || !Number.isFinite(durationMs) || !isStatus(status)) return undefined
  return {
    ...{ actor, name, startMs, status, traceId, spanId },
    // A clock that is set back while a span is open gives a negative one.
    endMs: startMs + Math.max(0, durationMs),
    ...(typeof error === "string" ? { error } : {}),
    ...(typeof parentId === "string" ? { parentId } : {}),
    attributes: new Map(
      typeof attributes === "object" && attributes !== null ? Object.entries(attributes) : []
    )
  }
}

const eventOf = (fields: Fields, actor: string, timeMs: number): LoggedEvent | undefined => {
  const { level, message } = fields
  if (typeof level !== "string" || typeof message !== "string") return undefined
  const more = Object.entries(fields).filter(([name]) => !known.some((own) => own === name))
  return { actor, timeMs, level, message, details: new Map(more) }
}
