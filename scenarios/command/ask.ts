/**
 * `bicameral ask` and `bicameral gateway`: a model that two clouds serve says what it predicts, for the rows of a file or for
 * other programs over HTTP. Rows are prepared on this machine, and what leaves it are shares of them.
 */
import { Console, Data, Effect, Option } from "effect"
import { classesOf } from "../../protocol/data/description.ts"
import type { Preparation } from "../../protocol/learning/model.ts"
import { metricsOf } from "../../protocol/metrics/metrics.ts"
import { tallyOfOutputs } from "../../protocol/metrics/tally.ts"
import { serveGateway } from "../gateway/gateway.ts"
import { isLoopback, type Place } from "../gateway/guard.ts"
import { Predictor } from "../gateway/predictor.ts"
import { settingsOf, unknownFile, withOptions } from "../inspect/file-settings.ts"
import { csvText } from "../model/csv-text.ts"
import { predictedClasses, predictedColumns } from "../model/predictions.ts"
import { readPreparation } from "../model/preparation-file.ts"
import { type PredictedRows, readRows } from "../model/rows.ts"
import { connectAsker } from "../run/asking.ts"
import { answer } from "../text/answer.ts"
import { count, counted } from "../text/units.ts"
import { version } from "../text/version.ts"
import { CannotPredict, tested, writeTable } from "./predict.ts"
import type { Asking, AskRequest, GatewayRequest } from "./serving-commands.ts"

/** Runs work with the predictor of an asker. */
const withPredictor = <A, E, R>(
  request: Asking,
  work: (preparation: Preparation) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const { preparation, digest } = yield* readPreparation(request.preparation)
    const { admission, as, identity, reopens, run, scenario, seed } = request
    const layer = yield* connectAsker({
      ...{ admission, identity, scenario, seed, reopens, preparation, preparationDigest: digest },
      user: Option.map(Option.all({ as, run }), ({ as: actor, run }) => ({ actor, run }))
    })
    return yield* Effect.provide(work(preparation), layer)
  })

/** How many rows have which label, and how good that is beside the labels of the file. */
const summary = (
  preparation: Preparation,
  { labelled, table }: PredictedRows,
  outputs: Float64Array
): ReadonlyArray<string> => {
  const { data, loss } = preparation
  const classes = classesOf(data)
  const found = classes === undefined ? [] : Array.from(predictedClasses(preparation, outputs))
  const rows = (classes ?? [])
    .map((label, place) => ({ label, rows: found.filter((own) => own === place).length }))
    .filter(({ rows }) => rows > 0)
  return [
    ...(rows.length === 0 ? [] : [rows.map(({ label, rows }) => `${label} ${count(rows)}`).join(", ")]),
    ...(labelled ? tested(metricsOf(data, loss, tallyOfOutputs(preparation, outputs, table.labels))) : [])
  ]
}

/** Has the rows of a file predicted; prints them, or writes them to a file and prints what they are like. */
export const askRows = Effect.fn("Ask.rows")(function* (request: AskRequest) {
  const { out, rows: file, written } = request
  const unknown = unknownFile(written, [file])
  if (unknown !== undefined) return yield* unknown
  yield* withPredictor(request, (preparation) =>
    Effect.gen(function* () {
      const read = yield* readRows(preparation, settingsOf(written, file)).pipe(
        Effect.mapError((error) =>
          error._tag === "TableError"
            ? withOptions(error, true)
            : new CannotPredict({ file, reason: error.message })
        )
      )
      const outputs = yield* (yield* Predictor).predict(read.table.features)
      const columns = [
        { name: preparation.data.id, values: read.ids },
        ...predictedColumns(preparation, outputs)
      ]
      const rows = read.ids.length
      if (Option.isNone(out))
        return yield* answer({
          text: csvText(columns).trimEnd(),
          value: { rows, columns: columns.map(({ name, values }) => ({ name, values: [...values] })) }
        })
      yield* writeTable(out.value, columns)
      const said = summary(preparation, read, outputs)
      yield* answer({
        text: [`${counted(rows, "row")} predicted in ${out.value}`, ...said].join("\n"),
        value: { rows, file: out.value, summary: said }
      })
    })
  )
})

/** The gateway is to listen where others reach it, and nobody said that they may. */
export class NotLocal extends Data.TaggedError("NotLocal")<{ readonly host: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.host} is no address of the loopback, and everyone who reaches it would use the asker's quota; say --open if that is meant`
  }
}

export const requireLocal = ({ host }: Place): Effect.Effect<void, NotLocal> =>
  isLoopback(host) ? Effect.void : new NotLocal({ host })

/** Answers HTTP requests until it is interrupted. */
export const runGateway = Effect.fn("Ask.gateway")(function* (request: GatewayRequest) {
  const { names, open, place } = request
  if (!open) yield* requireLocal(place)
  yield* withPredictor(request, (preparation) => gatewayAt({ preparation, place, names }))
})

/** Serves a gateway over a predictor until it is interrupted. */
export const gatewayAt = (
  options: Pick<Parameters<typeof serveGateway>[0], "preparation" | "place" | "names">
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { port } = yield* serveGateway({ ...options, version: version() })
      const { host } = options.place
      const address = `http://${host.includes(":") ? `[${host}]` : host}:${port}`
      yield* Console.log(`${address}/predict answers; ${address}/openapi.json describes it; Ctrl-C ends it`)
      return yield* Effect.never
    })
  )
