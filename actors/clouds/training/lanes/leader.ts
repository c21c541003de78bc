/**
 * The leader of a cloud's lanes, its main process, which is itself lane 0 (section 6 of
 * docs/concepts/protocol.md). It enlists the lanes that are ready when a session begins, and in each step
 * hands out the opened weights and its shares of the biases, and gathers shares of the gradients. A lane that
 * fails or falls silent ends the session; the next is without it.
 */
import { type Context, Deferred, Duration, Effect, type Scope } from "effect"
import { wordBytes } from "../../../../protocol/bytes.ts"
import { rowsOfLanes } from "../../../../protocol/computation/lanes.ts"
import { Deal } from "../../../../protocol/messages/training.ts"
import type { Matrix } from "../../../../protocol/ring/ring.ts"
import { exchange, type Handler, Party, type Rounds } from "../../../../runtime/messaging/contract.ts"
import { type WorkLimits, workLimits } from "../../../../runtime/messaging/limits.ts"
import { awakeMillis } from "../../../../runtime/processes/awake.ts"
import { type Agreement, partTimeoutMs, planOf, trainedRows } from "../../../party/agreement.ts"
import { NotExpected, onMembers } from "../../../party/handlers.ts"
import type { LaneLost } from "../../../party/lane-lost.ts"
import type { LaneDealer, Supply } from "../../randomness/provider.ts"
import type { SharedTable } from "../../transformation/joint-table.ts"
import { LaneRegister } from "./register.ts"
import {
  Assign,
  DealGroup,
  Enter,
  gatherRound,
  handOutRound,
  LaneFailed,
  LaneRows,
  laneDeadlines,
  lanePhase
} from "./requests.ts"

/** Two lanes, one of each cloud, that hold the same rows. */
export interface LanePair {
  readonly own: string
  readonly peer: string
}

/** What the leader shares out in a session. */
export interface Enlisting {
  readonly epoch: number
  readonly step: number
  readonly pairs: ReadonlyArray<LanePair>
  readonly table: SharedTable
  readonly prgKey: Uint8Array
  readonly orderKey: Uint8Array
  /** What a lane gets of what this process deals, where it deals. */
  readonly ofLane?: Supply["ofLane"]
}

/** What lanes deal for in a session. */
export interface DealingSession extends Pick<Enlisting, "epoch" | "step" | "pairs" | "prgKey" | "orderKey"> {
  /** Number of rows. */
  readonly of: number
  /** How many stretches after `step` C1 has stored. */
  readonly dealt: number
}

/** The lanes at work in a session. */
export interface Enlisted {
  /** Hands out the weights of a step, and returns each lane's shares of the gradients on its slice. */
  readonly gradients: (step: number, handed: Uint8Array) => Effect.Effect<ReadonlyArray<Uint8Array>, LaneLost>
  /** Lets the lanes go, which wait for the weights of this step: the training ends before its time. */
  readonly dismiss: (step: number) => Effect.Effect<void>
  /** Fails as soon as a lane is lost. */
  readonly lost: Effect.Effect<never, LaneLost>
}

export interface Lanes {
  readonly handlers: ReadonlyArray<Handler<unknown, never>>
  /** The lanes that are ready, in the order in which they arrived. */
  readonly ready: Effect.Effect<ReadonlyArray<string>>
  /** The lanes of a session as dealers, whether enlisted yet or not. */
  readonly dealers: (session: DealingSession) => ReadonlyArray<LaneDealer>
  /** Fails as soon as one of these lanes has been silent for too long. Lanes that are enlisted are watched anyway. */
  readonly lost: (pairs: ReadonlyArray<LanePair>) => Effect.Effect<never, LaneLost>
  /** Assigns its rows to each lane of a session; done once all lanes have them. */
  readonly enlist: (enlisting: Enlisting) => Effect.Effect<Enlisted, LaneLost, Scope.Scope>
}

const noneEnlisted: Enlisted = {
  gradients: () => Effect.succeed([]),
  dismiss: () => Effect.void,
  lost: Effect.never
}

/** The lanes of this cloud. `onChange` receives the number of ready lanes whenever one arrives. */
export const lanesOf = (
  agreement: Agreement,
  onChange: (ready: number) => Effect.Effect<void>,
  limits: WorkLimits = workLimits
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const scope = yield* Effect.scope
    const awake = yield* awakeMillis(limits.aliveEveryMs)
    const leader = new Leader(agreement, limits, awake, party)
    const onNewLane = Effect.flatMap(leader.ready, ({ length }) => onChange(length))
    const lanes: Lanes = {
      // The lane does not wait for the listener, which may be waiting for the other cloud.
      handlers: leader.handlers(Effect.asVoid(Effect.forkIn(onNewLane, scope))),
      ready: leader.ready,
      dealers: (session) => leader.dealers(session),
      lost: (pairs) => leader.lost(pairs),
      enlist: (enlisting) =>
        enlisting.pairs.length === 0 ? Effect.succeed(noneEnlisted) : leader.enlist(enlisting)
    }
    return lanes
  })

/** The session of which lanes are at work. */
interface LaneSession {
  readonly epoch: number
  /** Ends the session when one of its lanes fails. */
  readonly lost: Deferred.Deferred<never, LaneLost>
  /** The table, until every lane has its rows. */
  table: SharedTable | undefined
  readonly ofLane: Supply["ofLane"]
}

class Leader {
  readonly #agreement: Agreement
  readonly #limits: WorkLimits
  readonly #awake: Effect.Effect<number>
  readonly #party: Context.Tag.Service<Party>
  readonly #register: LaneRegister
  #session: LaneSession | undefined

  constructor(
    agreement: Agreement,
    limits: WorkLimits,
    awake: Effect.Effect<number>,
    party: Context.Tag.Service<Party>
  ) {
    this.#agreement = agreement
    this.#limits = limits
    this.#awake = awake
    this.#party = party
    this.#register = new LaneRegister(limits.leaseMs)
  }

  readonly ready = Effect.suspend(() => Effect.map(this.#awake, (now) => this.#register.ready(now)))

  /** The lanes' requests. `onNewLane` runs whenever a lane arrives. */
  handlers(onNewLane: Effect.Effect<void>) {
    const { name } = this.#party
    return [
      onMembers(name, Enter, (_, from) =>
        Effect.gen(this, function* () {
          if (this.#register.heard(from, yield* this.#awake)) yield* onNewLane
          return {}
        })
      ),
      onMembers(name, LaneFailed, ({ epoch, reason }, from) =>
        Effect.gen(this, function* () {
          // The failure of an earlier session is known.
          if (this.#session?.epoch === epoch)
            yield* Deferred.fail(this.#session.lost, this.#register.failed(from, reason))
          return {}
        })
      ),
      onMembers(name, LaneRows, ({ epoch, first, count }, from) =>
        Effect.suspend(() => {
          const table = this.#session?.epoch === epoch ? this.#session.table : undefined
          return table === undefined || first + count > table.rows
            ? new NotExpected({ what: `a request for rows of session ${epoch}`, party: from })
            : Effect.succeed(rowsFrom(table, first, count))
        })
      ),
      {
        ...onMembers(name, Deal, (request, from) =>
          Effect.suspend(() => {
            const ofLane = this.#session?.ofLane
            return ofLane === undefined
              ? new NotExpected({ what: "a request for corrections", party: from })
              : Effect.map(ofLane(request, from), (corrections) => ({ corrections }))
          })
        ),
        waits: true
      }
    ]
  }

  dealers(dealing: DealingSession): ReadonlyArray<LaneDealer> {
    const { dealt, epoch, of, orderKey, pairs, prgKey, step } = dealing
    const session = { dealt, epoch, of, orderKey, prgKey, step }
    const ask = { deadlineMs: partTimeoutMs(this.#agreement), phase: "train" }
    return pairs.map(
      ({ own, peer }): LaneDealer =>
        (group, strand) =>
          this.#party.ask(own, DealGroup, { ...session, peer, group, strand }, ask).pipe(
            Effect.map(({ corrections }) => corrections),
            Effect.mapError(({ message }) => this.#register.failed(own, message))
          )
    )
  }

  enlist(enlisting: Enlisting): Effect.Effect<Enlisted, LaneLost, Scope.Scope> {
    return Effect.gen(this, function* () {
      const { epoch, ofLane, pairs, table } = enlisting
      const session: LaneSession = { epoch, lost: yield* Deferred.make<never, LaneLost>(), table, ofLane }
      this.#session = session
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          if (this.#session === session) this.#session = undefined
        })
      )
      const lost = Effect.raceFirst(Deferred.await(session.lost), this.lost(pairs))
      const handedOver = Effect.sync(() => {
        session.table = undefined
      })
      yield* this.#assign(enlisting).pipe(Effect.raceFirst(lost), Effect.ensuring(handedOver))
      const plan = planOf(this.#agreement, table.rows)
      const links = yield* Effect.forEach(pairs, ({ own }) =>
        Effect.map(
          this.#party.rounds(own, lanePhase(epoch), laneDeadlines(this.#agreement, plan)),
          (rounds) => ({
            own,
            rounds
          })
        )
      )
      const enlisted: Enlisted = {
        gradients: (step, handed) =>
          Effect.forEach(links, ({ own, rounds }) => this.#gathered(own, rounds, step, handed), {
            concurrency: "unbounded"
          }),
        dismiss: (step) =>
          Effect.forEach(
            links,
            ({ rounds }) => Effect.ignore(exchange(rounds, handOutRound(step), new Uint8Array(0))),
            { concurrency: "unbounded", discard: true }
          ),
        lost
      }
      return enlisted
    })
  }

  /** Gives each lane its assignment; done once all have their rows. */
  #assign({ epoch, step, pairs, table, prgKey, orderKey }: Enlisting): Effect.Effect<void, LaneLost> {
    const parts = rowsOfLanes(trainedRows(this.#agreement, table.rows), pairs.length + 1)
    const common = { epoch, step, of: table.rows, prgKey, orderKey }
    const ask = { deadlineMs: partTimeoutMs(this.#agreement) }
    return Effect.forEach(
      pairs,
      ({ own, peer }, i) =>
        this.#party
          .ask(own, Assign, { ...common, peer, ...parts[i + 1]! }, ask)
          .pipe(Effect.mapError(({ message }) => this.#register.failed(own, message))),
      { concurrency: "unbounded", discard: true }
    )
  }

  /** One step with one lane: the weights out, its gradients back. */
  #gathered(own: string, rounds: Rounds, step: number, handed: Uint8Array) {
    return exchange(rounds, handOutRound(step), handed).pipe(
      Effect.zipRight(exchange(rounds, gatherRound(step), new Uint8Array(0))),
      Effect.mapError(({ message }) => this.#register.failed(own, message))
    )
  }

  /** Fails once one of these lanes has been silent for the time of a lease. */
  lost(pairs: ReadonlyArray<LanePair>): Effect.Effect<never, LaneLost> {
    const { aliveEveryMs, leaseMs } = this.#limits
    return this.#awake.pipe(
      Effect.flatMap((now) => {
        const silent = pairs.find(({ own }) => this.#register.silent(own, now))
        return silent === undefined
          ? Effect.void
          : this.#register.failed(silent.own, `it was silent for ${leaseMs / 1000} s`)
      }),
      Effect.delay(Duration.millis(aliveEveryMs)),
      Effect.forever
    )
  }
}

/** Rows of a table as words: copies. */
const rowsFrom = ({ ring, features, labels }: SharedTable, first: number, count: number) => {
  const words = ({ at, cols }: Matrix) =>
    ring.bytes(at + first * cols * wordBytes, count * cols * wordBytes).slice()
  return { features: words(features), labels: words(labels) }
}
