/** What is known of a run before it starts: its scenario and all data, read and checked, and what a run of them costs and leads to. */
import { randomBytes } from "node:crypto"
import { Data, Effect } from "effect"
import { rootFrom } from "../../actors/party/root.ts"
import { raised } from "../../actors/party/typed-throws.ts"
import { digestsKnowing } from "../../actors/users/join.ts"
import { RareClass } from "../../protocol/data/class-weights.ts"
import { featureCount, labelCount, sourceColumns } from "../../protocol/data/description.ts"
import { assembleWhole } from "../../protocol/data/joint.ts"
import { digestIds } from "../../protocol/data/rows.ts"
import { shown } from "../../protocol/data/spelling.ts"
import { NoValues, ValueTooLarge } from "../../protocol/statistics/statistics.ts"
import { agreementOf } from "../description/agreement.ts"
import { columnsHeldBy } from "../description/data-consistency.ts"
import { checkData, joinData } from "../description/joined.ts"
import { type LoadedScenario, loadScenario, readUserTables } from "../description/load.ts"
import { predictCost } from "../forecast/traffic.ts"
import { foresee } from "../reference/foresight.ts"

/** A name that no user of the scenario has. */
export class NoSuchUser extends Data.TaggedError("NoSuchUser")<{
  readonly file: string
  readonly user: string
  readonly users: ReadonlyArray<string>
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file} has no user ${shown(this.user)}; give one of ${this.users.join(", ")}`
  }
}

/** A user from whose files alone nothing can be trained. */
export class NoWholeRow extends Data.TaggedError("NoWholeRow")<{
  readonly file: string
  readonly user: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file}: ${this.user} holds no row with all features and the label, so it can't train alone; try settings where the files of all users are`
  }
}

/** What may be wrong with what is to become of the cells. */
const unprepared = [NoValues, RareClass, ValueTooLarge] as const

/**
 * Reads and checks a scenario and all data that it names, and foresees what a run of them would do; `givenSeed` replaces the
 * scenario's seed. Fails with everything that is wrong.
 */
export const prepareRun = Effect.fn("Run.prepare")(function* (file: string, givenSeed?: number) {
  return yield* prepareLoaded(yield* loadScenario(file), givenSeed)
})

/** The same of a scenario that is read already. */
export const prepareLoaded = Effect.fn("Run.prepareLoaded")(function* (
  loaded: LoadedScenario,
  givenSeed?: number
) {
  const { scenario } = loaded
  const agreement = agreementOf(scenario, givenSeed ?? scenario.seed)
  const { seed } = agreement
  const data = yield* checkData(loaded)
  // Without a seed the users draw secrets of their own, which hold out other rows; the sizes are the same.
  const drawn = new Uint8Array(randomBytes(32))
  const digestsOf =
    seed === undefined
      ? (ids: ReadonlyArray<string>) => digestIds(drawn, ids)
      : digestsKnowing(agreement, () => rootFrom(drawn))
  const joined = yield* raised(unprepared, () => joinData(scenario, data, digestsOf))
  const predicted = predictCost(scenario, joined)
  /** What may spoil the result. */
  const foreseen = yield* foresee(loaded, agreement, joined)
  return { scenario, agreement, data, joined, predicted, foreseen }
})

/** The training rows of which a user holds every cell, read from its own files alone. */
export const prepareOwn = Effect.fn("Run.prepareOwn")(function* (file: string, userName: string) {
  const loaded = yield* loadScenario(file)
  const { scenario } = loaded
  const agreement = agreementOf(scenario)
  const index = scenario.users.findIndex(({ name }) => name === userName)
  if (index < 0)
    return yield* new NoSuchUser({ file, user: userName, users: scenario.users.map(({ name }) => name) })
  const held = columnsHeldBy(scenario.data, scenario.users[index]!)
  // Before its files are read: of columns that are others' nothing is known.
  if (sourceColumns(scenario.data).some((column) => !held.has(column)))
    return yield* new NoWholeRow({ file, user: userName })
  const own = yield* readUserTables(loaded, index)
  const tables = scenario.users.map((_, user) => (user === index ? own : []))
  const drawn = new Uint8Array(randomBytes(32))
  const { placed, prepared, rows } = yield* raised(unprepared, () =>
    joinData(scenario, { tables }, (ids) => digestIds(drawn, ids))
  )
  const table = assembleWhole(placed[index]!.training, {
    firstRow: 0,
    rows: rows.training,
    features: featureCount(scenario.data),
    labels: labelCount(scenario.data)
  })
  if (table.rows === 0) return yield* new NoWholeRow({ file, user: userName })
  return { agreement, data: prepared, table }
})

export type Prepared = Effect.Effect.Success<ReturnType<typeof prepareRun>>
