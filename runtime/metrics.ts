/**
 * Figures of a running party for its operator: counters and queue lengths, no data and nothing that depends on them. They are
 * sent to an OpenTelemetry collector by OTLP over HTTP where `OTEL_EXPORTER_OTLP_ENDPOINT` names one; otherwise nothing is read
 * or counted for them. Sources are asked when figures are sent, so that sending and receiving cost no more.
 */
import { Clock, Context, Duration, Effect, type Scope } from "effect"

/** What is measured. The dashboard in docs/deployment/ and docs/how-to/watch.md have these names. */
export const instruments = {
  "bicameral.bytes": {
    ...{ kind: "sum", unit: "By" },
    description: "Bytes on the wire, by direction and peer, envelopes and seals included"
  },
  "bicameral.messages": {
    ...{ kind: "sum", unit: "{message}" },
    description: "Messages, by direction and peer"
  },
  "bicameral.rounds": { kind: "sum", unit: "{round}", description: "Rounds with a peer" },
  "bicameral.round.wait": {
    ...{ kind: "sum", unit: "s" },
    description: "Time for which the party waited for the peer's part of a round"
  },
  "bicameral.steps": { kind: "sum", unit: "{step}", description: "Training steps that a cloud has made" },
  "bicameral.requests.open": {
    ...{ kind: "gauge", unit: "{request}" },
    description: "Requests of the party that have no answer yet"
  },
  "bicameral.requests.waiting": {
    ...{ kind: "gauge", unit: "{request}" },
    description: "Requests to the party that wait for one of its handlers"
  },
  "bicameral.start.time": {
    ...{ kind: "gauge", unit: "s" },
    description: "When the process started, in seconds since 1970: each change is a restart"
  }
} as const

export type InstrumentName = keyof typeof instruments

/** A figure as it is now. Sums count from the start of the process. */
export interface Sample {
  readonly name: InstrumentName
  readonly value: number
  readonly attributes?: ReadonlyArray<readonly [name: string, value: string]>
}

type Source = () => ReadonlyArray<Sample>

/** Where the parts of a party say what they count. */
export class Meters {
  readonly #sources = new Set<Source>()
  #steps = 0

  /** Takes a source. Of what it said last, the sums stay when the scope ends: the last figures are sent after it. */
  readonly observe = (source: Source): Effect.Effect<void, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => void this.#sources.add(source)),
      () =>
        Effect.sync(() => {
          this.#sources.delete(source)
          const last = source()
          this.#sources.add(() => last)
        })
    )

  addSteps(steps: number): void {
    this.#steps += steps
  }

  get samples(): ReadonlyArray<Sample> {
    const own: ReadonlyArray<Sample> =
      this.#steps === 0 ? [] : [{ name: "bicameral.steps", value: this.#steps }]
    return [...own, ...Array.from(this.#sources, (source) => source()).flat()]
  }
}

/** The meters of this party; none where nobody collects them. */
export class Metering extends Context.Reference<Metering>()("runtime/Metering", {
  defaultValue: (): { readonly meters: Meters | undefined } => ({ meters: undefined })
}) {}

const exportEveryMs = 10_000
const exportWithinMs = 3_000

/** Sends the figures of a party now and then, and a last time when the scope ends. A collector that is away costs the figures. */
export const meters = (actor: string, endpoint: string): Effect.Effect<Meters, never, Scope.Scope> =>
  Effect.gen(function* () {
    const started = yield* Clock.currentTimeMillis
    const made = new Meters()
    const url = `${endpoint.replace(/\/$/, "")}/v1/metrics`
    const send = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const start: Sample = { name: "bicameral.start.time", value: started / 1000 }
      const body = JSON.stringify(otlpOf(actor, [start, ...made.samples], { started, now }))
      return Effect.ignore(
        Effect.tryPromise((signal) =>
          fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body, signal })
        )
      ).pipe(Effect.timeoutOption(Duration.millis(exportWithinMs)), Effect.asVoid)
    })
    yield* Effect.addFinalizer(() => Effect.interruptible(send))
    yield* Effect.forkScoped(Effect.forever(Effect.delay(send, Duration.millis(exportEveryMs))))
    return made
  })

/** Samples as OTLP/HTTP has them in JSON (opentelemetry-proto, ExportMetricsServiceRequest). */
const otlpOf = (
  actor: string,
  samples: ReadonlyArray<Sample>,
  { started, now }: { readonly started: number; readonly now: number }
): object => {
  const text = (key: string, value: string) => ({ key, value: { stringValue: value } })
  const names = [...new Set(samples.map(({ name }) => name))]
  const metrics = names.map((name) => {
    const { description, kind, unit } = instruments[name]
    const dataPoints = samples
      .filter((sample) => sample.name === name)
      .map(({ attributes = [], value }) => ({
        attributes: attributes.map(([key, said]) => text(key, said)),
        startTimeUnixNano: nanoseconds(started),
        timeUnixNano: nanoseconds(now),
        asDouble: value
      }))
    // 2 is cumulative: a sum counts from the start.
    const data =
      kind === "gauge"
        ? { gauge: { dataPoints } }
        : { sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints } }
    return { name, unit, description, ...data }
  })
  return {
    resourceMetrics: [
      {
        resource: { attributes: [text("service.name", `bicameral-${actor}`), text("party", actor)] },
        scopeMetrics: [{ scope: { name: "bicameral" }, metrics }]
      }
    ]
  }
}

const nanoseconds = (ms: number): string => `${BigInt(Math.floor(ms)) * 1_000_000n}`
