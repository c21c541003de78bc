/**
 * The HTTP gateway at the asker's side: other programs send rows as JSON to this machine, and what leaves it are shares of
 * prepared rows. It is written over `Predictor`, whoever computes the outputs.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Layer, Logger } from "effect"
import type { Preparation } from "../../protocol/learning/model.ts"
import { serveHttp } from "../../runtime/http/server.ts"
import { featuresOfJson } from "../model/json-rows.ts"
import { aboutModel, predictionsOf } from "./answers.ts"
import {
  GatewayApi,
  mostBodyBytes,
  mostRowsAsked,
  NoAnswerInTime,
  NotJson,
  NotServed,
  NotUnderstood,
  openApi,
  QuotaUsedUp,
  RowsNotFit,
  readPredictRequest,
  TooLarge,
  TryAgainLater,
  Unhealthy
} from "./api.ts"
import { hostsOf, isLoopback, type Place, refusalOf } from "./guard.ts"
import { Predictor, type PredictorError } from "./predictor.ts"

export interface GatewayOptions {
  readonly preparation: Preparation
  readonly place: Place
  /** Other names by which it may be asked. */
  readonly names: ReadonlyArray<string>
  /** Of the program. */
  readonly version: string
}

/** Predictions under way at a time; further ones are refused with `Retry-After`. */
const mostRequests = 32
const busyRetrySeconds = 1
/** How long the standing of the clouds is reused. */
const standingFor = "1 second"

/** Says when to come back, as the header of an answer that is an error. */
const retryAfter = (seconds: number) =>
  HttpApp.appendPreResponseHandler((_, response) =>
    Effect.succeed(
      HttpServerResponse.setHeader(response, "retry-after", String(Math.max(1, Math.ceil(seconds))))
    )
  )

/** An error of who computes, as the answer to a request. */
const inHttp = (error: PredictorError) =>
  Effect.gen(function* () {
    const { message } = error
    switch (error._tag) {
      case "QuotaRefused": {
        if (error.retryAfterSeconds !== undefined) yield* retryAfter(error.retryAfterSeconds)
        return yield* new QuotaUsedUp({ message })
      }
      case "Unavailable": {
        yield* retryAfter(error.retryAfterSeconds)
        return yield* new TryAgainLater({ message })
      }
      case "TookTooLong":
        return yield* new NoAnswerInTime({ message })
      case "AskerRefused":
        return yield* new NotServed({ message })
    }
  })

/** The rows of a request, checked but for their cells. */
const rowsOf = (contentType: string | undefined, text: string) =>
  Effect.gen(function* () {
    if (!/^application\/json\s*(;|$)/i.test(contentType ?? ""))
      return yield* new NotJson({ message: "send rows with the content type application/json" })
    const notUnderstood = () =>
      new NotUnderstood({ message: 'the body is not of the form {"rows": [{…}, …]}; send at least one row' })
    const parsed = yield* Effect.try({ try: (): unknown => JSON.parse(text), catch: notUnderstood })
    const { rows } = yield* Effect.mapError(readPredictRequest(parsed), notUnderstood)
    if (rows.length === 0) return yield* notUnderstood()
    if (rows.length > mostRowsAsked)
      return yield* new TooLarge({
        message: `a request has at most ${mostRowsAsked} rows; send them in several requests`
      })
    return rows
  })

const predictRows = (preparation: Preparation, rows: ReadonlyArray<unknown>) =>
  Effect.gen(function* () {
    const { predict } = yield* Predictor
    const { ids, features } = yield* Effect.mapError(
      featuresOfJson(preparation.data, rows),
      ({ message, problems, more }) => new RowsNotFit({ message, problems: [...problems], more })
    )
    const outputs = yield* Effect.catchAll(predict(features), inHttp)
    return { predictions: predictionsOf(preparation, ids, outputs) }
  })

const handlers = (preparation: Preparation) =>
  HttpApiBuilder.group(GatewayApi, "gateway", (group) =>
    group
      .handleRaw("predict", ({ request }) =>
        Effect.gen(function* () {
          const text = yield* Effect.orDie(request.text)
          const rows = yield* rowsOf(request.headers["content-type"], text)
          return yield* predictRows(preparation, rows)
        })
      )
      .handle("health", () =>
        Effect.gen(function* () {
          const { reachable, rowsLeft, reason } = yield* (yield* Predictor).standing
          if (!reachable)
            return yield* new Unhealthy({ clouds: "unreachable", reason: reason ?? "no answer" })
          return { clouds: "reachable" as const, ...(rowsLeft !== undefined && { rowsLeft }) }
        })
      )
      .handle("model", () => Effect.succeed(aboutModel(preparation)))
  )

const openApiPath = "/openapi.json"

/** The predictor, whose standing is asked for again after a while and after each prediction. */
const withStandingKept = Effect.gen(function* () {
  const { predict, standing } = yield* Predictor
  const [kept, askAgain] = yield* Effect.cachedInvalidateWithTTL(standing, standingFor)
  return {
    predict: (features: Float64Array) => Effect.ensuring(predict(features), askAgain),
    standing: kept
  }
})

/** Serves until the scope ends; returns the port. */
export const serveGateway = (options: GatewayOptions) =>
  Effect.gen(function* () {
    const { preparation, place, names, version } = options
    const predictor = yield* withStandingKept
    const api = HttpApiBuilder.api(GatewayApi).pipe(
      Layer.provide(handlers(preparation)),
      Layer.provide(Layer.succeed(Predictor, predictor))
    )
    const { handler, dispose } = HttpApiBuilder.toWebHandler(
      Layer.mergeAll(api, HttpServer.layerContext, Logger.remove(Logger.defaultLogger))
    )
    yield* Effect.addFinalizer(() => Effect.promise(dispose))
    const document = openApi(version)
    let hosts = hostsOf(place, names)
    const port = yield* serveHttp({
      ...place,
      mostBodyBytes,
      refuse: (headers) => refusalOf(hosts, headers),
      tooLarge: {
        status: 413,
        body: {
          _tag: "TooLarge",
          message: `a request has at most ${mostBodyBytes} bytes; send rows in several requests`
        }
      },
      mostAtWork: mostRequests,
      busy: {
        status: 503,
        headers: { "retry-after": String(busyRetrySeconds) },
        body: {
          _tag: "TryAgainLater",
          message: `the gateway is at work on ${mostRequests} requests; try again`
        }
      },
      handle: (request) =>
        request.method === "GET" && new URL(request.url).pathname === openApiPath
          ? Promise.resolve(Response.json(document))
          : handler(request)
    })
    hosts = hostsOf({ ...place, port }, names)
    return { port, isLocal: isLoopback(place.host) }
  })
