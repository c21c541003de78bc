/**
 * How the work on ciphertexts is cut into jobs: a request for products of powers into rectangles of some results and some
 * groups, with what of the request belongs to them.
 */
import type { Parameters } from "../bcp/parameters.ts"
import { ciphertextBytes, MalformedBytes, plaintextBytes } from "../bcp/wire.ts"
import { concatenate } from "../bytes.ts"
import type { PowersShape } from "./cost.ts"
import type { PowersPart } from "./jobs.ts"
import type { PowersRequest } from "./work.ts"

/** A request is cut into so many jobs where each has enough to do: then two threads end at about the same time. */
const jobsARequest = 2

/** Results of a job, at most and at least: some tenths of a second at 2048 bits, and enough to make tables of powers for. */
const [mostResults, leastResults] = [16, 4]

/** A job of less than so many powers takes further groups: to hand it over costs more than a power. */
const powersAJob = 32

/** Some of many items. */
export interface Piece {
  readonly first: number
  readonly count: number
}

/** Pieces of at most `most` items, and as long as one another to one item; `wanted` of them, if each has `least` items. */
export const piecesOf = (
  items: number,
  most: number,
  least = most,
  wanted = jobsARequest
): ReadonlyArray<Piece> => {
  const pieces = Math.max(Math.ceil(items / most), Math.min(wanted, Math.floor(items / least)))
  const begin = (i: number) => Math.floor((i * items) / pieces)
  return Array.from({ length: pieces }, (_, i) => ({ first: begin(i), count: begin(i + 1) - begin(i) }))
}

/** How many items bytes are. Throws `MalformedBytes` where they are no whole number, `RangeError` where they are not `expected`. */
export const itemsOf = (bytes: Uint8Array, unitBytes: number, what: string, expected?: number): number => {
  const items = bytes.length / unitBytes
  if (!Number.isInteger(items)) throw new MalformedBytes({ what, bytes: bytes.length, unitBytes })
  if (expected !== undefined && items !== expected)
    throw new RangeError(`${items} ${what} instead of ${expected}`)
  return items
}

/** What one job makes of a request. */
export interface PieceOfPowers {
  readonly results: Piece
  readonly groups: Piece
}

/** The jobs of a request. */
export const piecesOfPowers = ({
  terms,
  results,
  groups
}: Pick<PowersShape, "terms" | "results" | "groups">): ReadonlyArray<PieceOfPowers> =>
  piecesOf(results, mostResults, leastResults, Math.ceil(jobsARequest / groups)).flatMap((some) => {
    const groupsAJob = Math.max(1, Math.floor(powersAJob / (some.count * (terms + 1))))
    return piecesOf(groups, groupsAJob).map((group) => ({ results: some, groups: group }))
  })

/** Items of `bytes` of a matrix of `width` columns: those of a rectangle, row by row. */
const picked = (items: Uint8Array, bytes: number, width: number, rows: Piece, columns: Piece): Uint8Array =>
  concatenate(
    Array.from({ length: rows.count }, (_, i) => {
      const at = (rows.first + i) * width + columns.first
      return items.subarray(at * bytes, (at + columns.count) * bytes)
    })
  )

/** What a job needs of a request. */
export const partOfPowers = (
  pp: Parameters,
  request: PowersRequest,
  { results, groups }: PieceOfPowers
): Omit<PowersPart, "parameters" | "publicKey"> => {
  const { addends, exponentBytes, factor, fresh, terms } = request
  const [ciphertext, plaintext] = [ciphertextBytes(pp), plaintextBytes(pp)]
  const all = (rows: number): Piece => ({ first: 0, count: rows })
  const ofGroups = (items: Uint8Array, bytes: number, rows: Piece) =>
    picked(items, bytes, request.groups, rows, groups)
  const shared = addends !== undefined && addends.length === request.groups * ciphertext
  return {
    ...{ results: results.count, groups: groups.count, exponentBytes, factor },
    bases: ofGroups(request.bases, ciphertext, all(terms)),
    exponents: picked(request.exponents, exponentBytes, terms, results, all(terms)),
    ...(addends && { addends: ofGroups(addends, ciphertext, shared ? all(1) : results) }),
    ...(fresh && {
      fresh: {
        ...{ key: fresh.key, randomizerBits: fresh.randomizerBits },
        ...{ first: results.first * request.groups + groups.first, stride: request.groups },
        plaintexts: ofGroups(fresh.plaintexts, plaintext, results)
      }
    })
  }
}

/** The ciphertexts of a request from those of its pieces. */
export const joinedPowers = (
  pp: Parameters,
  { results, groups }: PowersRequest,
  pieces: ReadonlyArray<readonly [PieceOfPowers, Uint8Array]>
): Uint8Array => {
  const bytes = ciphertextBytes(pp)
  const joined = new Uint8Array(results * groups * bytes)
  for (const [piece, ciphertexts] of pieces) {
    const line = piece.groups.count * bytes
    for (let i = 0; i < piece.results.count; i++)
      joined.set(
        ciphertexts.subarray(i * line, (i + 1) * line),
        ((piece.results.first + i) * groups + piece.groups.first) * bytes
      )
  }
  return joined
}

/** Throws `MalformedBytes` or `RangeError` where a part of a request has not the size that it should have. */
export const requireSizes = (pp: Parameters, request: PowersRequest): void => {
  const { terms, groups, results, exponentBytes, addends, fresh } = request
  const [ciphertext, plaintext] = [ciphertextBytes(pp), plaintextBytes(pp)]
  const made = results * groups
  itemsOf(request.bases, ciphertext, "bases", terms * groups)
  itemsOf(request.exponents, exponentBytes, "exponents", results * terms)
  if (addends !== undefined && addends.length !== groups * ciphertext)
    itemsOf(addends, ciphertext, "addends", made)
  if (fresh !== undefined) itemsOf(fresh.plaintexts, plaintext, "plaintexts", made)
}
