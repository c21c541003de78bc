/**
 * What is known of a training from an archive before it starts. What is trained on is in the archive; the users' files are
 * not needed, and are read for the references alone, where they are there and still what they were.
 */
import { randomBytes } from "node:crypto"
import { Effect, Either } from "effect"
import { wholeRows } from "../../actors/clouds/transformation/reopened-table.ts"
import { trainedRows } from "../../actors/party/agreement.ts"
import { requireSettled } from "../../actors/party/archived.ts"
import { rootFrom } from "../../actors/party/root.ts"
import { raised } from "../../actors/party/typed-throws.ts"
import { digestsKnowing } from "../../actors/users/join.ts"
import { denseCells } from "../../protocol/data/cells.ts"
import { RareClass } from "../../protocol/data/class-weights.ts"
import { jointColumns, type Prepared as PreparedData } from "../../protocol/data/description.ts"
import type { JointTable } from "../../protocol/data/joint.ts"
import { digestIds } from "../../protocol/data/rows.ts"
import { NoValues, ValueTooLarge } from "../../protocol/statistics/statistics.ts"
import { agreementAgain } from "../description/agreement.ts"
import { checkData, type JoinedData, joinData } from "../description/joined.ts"
import { type LoadedScenario, loadScenario } from "../description/load.ts"
import { type ArchivedRunIn, heldArchive } from "../folders/archived-run.ts"
import { heldData, whyNoReference } from "../folders/held-data.ts"
import { heldOutIn } from "../folders/run-mark.ts"
import { predictCost } from "../forecast/traffic.ts"
import { foresee } from "../reference/foresight.ts"

/** The table as the archive shows it: which cells are whose, and no cell. */
const outlineOf = (
  { archive, uploaded }: ArchivedRunIn,
  agreement: Parameters<typeof trainedRows>[0],
  heldOut: number
): JoinedData => {
  const { whole } = wholeRows(
    archive.uploads.flatMap(({ blocks }) => blocks),
    jointColumns(uploaded.data).length
  )
  const blocksOf = (actor: string) => archive.uploads.find(({ user }) => user === actor)?.blocks ?? []
  const placed = uploaded.users.map(({ actor }) => ({
    training: blocksOf(actor).map((block) => ({ ...block, cells: denseCells(0, new Float64Array(0)) })),
    heldOut: []
  }))
  const unknown = (): JointTable => {
    throw new Error("an archive shows no cell")
  }
  const training = trainedRows(agreement, whole.length)
  return {
    rows: {
      ...{ total: whole.length + heldOut, training, uploaded: whole.length, heldOut },
      indices: () => {
        throw new Error("an archive shows no id")
      }
    },
    // Without what the users found of their columns, which the opened model states.
    prepared: uploaded.data as PreparedData,
    placed,
    nearIds: () => [],
    training: unknown,
    heldOut: unknown,
    trainingRows: unknown
  }
}

/** The data as they were joined, or why they are not at hand. */
const dataOf = (loaded: LoadedScenario, { archive, begun, uploaded }: ArchivedRunIn) =>
  Effect.gen(function* () {
    if (archive.uploads.length < uploaded.users.length) return "users have been withdrawn from the archive"
    const read = yield* Effect.either(checkData(loaded))
    if (Either.isLeft(read)) return "the users' files are not as they were when the users uploaded"
    const reason = yield* whyNoReference(
      begun.data,
      yield* heldData(loaded.scenario, read.right.tables)
    ).pipe(Effect.catchTag("DataChanged", ({ message }) => Effect.succeed(message)))
    if (reason !== undefined) return reason
    const drawn = new Uint8Array(randomBytes(32))
    const digestsOf =
      uploaded.seed === undefined
        ? (ids: ReadonlyArray<string>) => digestIds(drawn, ids)
        : digestsKnowing(uploaded, () => rootFrom(drawn))
    return yield* raised([NoValues, RareClass, ValueTooLarge], () =>
      joinData(loaded.scenario, read.right, digestsOf)
    )
  })

/**
 * Prepares a training from the archive in an out folder, which is held until the scope ends. `file` is the scenario, that of
 * the users' run if left out. Refuses one that changes what was settled by the upload.
 */
export const prepareAgain = Effect.fn("Run.prepareAgain")(function* (
  from: string,
  given?: string,
  givenSeed?: number
) {
  const archived = yield* heldArchive(from)
  const { begun, folder, stateKeys, uploaded } = archived
  const file = given ?? begun.file
  const loaded = yield* loadScenario(file)
  const { scenario } = loaded
  // Without another scenario, a run that was given a seed is trained again under it.
  const seed = givenSeed ?? (given === undefined ? uploaded.seed : scenario.seed)
  const agreement = agreementAgain(scenario, archived.archive.run, seed)
  yield* requireSettled(uploaded, agreement)
  const data = yield* dataOf(loaded, archived)
  const heldOut = yield* Effect.promise(() => heldOutIn(archived.out))
  const joined = typeof data === "string" ? outlineOf(archived, agreement, heldOut) : data
  return {
    ...{ file, scenario, agreement, joined },
    predicted: predictCost(scenario, joined, { reopens: true }),
    foreseen: typeof data === "string" ? [] : yield* foresee(loaded, agreement, joined),
    archived: { out: archived.out, run: archived.archive.run, folder, stateKeys },
    ...(typeof data === "string" ? { referenceLeftOut: data } : {})
  }
})
