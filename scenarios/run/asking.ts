/**
 * An asker of a served model, as a process of its own: who it is, by which admission it asks, and its place in the run. What
 * does not fit together is found out before it connects.
 */
import { Data, Duration, Effect, Layer, Option } from "effect"
import { type Asker, makeAsker } from "../../actors/askers/asker.ts"
import type { AskerError } from "../../actors/askers/errors.ts"
import { agreementDigest, servesModel } from "../../actors/party/agreement.ts"
import { checkKeys } from "../../actors/party/directory.ts"
import { publicTextOf } from "../../protocol/channels/identity.ts"
import { featureCount, labelCount } from "../../protocol/data/description.ts"
import type { Preparation } from "../../protocol/learning/model.ts"
import type { OutOfRange } from "../../protocol/ring/ring.ts"
import { NotAdmitted } from "../../protocol/serving/admission.ts"
import { accessFromEnvironment } from "../../runtime/broker/access.ts"
import { agreementWith, type GivenToRun, keysOfScenario } from "../description/agreement.ts"
import { loadScenario } from "../description/load.ts"
import { checkRunName } from "../description/run-name.ts"
import { readAdmission } from "../folders/admission-file.ts"
import {
  AskerRefused,
  Predictor,
  type PredictorError,
  QuotaRefused,
  TookTooLong,
  Unavailable
} from "../gateway/predictor.ts"
import { ownIdentity, partyKeys } from "./identities.ts"
import { askerLayer, NotServed } from "./serving-process.ts"

/** The identity, the admission and the preparation of an asker do not belong together. */
export class AskerUnfit extends Data.TaggedError("AskerUnfit")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return this.reason
  }
}

export interface AskingOptions extends GivenToRun {
  readonly scenario: string
  /** The file of the asker's identity. */
  readonly identity: Option.Option<string>
  /** The file of its admission; a user of the run needs none. */
  readonly admission: Option.Option<string>
  /** Of a user without an admission: its actor and the run that made the model. */
  readonly user: Option.Option<{ readonly actor: string; readonly run: string }>
  readonly preparation: Preparation
  /** By which admissions name it. */
  readonly preparationDigest: string
}

/** How long the clouds may take to say how they are. */
const standingTimeout = Duration.seconds(5)

/** When a request may be sent again that found the clouds busy. */
const busyRetrySeconds = 1

const predictorError = (error: AskerError | OutOfRange): PredictorError => {
  const { message } = error
  switch (error._tag) {
    case "ServiceRefused":
      return error.error === "QuotaSpent"
        ? new QuotaRefused({ message, retryAfterSeconds: undefined })
        : new AskerRefused({ message })
    case "TryAgain":
      return error.error === "ServiceBusy"
        ? new Unavailable({ message, retryAfterSeconds: busyRetrySeconds })
        : new TookTooLong({ message })
    case "RowsUnfit":
    case "OutOfRange":
      return new AskerRefused({ message })
  }
}

/** What the gateway asks, from an asker. */
export const predictorOf = ({ predict, service }: Asker): Predictor["Type"] => ({
  predict: (features) => Effect.mapError(predict(features), predictorError),
  standing: service.pipe(
    Effect.timeoutFail({
      duration: standingTimeout,
      onTimeout: () => ({ message: `no answer within ${Duration.format(standingTimeout)}` })
    }),
    Effect.match({
      onFailure: ({ message }) => ({ reachable: false, rowsLeft: undefined, reason: message }),
      onSuccess: ({ rowsLeft }) => ({ reachable: true, rowsLeft, reason: undefined })
    })
  )
})

/** The numbers that an asker has to know of a model. */
const shapeOf = ({ data, fractionalBits }: Preparation) => ({
  inputs: featureCount(data),
  outputs: labelCount(data),
  fractionalBits
})

/** The predictor over an asker's place in a run. */
export const predictorIn = (
  place: ReturnType<typeof askerLayer>,
  preparation: Preparation,
  deadlineMs: number
) =>
  Layer.scoped(Predictor, Effect.map(makeAsker({ ...shapeOf(preparation), deadlineMs }), predictorOf)).pipe(
    Layer.provide(place)
  )

/** Who asks of which run: what an admission says, or a user of the run. */
const asking = (options: AskingOptions, agreement: string) =>
  Effect.gen(function* () {
    if (Option.isNone(options.admission)) {
      if (Option.isNone(options.user))
        return yield* new AskerUnfit({
          reason: "an asker needs --admission FILE; a user of the run says --as NAME and --run ID instead"
        })
      return { ...options.user.value, identity: undefined }
    }
    const { statement } = yield* readAdmission(options.admission.value)
    const { asker, preparation, run } = statement
    const refused = (why: NotAdmitted["why"]) => new NotAdmitted({ asker: asker.actor, why, users: [] })
    if (statement.agreement !== agreement) return yield* refused("other-agreement")
    if (preparation !== options.preparationDigest)
      return yield* new AskerUnfit({
        reason:
          "the preparation is not the one that the users have signed; take the file that they gave with the admission"
      })
    return { actor: asker.actor, run, identity: asker.identity }
  })

/** The predictor of an asker over the broker at `NATS_URL`. */
export const connectAsker = (options: AskingOptions) =>
  Effect.gen(function* () {
    const { scenario } = yield* loadScenario(options.scenario)
    const agreement = agreementWith(scenario, options)
    if (!servesModel(agreement)) return yield* new NotServed({ file: options.scenario })
    const { actor, identity, run } = yield* asking(options, agreementDigest(agreement))
    yield* checkRunName(run)
    const own = yield* ownIdentity(actor, options.identity)
    if (identity !== undefined && publicTextOf(own) !== identity)
      return yield* new AskerUnfit({
        reason: `the admission is for another identity than that of ${actor} here; give the identity whose public text the users admitted`
      })
    const keys = new Map(yield* partyKeys(keysOfScenario(scenario)))
    if (identity === undefined) yield* checkKeys(keys, ["cloud0", "cloud1", actor], actor, own.channel)
    else yield* checkKeys(keys.set(actor, own.channel.publicKey), ["cloud0", "cloud1"], actor, own.channel)
    const access = yield* accessFromEnvironment(actor, own.nkey)
    const place = askerLayer({ agreement, run, actor, identity: own.channel, keys, access })
    return predictorIn(place, options.preparation, agreement.deadlines.replyTimeoutMs)
  })
