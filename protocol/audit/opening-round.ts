/**
 * The round in which the clouds open the data set: each sends its share of every cell under a mask of its own. Whoever has the
 * cloud's PRG key takes the mask away.
 */
import { createCipheriv } from "node:crypto"
import { derive } from "../aead.ts"
import { plainBytes, wordBytes } from "../bytes.ts"
import { rowsOfLanes } from "../computation/lanes.ts"
import { streamKinds } from "../computation/streams.ts"
import { outputs } from "../learning/network.ts"
import { operation } from "../learning/operations.ts"
import { addWords } from "../sharing/split.ts"
import { computationVersion } from "../version.ts"
import type { Recording, Seen } from "./recording.ts"

/** The round that opens the data, of every session. */
const openingRound = 1
const mostLanes = 16

/** Whether a message is a cloud's part of that round. */
export const isOpening = ({ kind, tag, number }: Pick<Seen, "kind" | "tag" | "number">): boolean =>
  kind === "round" && number === openingRound && /^train(\.\d+)?$/.test(tag)

/**
 * The shares in a cloud's part of the opening round, by its PRG key of 16 bytes: for each place in the data set that a part of
 * this length can have.
 */
export const unmaskedOpening = (
  { plan, computation }: Pick<Recording, "plan" | "computation">,
  prgKey: Uint8Array,
  body: Uint8Array
): ReadonlyArray<Uint8Array> => {
  const { inputs } = plan.network
  // The labels of some networks, or the weights of rows, are opened in the same round.
  const widths = [inputs, inputs + outputs(plan.network), inputs + 1]
  const places = new Set<number>()
  for (let lanes = 1; lanes <= mostLanes; lanes++)
    for (const { from, end } of rowsOfLanes(plan.rows, lanes))
      if (widths.some((width) => body.length === (end - from) * width * wordBytes)) places.add(from * inputs)
  return [...places].map((place) =>
    addWords(body, maskWords(prgKey, computation, place, body.length / wordBytes))
  )
}

/** The mask of the data set's features from a word on: the stream of `protocol/ring/prg.ts`, without a ring. */
const maskWords = (prgKey: Uint8Array, computation: string, place: number, words: number): Uint8Array => {
  const key = derive(prgKey, "", `bicameral prg ${computationVersion} ${computation}`, 16)
  const block = new DataView(new ArrayBuffer(16))
  block.setUint32(0, 0)
  block.setUint32(4, operation("openInput", 0))
  block.setUint32(8, streamKinds.mask)
  block.setUint32(12, Math.floor(place / 2))
  const skipped = (place % 2) * wordBytes
  const cipher = createCipheriv("aes-128-ctr", key, new Uint8Array(block.buffer))
  return plainBytes(cipher.update(new Uint8Array(skipped + words * wordBytes))).slice(skipped)
}
