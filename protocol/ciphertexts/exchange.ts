/** Messages of ciphertexts: one cloud prepares and sends them, and the other receives bytes of its own. */
import { crossing, type Operation, prepared, type Round } from "../learning/operations.ts"
import { PackedRefused } from "./errors.ts"
import type { Later } from "./later.ts"

const nothing = (): Uint8Array => new Uint8Array(0)

/** The operation of a step that a message is part of. */
export interface Place {
  readonly step: number
  readonly op: Operation
}

/** Sends what is made in the preparation. One round. */
export function* send(make: () => Promise<Uint8Array>): Round<void> {
  let bytes = nothing()
  const prepare = async () => {
    bytes = await make()
  }
  yield [prepared(prepare, () => bytes, 0)]
}

/** Receives `expectedBytes` bytes, as a copy. One round. Throws `PackedRefused`. */
export function* receive({ step, op: operation }: Place, expectedBytes: number): Round<Uint8Array> {
  const [received] = yield [crossing(nothing, expectedBytes)]
  if (received?.length !== expectedBytes)
    throw new PackedRefused({ step, operation, expectedBytes, actualBytes: received?.length ?? 0 })
  return received.slice()
}

/** Waits for what takes long, while the peer sends something or nothing. One round. */
export function* settled<T>(later: Later<T>): Round<T> {
  const wait = async () => {
    await later.ready()
  }
  yield [prepared(wait, nothing, 0)]
  return later.now
}

/** The peer's part of that. */
export function* idle(): Round<void> {
  yield [crossing(nothing, 0)]
}

/** The parts of a message. */
export const cutInto = (bytes: Uint8Array, lengths: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  let at = 0
  return lengths.map((length) => {
    at += length
    return bytes.subarray(at - length, at)
  })
}
