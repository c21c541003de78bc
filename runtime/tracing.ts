/**
 * Records what an actor does: spans (phases, requests, training steps) and log events, as JSON lines in a
 * file of its own, and to an OpenTelemetry collector if `OTEL_EXPORTER_OTLP_ENDPOINT` names one. The sender's
 * span travels with each message, so the files of all actors make one trace. Bytes and big integers, which
 * may be keys or shares, are withheld from both.
 */
import { closeSync, existsSync, mkdirSync, openSync, readSync, statSync, writeSync } from "node:fs"
import { dirname, resolve } from "node:path"
import {
  Cause,
  Clock,
  Context,
  Data,
  Duration,
  Effect,
  Exit,
  FiberId,
  FiberRef,
  FiberRefs,
  HashMap,
  Layer,
  List,
  Logger,
  LogLevel,
  Option,
  Redacted,
  type Scope,
  Tracer
} from "effect"
import { variable } from "./environment.ts"
import { fileReason } from "./file-reason.ts"
import { Metering, meters } from "./metrics.ts"

/** Whether spans are recorded. If not, the runtime makes none and sends no trace headers. */
export class Tracing extends Context.Reference<Tracing>()("runtime/Tracing", {
  defaultValue: () => ({ enabled: false })
}) {}

/** The file of events can't be written. */
export class EventLogUnwritable extends Data.TaggedError("EventLogUnwritable")<{
  readonly file: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the event log ${this.file} can't be written: ${this.reason}; choose another folder`
  }
}

/** The collector's variable does not hold an address. The value is not quoted: it may hold a password. */
export class CollectorAddressInvalid extends Data.TaggedError("CollectorAddressInvalid")<{
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${collectorVariable} is no address of an OpenTelemetry collector: ${this.reason}; write it as http://HOST:4318, or unset it`
  }
}

const collectorVariable = "OTEL_EXPORTER_OTLP_ENDPOINT"

/** The collector's address, if any. An empty variable counts as absent. */
export const collectorAt = (given = ""): Effect.Effect<string | undefined, CollectorAddressInvalid> => {
  const wrong = (reason: string) => new CollectorAddressInvalid({ reason })
  if (given === "") return Effect.succeed(undefined)
  if (!/^https?:\/\//i.test(given)) return wrong("it begins with neither http:// nor https://")
  if (!URL.canParse(given)) return wrong("its host or port can't be read")
  const { username, password } = new URL(given)
  return username + password === "" ? Effect.succeed(given) : wrong("it holds a name or a password")
}

export const collectorFromEnvironment = Effect.flatMap(variable(collectorVariable), collectorAt)

export interface TracingOptions {
  readonly actor: string
  /** The file of events; none by default. */
  readonly file?: string
}

/** Spans and log events of one actor, for `messaging/party.ts`'s layer and the actor's effects. */
export const layer = (
  options: TracingOptions
): Layer.Layer<never, EventLogUnwritable | CollectorAddressInvalid> =>
  Layer.unwrapScoped(
    Effect.gen(function* () {
      const endpoint = yield* collectorFromEnvironment
      const { file, actor } = options
      if (file === undefined && endpoint === undefined) return Layer.empty
      const write: Write = file === undefined ? () => {} : yield* eventLog(actor, file)
      const inner = endpoint === undefined ? yield* Effect.tracer : yield* collector(actor, endpoint)
      // One after another: merged layers do not restore what they set when their scope ends, and a fiber that
      // continues would write to the closed file.
      return Layer.setTracer(recording(inner, write)).pipe(
        // Effect would copy every log event into its span, as text from which no secret is withheld.
        Layer.provideMerge(Logger.remove(Logger.tracerLogger)),
        Layer.provideMerge(
          Logger.replace(Logger.defaultLogger, file === undefined ? Logger.defaultLogger : eventLogger(write))
        ),
        Layer.provideMerge(
          endpoint === undefined
            ? Layer.empty
            : Layer.scoped(
                Metering,
                Effect.map(meters(actor, endpoint), (meters) => ({ meters }))
              )
        ),
        Layer.provideMerge(Layer.succeed(Tracing, { enabled: true }))
      )
    })
  )

type Write = (line: Readonly<Record<string, unknown>>) => void

const flushPauseMs = 250
const flushBytes = 64 * 1024

/**
 * Whether a file is the event log of an actor, or of any actor for an empty name. A file that is empty or
 * missing may become it. A full disk may have cut the first line.
 */
export const isEventLogOf = (actor: string, file: string): boolean => {
  const begins = actor === "" ? '{"actor":"' : `{"actor":"${actor}",`
  const found = statSync(file, { throwIfNoEntry: false })
  if (found === undefined || !found.isFile()) return true
  const descriptor = openSync(file, "r")
  try {
    const head = new Uint8Array(begins.length)
    const text = new TextDecoder().decode(head.subarray(0, readSync(descriptor, head, 0, head.length, 0)))
    return begins.startsWith(text)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Makes a folder and its parents, one by one: Node's own `recursive` never returns if the file system reports
 * ENOENT for all.
 */
const makeFolder = (folder: string): void => {
  if (existsSync(folder)) return
  makeFolder(dirname(folder))
  mkdirSync(folder)
}

/** Appends lines to a file, in blocks at intervals, and the rest at the end of the scope. */
const eventLog = (actor: string, file: string): Effect.Effect<Write, EventLogUnwritable, Scope.Scope> =>
  Effect.gen(function* () {
    const descriptor = yield* Effect.try({
      try: () => {
        makeFolder(dirname(resolve(file)))
        if (!isEventLogOf("", file)) throw new Error("it is there, and no event log of bicameral")
        return openSync(file, "a", 0o600)
      },
      catch: (cause) => new EventLogUnwritable({ file, reason: fileReason(cause) })
    })
    let lines = ""
    const flush = Effect.sync(() => {
      if (lines === "") return
      const block = lines
      lines = ""
      try {
        writeSync(descriptor, block)
      } catch {
        // A full disk ends a party where it stores what it needs, not here: these lines are lost.
      }
    })
    const write: Write = (line) => {
      lines += `${JSON.stringify({ actor, ...line })}\n`
      if (lines.length > flushBytes) Effect.runSync(flush)
    }
    const mark = (line: Readonly<Record<string, unknown>>) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        write({ ...line, time: new Date(now).toISOString() })
        return flush
      })
    // A start that no end follows is that of a process that was killed or crashed.
    yield* mark({ type: "start", pid: process.pid })
    yield* Effect.addFinalizer((exit) =>
      Effect.zipRight(
        mark({ type: "end", ...outcomeOf(exit) }),
        Effect.sync(() => closeSync(descriptor))
      )
    )
    yield* Effect.forkScoped(Effect.forever(Effect.delay(flush, Duration.millis(flushPauseMs))))
    return write
  })

/** How a span or a process ended. */
const outcomeOf = (exit: Exit.Exit<unknown, unknown>) => {
  if (Exit.isSuccess(exit)) return { status: "ok" }
  return Cause.isInterruptedOnly(exit.cause)
    ? { status: "interrupted" }
    : { status: "error", error: messageOf(exit.cause) }
}

/**
 * The tracer that sends spans to a collector. Loaded only if one is named, so that other parties start
 * faster.
 */
const collector = (actor: string, endpoint: string) =>
  Effect.gen(function* () {
    const [OtlpTracer, { layerJson }, { layer: fetchClient }] = yield* Effect.promise(() =>
      Promise.all([
        import("@effect/opentelemetry/OtlpTracer"),
        import("@effect/opentelemetry/OtlpSerialization"),
        import("@effect/platform/FetchHttpClient")
      ])
    )
    return yield* OtlpTracer.make({
      url: `${endpoint.replace(/\/$/, "")}/v1/traces`,
      resource: { serviceName: `bicameral-${actor}` }
    }).pipe(Effect.provide(Layer.merge(layerJson, fetchClient)))
  })

/** A tracer that also writes spans as lines when they end, and removes what may be secret. */
const recording = (inner: Tracer.Tracer, write: Write): Tracer.Tracer =>
  Tracer.make({
    span: (name, parent, context, links, startTime, kind, options) => {
      const span = inner.span(name, parent, context, links, startTime, kind, options)
      const events: Array<Readonly<Record<string, unknown>>> = []
      const { end, attribute, event } = span
      span.attribute = (key, value) => attribute.call(span, key, withheld(value))
      span.event = (what, time, attributes) => {
        const shown = withheldAll(attributes ?? {})
        events.push({ name: what, time: isoTime(time), ...shown })
        event.call(span, what, time, shown)
      }
      span.end = (endTime, exit) => {
        end.call(span, endTime, exit)
        write({
          type: "span",
          time: isoTime(startTime),
          name,
          kind,
          traceId: span.traceId,
          spanId: span.spanId,
          ...(Option.isSome(parent) ? { parentId: parent.value.spanId } : {}),
          durationMs: Number((endTime - startTime) / 1000n) / 1000,
          ...outcomeOf(exit),
          attributes: Object.fromEntries(span.attributes),
          ...(events.length > 0 ? { events } : {})
        })
      }
      return span
    },
    context: (f, fiber) => inner.context(f, fiber)
  })

/** Log events as lines. Errors also go to standard error, where a supervisor keeps them. */
const eventLogger = (write: Write) =>
  Logger.make<unknown, void>(
    ({ date, logLevel, message, annotations, spans, cause, fiberId, context: refs }) => {
      const text = (Array.isArray(message) ? message : [message]).map(textOf).join(" ")
      const span = currentSpan(refs)
      const error = Cause.isEmpty(cause) ? {} : { error: Cause.pretty(cause) }
      write({
        type: "event",
        time: date.toISOString(),
        level: logLevel.label,
        message: text,
        fiber: FiberId.threadName(fiberId),
        ...(span === undefined ? {} : { traceId: span.traceId, spanId: span.spanId }),
        ...withheldAll(Object.fromEntries(HashMap.toEntries(annotations))),
        ...(List.isNil(spans) ? {} : { within: List.toArray(spans).map(({ label }) => label) }),
        ...error
      })
      if (LogLevel.greaterThanEqual(logLevel, LogLevel.Error))
        process.stderr.write(`${text}${error.error === undefined ? "" : `: ${error.error}`}\n`)
    }
  )

const currentSpan = (refs: FiberRefs.FiberRefs): Tracer.AnySpan | undefined =>
  Option.getOrUndefined(
    Context.getOption(FiberRefs.getOrDefault(refs, FiberRef.currentContext), Tracer.ParentSpan)
  )

const messageOf = (cause: Cause.Cause<unknown>) => {
  const error = Cause.squash(cause)
  return error instanceof Error ? `${error.name}: ${error.message}` : textOf(error)
}

/** Values that may be shown: text, numbers and flags. Bytes and big integers may be keys or shares. */
const withheld = (value: unknown): unknown => {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value
  if (typeof value === "bigint") return "<big integer>"
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`
  if (Redacted.isRedacted(value)) return "<redacted>"
  if (Array.isArray(value)) return value.map(withheld)
  if (typeof value === "object") return withheldAll(value as Record<string, unknown>)
  return `<${typeof value}>`
}

const withheldAll = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, withheld(value)]))

const textOf = (value: unknown): string => {
  const shown = withheld(value)
  return typeof shown === "string" ? shown : JSON.stringify(shown)
}

/** Nanoseconds since 1970 as a date, to the millisecond. */
const isoTime = (nanoseconds: bigint) => new Date(Number(nanoseconds / 1_000_000n)).toISOString()
