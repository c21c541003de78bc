/**
 * A lane that deals abreast of its main process where the clouds deal: with the lane of the other cloud that has the same
 * rows, the groups of stretches that its main process asks it for. Beside its steps, or ahead of the training, and for one
 * session at a time.
 */
import { Effect, ExecutionStrategy, Exit, Fiber, Redacted, Scope } from "effect"
import { batchOrder } from "../../../../protocol/learning/order.ts"
import { actorOf } from "../../../../protocol/messages/subjects.ts"
import { Party } from "../../../../runtime/messaging/contract.ts"
import { type Agreement, planOf } from "../../../party/agreement.ts"
import { NotExpected, onFrom } from "../../../party/handlers.ts"
import { dealingGroups, dealingStrands, stretchesOf } from "../../../party/stretches.ts"
import { dealingWith } from "../../randomness/from-clouds.ts"
import { DealGroup, type GroupToDeal } from "./requests.ts"

/** Serves a lane's main process. All dealing ends with the scope. */
export const dealingOfLane = (agreement: Agreement) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const main = actorOf((yield* Party).name)
    const oneAtATime = yield* Effect.makeSemaphore(1)
    let current: Effect.Effect.Success<ReturnType<typeof begun>> | undefined
    const begun = (asked: GroupToDeal) =>
      Effect.gen(function* () {
        const { dealt, epoch, of, orderKey, peer, step } = asked
        const plan = planOf(agreement, of)
        const within = yield* Scope.fork(scope, ExecutionStrategy.sequential)
        const groups = dealingGroups(plan, stretchesOf(plan, step).slice(dealt))
        const dealtWith = { peer, session: epoch, plan, order: batchOrder(plan, orderKey) }
        const prgKey = Redacted.make(asked.prgKey)
        const begin = (_: unknown, strand: number) =>
          Scope.extend(
            dealingWith(agreement, main === "cloud0" ? 0 : 1, prgKey, { ...dealtWith, strand }),
            within
          )
        const strands = yield* Effect.forEach(
          Array.from({ length: dealingStrands(groups) }, begin),
          Effect.cached
        )
        return { epoch, within, groups, strands }
      })
    const sessionOf = (asked: GroupToDeal) =>
      Effect.gen(function* () {
        if (current !== undefined && current.epoch !== asked.epoch) {
          if (asked.epoch < current.epoch)
            return yield* new NotExpected({ what: "a group to deal of an earlier session", party: main })
          yield* Scope.close(current.within, Exit.void)
          current = undefined
        }
        current ??= yield* begun(asked)
        return current
      }).pipe(oneAtATime.withPermits(1))
    const handler = onFrom(main, DealGroup, (asked) =>
      Effect.gen(function* () {
        const { groups, strands, within } = yield* sessionOf(asked)
        const [group, deal] = [groups[asked.group], strands[asked.strand]]
        if (group === undefined || deal === undefined)
          return yield* new NotExpected({ what: `a group of stretches ${asked.group}`, party: main })
        // In the scope of the session: a later one ends it.
        const dealing = yield* Effect.forkIn(
          Effect.flatMap(deal, (each) => each(group)),
          within
        )
        return { corrections: yield* Fiber.join(dealing) }
      })
    )
    return { ...handler, waits: true }
  })
