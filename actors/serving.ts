/**
 * The parties of a served model. They are started from the folders of a run that has ended: each cloud has its share of the
 * model there, under its state key, and nothing else of the run. They serve until they are ended.
 */
import { Effect, Option } from "effect"
import { maxAskers } from "../protocol/messages/subjects.ts"
import type { AdmissionStatement } from "../protocol/serving/admission.ts"
import { Party } from "../runtime/messaging/contract.ts"
import { Stable } from "../runtime/storage/store.ts"
import { accountsOf } from "./clouds/serving/accounts.ts"
import { makeWake, servingAtCloud0 } from "./clouds/serving/at-cloud0.ts"
import { servingAtCloud1 } from "./clouds/serving/at-cloud1.ts"
import { Requests } from "./clouds/serving/requests.ts"
import { trainedEntry, trainedFormat } from "./clouds/training/session.ts"
import { dealingService } from "./kgc/service.ts"
import { type Agreement, actorsOf, servedPlan } from "./party/agreement.ts"
import { NoModelToServe } from "./party/serving-errors.ts"

export type ServingRole = "kgc" | "cloud0" | "cloud1"

/** The cloud's share of the model. */
const shareOfModel = Effect.gen(function* () {
  const { name } = yield* Party
  const stored = yield* (yield* Stable).get(trainedEntry)
  if (Option.isNone(stored)) return yield* new NoModelToServe({ party: name })
  return (yield* trainedFormat.decode(stored.value)).words
})

const kgc = (agreement: Agreement) =>
  Effect.gen(function* () {
    const party = yield* Party
    yield* party.serve(yield* dealingService(servedPlan(agreement)))
    yield* party.announce(actorsOf(agreement).filter((peer) => peer !== party.name))
    return yield* Effect.never
  })

const cloud = (agreement: Agreement, cloud: 0 | 1, admitted: ReadonlyArray<AdmissionStatement>) =>
  Effect.gen(function* () {
    const party = yield* Party
    const plan = servedPlan(agreement)
    const share = yield* shareOfModel
    const { wake, woken } = yield* makeWake
    const requests = new Requests({
      ...{ agreement, cloud, plan, onMore: wake },
      accounts: yield* accountsOf(admitted)
    })
    const options = { agreement, cloud, plan, share }
    const announced = party.announce([
      ...actorsOf(agreement).filter((peer) => peer !== party.name),
      ...Array.from({ length: maxAskers }, (_, k) => `asker${k + 1}`)
    ])
    if (cloud === 0) {
      const { handlers, serving } = yield* servingAtCloud0(options, requests, { wake, woken })
      yield* party.serve([...requests.handlers(), ...handlers])
      yield* announced
      return yield* serving
    }
    const { handlers, rejoin } = yield* servingAtCloud1(options, requests, { wake, woken })
    yield* party.serve([...requests.handlers(), ...handlers])
    yield* announced
    yield* rejoin
    return yield* Effect.never
  })

/** Serves in a role, until it is interrupted. */
export const serveModel = (
  agreement: Agreement,
  role: ServingRole,
  admitted: ReadonlyArray<AdmissionStatement>
) => Effect.scoped(role === "kgc" ? kgc(agreement) : cloud(agreement, role === "cloud0" ? 0 : 1, admitted))
