/**
 * The masks of the sums that users send each other for joint statistics. The audit has all sums, takes them off, and
 * looks at what is left: it must be the masks of all pairs, each under a key of its own, as section 3 of
 * docs/concepts/protocol.md has them. Written after it and not with `protocol/statistics/masks.ts`.
 */
import { createCipheriv, createHash, hkdfSync } from "node:crypto"
import { Either } from "effect"
import { fromBytes } from "../bcp/integers.ts"
import { concatenate } from "../bytes.ts"
import { CanonicalWriter } from "../canonical.ts"
import { MaskedSums } from "../messages/statistics.ts"
import { actorOf } from "../messages/subjects.ts"
import { firstLayout, secondLayout } from "../statistics/statistics.ts"
import { auditMasks } from "./drawn-masks.ts"
import type { Finding, JointStatistics, Recording } from "./recording.ts"

type Pass = 1 | 2

interface Sent {
  readonly from: string
  readonly to: string
  readonly pass: Pass
  readonly sums: Uint8Array
}

const sentIn = ({ seen }: Recording): ReadonlyArray<Sent> =>
  [...seen].flatMap(([process, messages]) =>
    messages.flatMap(({ kind, tag, from, body }) => {
      const read = kind === "ask" && tag === MaskedSums.tag ? MaskedSums.payload.decode(body) : undefined
      return read !== undefined && Either.isRight(read) ? [{ from, to: actorOf(process), ...read.right }] : []
    })
  )

/** Numbers of a vector, big-endian. */
const numbersIn = (layout: ReadonlyArray<number>, bytes: Uint8Array): ReadonlyArray<bigint> => {
  let at = 0
  return layout.map((length) => {
    at += length
    return fromBytes(bytes.subarray(at - length, at))
  })
}

const digestOf = (what: string, strings: ReadonlyArray<Uint8Array>): Uint8Array => {
  const writer = new CanonicalWriter().string(what).u32(strings.length)
  for (const each of strings) writer.bytes(each)
  return createHash("sha256").update(writer.finish()).digest()
}

class SumMasks {
  readonly #recording: Recording
  readonly #statistics: JointStatistics
  readonly #sent: ReadonlyArray<Sent>

  constructor(recording: Recording, statistics: JointStatistics) {
    this.#recording = recording
    this.#statistics = statistics
    this.#sent = sentIn(recording)
  }

  get #users(): ReadonlyArray<string> {
    return this.#recording.agreement.users.map(({ actor }) => actor)
  }

  #layout(pass: Pass): ReadonlyArray<number> {
    return (pass === 1 ? firstLayout : secondLayout)(this.#statistics.needed)
  }

  #secret(user: string, other: string): Uint8Array | undefined {
    return this.#recording.held.get(user)?.secrets.get(`mask secret for ${other}`)
  }

  /** What the masks of a pass are about: all that is declared; in the second also the vectors of the first. */
  #about(pass: Pass): Uint8Array {
    const first = digestOf("bicameral sums", this.#statistics.declared)
    if (pass === 1) return first
    const vectors = this.#users.flatMap(
      (user) => this.#sent.find((each) => each.pass === 1 && each.from === user)?.sums ?? []
    )
    return digestOf("bicameral sums of squares", [first, ...vectors])
  }

  /** The mask of a pair, as numbers; undefined where a secret of it is not known. */
  #mask(pass: Pass, one: string, other: string, about: Uint8Array): ReadonlyArray<bigint> | undefined {
    const [first, second] = [this.#secret(one, other), this.#secret(other, one)]
    if (first === undefined || second === undefined) return undefined
    const info = `bicameral masks ${pass} ${one} ${other} ${this.#recording.run}`
    const key = new Uint8Array(hkdfSync("sha256", concatenate([first, second]), about, info, 16))
    const layout = this.#layout(pass)
    const bytes = layout.reduce((sum, each) => sum + each, 0)
    const stream = createCipheriv("aes-128-ctr", key, new Uint8Array(16)).update(new Uint8Array(bytes))
    return numbersIn(layout, stream)
  }

  /** The masks that a user's numbers of a pass have together: it adds those with later users, and subtracts the others. */
  #masksOf(pass: Pass, user: string, about: Uint8Array): ReadonlyArray<bigint> {
    const users = this.#users
    const place = users.indexOf(user)
    const masks = users.map((other, at) =>
      at < place
        ? this.#mask(pass, other, user, about)?.map((each) => -each)
        : at > place
          ? this.#mask(pass, user, other, about)
          : undefined
    )
    return this.#layout(pass).map((bytes, i) =>
      BigInt.asUintN(
        8 * bytes,
        masks.reduce((sum, mask) => sum + (mask?.[i] ?? 0n), 0n)
      )
    )
  }

  /** What of a pass is not under the masks of all pairs. Enters the masks that were used into `used`. */
  *pass(pass: Pass, used: Map<string, bigint>): Iterable<Finding> {
    const layout = this.#layout(pass)
    const about = this.#about(pass)
    for (const { from, to, sums } of this.#sent.filter((each) => each.pass === pass)) {
      const own = this.#recording.held.get(from)?.sums?.[pass]
      if (own === undefined) continue
      const masks = numbersIn(layout, sums).map((number, i) =>
        BigInt.asUintN(8 * layout[i]!, number - own[i]!)
      )
      const expected = this.#masksOf(pass, from, about)
      const other = masks.findIndex((mask, i) => mask !== expected[i])
      if (other >= 0)
        yield {
          coalition: to,
          what: `what ${from} sent is not its sums under the masks of all pairs, from number ${other} on`,
          where: `${MaskedSums.tag} of pass ${pass} from ${from} to ${to}`
        }
      masks.forEach((mask, i) => {
        if (layout[i] === wideBytes)
          used.set(`${MaskedSums.tag} of pass ${pass} from ${from}, number ${i}`, mask)
      })
    }
  }
}

/** Bytes of a sum; counts have less. */
const wideBytes = 72

/** What is wrong with the masks of sums. */
export const auditSums = (recording: Recording): ReadonlyArray<Finding> => {
  if (recording.statistics === undefined) return []
  const sums = new SumMasks(recording, recording.statistics)
  const masks = new Map<string, bigint>()
  const findings = ([1, 2] as const).flatMap((pass) => [...sums.pass(pass, masks)])
  const coalition = "a user"
  return [...findings, ...auditMasks({ coalition, what: "mask of a sum", bits: 8 * wideBytes, masks })]
}
