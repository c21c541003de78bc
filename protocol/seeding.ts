/**
 * Keys of a reproducible run. A scenario with a seed derives from it what decides the arithmetic: the
 * dealer's two PRG keys, the initial weights, the order of the batches and the order of the rows. Such a run
 * repeats bit for bit and is not private: anyone who knows the seed knows every mask. BCP, sealing and
 * signing keys never come from here.
 */
import { derive } from "./aead.ts"

/** The purpose of a seeded key; one purpose, one key. */
export type SeededPurpose =
  | "dealer0"
  | "dealer1"
  | "initial0"
  | "initial1"
  | "order"
  | "rows"
  | "join"
  | "blinds"

/** 16 bytes: HKDF-SHA256 of the seed (any safe integer ≥ 0), separated by purpose. */
export const seededKey = (seed: number, purpose: SeededPurpose): Uint8Array => {
  const material = new Uint8Array(8)
  new DataView(material.buffer).setBigUint64(0, BigInt(seed), true)
  return derive(material, "bicameral seed", purpose, 16)
}
