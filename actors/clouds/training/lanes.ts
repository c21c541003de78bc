/**
 * The lanes of a cloud beside its main process, which is lane 0 (section 6 of docs/protocol.md): which there are, what each is told when a
 * session begins, and the exchange of each step: the opened weights and shares of the biases one way, shares of the gradients
 * back. All of it is under the house key. A lane that falls silent or fails ends the session, and the next is without it.
 */
import { Data, Deferred, Duration, Effect, Option, type Scope } from "effect"
import { rowsOfLanes } from "../../../protocol/computation/lanes.ts"
import { free } from "../../../protocol/free.ts"
import { Bytes, Count } from "../../../protocol/messages/message.ts"
import { Schema } from "../../../protocol/schema.ts"
import { exchange, type Handler, Party, type Rounds } from "../../../runtime/messaging/contract.ts"
import { type WorkLimits, workLimits } from "../../../runtime/messaging/limits.ts"
import { awakeMillis } from "../../../runtime/processes/awake.ts"
import { askHouse, House, houseAsk, onHouse } from "../../group/process-group.ts"
import { type Agreement, partTimeoutMs, roundDeadlines } from "../../party/agreement.ts"
import { NotExpected } from "../../party/gathering.ts"
import type { SharedTable } from "../transformation/shared-table.ts"

/** A lane is there and waits for what it is told. */
export const Enter = houseAsk("EnterLane", Schema.Struct({}), Schema.Struct({}))

/** What a lane works on from now on, whatever it did before. It replies when it has its rows. */
const Assignment = Schema.Struct({
  epoch: Count,
  /** The step whose weights lane 0 has. */
  step: Count,
  /** The other cloud's lane of the same rows. */
  peer: Schema.String,
  /** Rows of the training matrix, and those of them that are this lane's. */
  of: Count,
  from: Count,
  end: Count,
  prgKey: Bytes,
  orderKey: Bytes
})
export type Assignment = typeof Assignment.Type
export const Assign = houseAsk("AssignLane", Assignment, Schema.Struct({}))

/** A lane's session ended before the training did. */
export const LaneFailed = houseAsk(
  "LaneFailed",
  Schema.Struct({ epoch: Count, reason: Schema.String }),
  Schema.Struct({})
)

/** Rows of the joint table for a lane, `count` from `first` on: this cloud's shares, as words. */
export const LaneRows = houseAsk(
  "LaneRows",
  Schema.Struct({ epoch: Count, first: Count, count: Count }),
  Schema.Struct({ features: Bytes, labels: Bytes })
)

/** What is sealed in the rounds of a lane with lane 0. */
export const weightsOf = (epoch: number, step: number): string => `weights of step ${step} in epoch ${epoch}`
export const gradientsOf = (epoch: number, step: number): string =>
  `gradients of step ${step} in epoch ${epoch}`
/** The phase of these rounds; two a step, one each way. */
export const lanePhase = (epoch: number): string => `lane.${epoch}`
export const handOutRound = (step: number): number => 2 * step
export const gatherRound = (step: number): number => 2 * step + 1

/** In the rounds of lane 0 with a lane either waits also while the other waits for the other cloud, whose word on who is late comes first. */
export const laneDeadlines = (agreement: Agreement) => ({
  ...roundDeadlines(agreement),
  deadlineMs: 2 * agreement.deadlines.roundTimeoutMs
})

/** A lane is needed and does not do its part. */
export class LaneLost extends Data.TaggedError("LaneLost")<{
  readonly lane: string
  readonly reason: string
}> {
  readonly retryable = true
  override get message(): string {
    return `the lane ${this.lane} was lost: ${this.reason}; the training goes on without it; see its event log and that it runs and reaches the broker, or start another lane`
  }
}

/** Two lanes that hold the same rows. */
export interface LanePair {
  readonly own: string
  readonly peer: string
}

/** What lane 0 shares out in a session. */
export interface Enlisting {
  readonly epoch: number
  readonly step: number
  readonly pairs: ReadonlyArray<LanePair>
  readonly table: SharedTable
  readonly prgKey: Uint8Array
  readonly orderKey: Uint8Array
}

/** The lanes at work in a session. */
export interface Enlisted {
  /** Each lane's shares of the gradients on its slice. */
  readonly gradients: (step: number, handed: Uint8Array) => Effect.Effect<ReadonlyArray<Uint8Array>, LaneLost>
  /** Fails as soon as one is lost. */
  readonly lost: Effect.Effect<never, LaneLost>
}

export interface Lanes {
  readonly handlers: ReadonlyArray<Handler<unknown, never>>
  /** Those that are ready, those that came first before the others. */
  readonly ready: Effect.Effect<ReadonlyArray<string>>
  /** Tells each what it works on, and gives it its rows. */
  readonly enlist: (enlisting: Enlisting) => Effect.Effect<Enlisted, LaneLost, Scope.Scope>
}

/** Where there is no house there are no lanes. */
export const noLanes: Lanes = {
  handlers: [],
  ready: Effect.succeed([]),
  enlist: () => Effect.succeed({ gradients: () => Effect.succeed([]), lost: Effect.never })
}

/** A lane that failed so often is not taken again. */
const mostFailures = 3
/** Lanes whose failures are counted; each start of one has another name. */
const mostNames = 1024

/** The lanes of this cloud. `onChange` hears how many are ready, whenever one comes. */
export const lanesOf = (
  agreement: Agreement,
  onChange: (ready: number) => Effect.Effect<void>,
  limits: WorkLimits = workLimits
) =>
  Effect.gen(function* () {
    const found = yield* Effect.serviceOption(House)
    if (Option.isNone(found) || !found.value.open) return noLanes
    const house = found.value
    const party = yield* Party
    const scope = yield* Effect.scope
    /** When each was last heard of, in time that this process was awake. */
    const known = new Map<string, number>()
    /** How often each has failed in this run, there or not. */
    const failures = new Map<string, number>()
    const awake = yield* awakeMillis(limits.aliveEveryMs)
    /** The session that is under way; it ends with what is told of one of its lanes. */
    let underWay: { readonly epoch: number; readonly lost: Deferred.Deferred<never, LaneLost> } | undefined
    let serving: { readonly epoch: number; readonly table: SharedTable } | undefined

    const silent = (name: string, now: number): boolean => {
      const heardAt = known.get(name)
      return heardAt === undefined || now - heardAt > limits.leaseMs
    }
    const ready = Effect.map(awake, (now) => {
      for (const name of known.keys()) if (silent(name, now)) known.delete(name)
      return Array.from(known.keys()).filter((name) => (failures.get(name) ?? 0) < mostFailures)
    })
    const failed = (lane: string, reason: string) => {
      const count = (failures.get(lane) ?? 0) + 1
      failures.delete(lane)
      if (failures.size >= mostNames) failures.delete(failures.keys().next().value!)
      failures.set(lane, count)
      return new LaneLost({ lane, reason })
    }

    const handlers = [
      onHouse(Enter, (_, from) =>
        Effect.gen(function* () {
          const before = known.has(from)
          known.set(from, yield* awake)
          // The lane does not wait for whoever hears it, who may be away.
          if (!before) yield* Effect.forkIn(onChange((yield* ready).length), scope)
          return {}
        })
      ),
      onHouse(LaneFailed, ({ epoch, reason }, from) =>
        Effect.gen(function* () {
          // Of an earlier session it is nothing new.
          if (underWay?.epoch === epoch) yield* Deferred.fail(underWay.lost, failed(from, reason))
          return {}
        })
      ),
      onHouse(LaneRows, ({ epoch, first, count }, from) =>
        Effect.gen(function* () {
          if (serving?.epoch !== epoch || first + count > serving.table.rows)
            return yield* new NotExpected({ what: `a request for rows of epoch ${epoch}`, party: from })
          const { ring, features, labels } = serving.table
          const words = (x: typeof features) =>
            ring.bytes(x.at + first * x.cols * 8, count * x.cols * 8).slice()
          return { features: words(features), labels: words(labels) }
        })
      )
    ]

    const enlist: Lanes["enlist"] = ({ epoch, step, pairs, table, prgKey, orderKey }) =>
      Effect.gen(function* () {
        if (pairs.length === 0) return yield* noLanes.enlist({ epoch, step, pairs, table, prgKey, orderKey })
        serving = { epoch, table }
        const lost = yield* Deferred.make<never, LaneLost>()
        underWay = { epoch, lost }
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            if (underWay?.epoch === epoch) underWay = undefined
          })
        )
        const anyLost = Effect.raceFirst(Deferred.await(lost), lostOf(pairs))
        const parts = rowsOfLanes(table.rows, pairs.length + 1)
        const told = { epoch, step, of: table.rows, prgKey, orderKey }
        yield* Effect.forEach(
          pairs,
          ({ own, peer }, i) =>
            askHouse(
              own,
              Assign,
              { ...told, peer, ...parts[i + 1]! },
              { deadlineMs: partTimeoutMs(agreement) }
            ).pipe(Effect.mapError(({ message }) => failed(own, message))),
          { concurrency: "unbounded", discard: true }
        ).pipe(
          Effect.raceFirst(anyLost),
          Effect.ensuring(
            Effect.sync(() => {
              if (serving?.epoch === epoch) serving = undefined
            })
          )
        )
        const links = yield* Effect.forEach(pairs, ({ own }) =>
          Effect.map(party.rounds(own, lanePhase(epoch), laneDeadlines(agreement)), (rounds) => ({
            own,
            rounds
          }))
        )
        const enlisted: Enlisted = {
          gradients: (step, handed) =>
            Effect.forEach(links, (link) => gathered(link, epoch, step, handed), {
              concurrency: "unbounded"
            }),
          lost: anyLost
        }
        return enlisted
      }).pipe(Effect.provideService(House, house), Effect.provideService(Party, party))

    const gathered = (
      { own, rounds }: { readonly own: string; readonly rounds: Rounds },
      epoch: number,
      step: number,
      handed: Uint8Array
    ) =>
      Effect.gen(function* () {
        const sealed = yield* house.seal(own, weightsOf(epoch, step), handed)
        yield* exchange(rounds, handOutRound(step), sealed)
        free(sealed)
        const found = yield* exchange(rounds, gatherRound(step), new Uint8Array(0))
        const gradients = yield* house.unseal(own, gradientsOf(epoch, step), found)
        free(found)
        return gradients
      }).pipe(Effect.mapError(({ message }) => failed(own, message)))

    const lostOf = (pairs: ReadonlyArray<LanePair>): Effect.Effect<never, LaneLost> =>
      awake.pipe(
        Effect.flatMap((now) => {
          const gone = pairs.find(({ own }) => silent(own, now))
          return gone === undefined
            ? Effect.void
            : failed(gone.own, `nothing was heard of it for ${limits.leaseMs / 1000} s`)
        }),
        Effect.delay(Duration.millis(limits.aliveEveryMs)),
        Effect.forever
      )

    const lanes: Lanes = {
      handlers: handlers.map((each) => ({
        ...each,
        handle: (...request) => Effect.provideService(each.handle(...request), House, house)
      })),
      ready,
      enlist
    }
    return lanes
  })
