/**
 * How the data get into a training on ciphertexts (section 8 of docs/concepts/protocol.md). A user splits a cell m over the integers,
 * into R of B + σ bits and m − R, in signed slots. C1 adds the ciphertexts of both under pk, which gives Enc_pk(m) exactly;
 * shares modulo 2^64 would leave m or m + 2^64. Then C1 blinds slot by slot and C0 opens: both have their parts of the data
 * set for the whole run.
 */

import { randomBits } from "../bcp/integers.ts"
import { slotsPerPlaintext } from "../bcp/packing.ts"
import type { ByteSource } from "../bytes.ts"
import { type Operation, operation, type Round } from "../learning/operations.ts"
import { idle, receive, send, settled } from "./exchange.ts"
import { Later } from "./later.ts"
import { type IntegerMatrix, mapped } from "./matrices.ts"
import { packedBytes, packValues, type Slots, unpackValues } from "./packing.ts"
import type { CiphertextParty, DrawingParty } from "./party.ts"
import type { CiphertextSizes } from "./plan.ts"
import type { UploadedIntegers } from "./uploaded.ts"

/** The slots of what users upload. */
export const uploadSlots = ({
  slots: { parameters },
  sizes
}: Pick<CiphertextParty, "slots" | "sizes">): Slots => uploadSlotsOf(parameters, sizes)

export const uploadSlotsOf = (
  parameters: Slots["parameters"],
  { dataSlotBits: slotBits }: Pick<CiphertextSizes, "dataSlotBits">
): Slots => ({ parameters, slotBits, slots: slotsPerPlaintext(parameters.bits, slotBits) })

/** A user's cells as shares over the integers, packed in the order of the cells: what goes to C0 and to C1. */
export const splitCells = (
  slots: Slots,
  { blindBits }: Pick<UploadedIntegers, "blindBits">,
  cells: ReadonlyArray<bigint>,
  source: ByteSource
): readonly [Uint8Array, Uint8Array] => {
  const shares = cells.map(() => randomBits(blindBits, source))
  const others = cells.map((cell, i) => cell - shares[i]!)
  return [packValues(slots, [shares]), packValues(slots, [others])]
}

/** The cells that a user has uploaded. */
export interface UploadedCells {
  /** Counts from 0. */
  readonly user: number
  readonly cells: number
}

/** The blinds of a user's cells have a place of their own. */
const openingOf = ({ user }: UploadedCells): Operation => operation("openInput", user + 1)

/** C0's parts of a user's cells, 1 × cells, in the order of the upload. Two rounds. */
export function* openCellsAtC0(party: CiphertextParty, uploaded: UploadedCells): Round<IntegerMatrix> {
  const slots = uploadSlots(party)
  const shape = { rows: 1, cols: uploaded.cells }
  const message = yield* receive(party.place(openingOf(uploaded)), packedBytes(slots, shape, "rows"))
  const opened = new Later(async () => party.work.open({ ciphertexts: message }))
  return { ...shape, values: unpackValues(slots, yield* settled(opened), 1, uploaded.cells) }
}

/** C1's parts: the blinds. `ciphertexts` are those of the cells under pk. Two rounds. */
export function* openCellsAtC1(
  cloud: DrawingParty,
  uploaded: UploadedCells,
  ciphertexts: Uint8Array
): Round<IntegerMatrix> {
  const slots = uploadSlots(cloud)
  const shape = { rows: 1, cols: uploaded.cells }
  const blinds = cloud.draw(openingOf(uploaded), "blind", shape, cloud.sizes.blindBits)
  const plaintexts = packValues(slots, [mapped(blinds, (blind) => -blind).values])
  yield* send(() => cloud.work.add({ ciphertexts, plaintexts }))
  yield* idle()
  return blinds
}
