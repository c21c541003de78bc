/** The audit of joint statistics: of the masks of the users' sums, and of who sees which sums. */
import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { auditViews } from "../../../protocol/audit/audit.ts"
import type { Finding, Held, Recording, Seen } from "../../../protocol/audit/recording.ts"
import { auditSums } from "../../../protocol/audit/sum-masks.ts"
import type { DataDescription } from "../../../protocol/data/description.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import { MaskedSums, MaskSecret } from "../../../protocol/messages/statistics.ts"
import { digestOf, masked, maskKey, sumOf } from "../../../protocol/statistics/masks.ts"
import {
  finished,
  firstLayout,
  firstSums,
  jointStatistics,
  meansOf,
  secondLayout,
  secondSums
} from "../../../protocol/statistics/statistics.ts"
import { networkOf } from "../learning/example.ts"

const users = ["user1", "user2", "user3"]
const run = "r"
const declared = [new Uint8Array(32).fill(5)]
const about = digestOf("bicameral sums", declared)
const needed = { moments: [{ column: "age", deviation: true }], counts: [{ column: "port", values: 2 }] }

const secretOf = (user: string, other: string): Uint8Array =>
  digestOf("secret", [new TextEncoder().encode(`${user} ${other}`)]).slice(0, 16)

const ownOf = (user: number) => {
  const cells = (values: ReadonlyArray<number>) => [
    { column: { values, first: 0, step: 1 }, rows: Uint32Array.from(values.keys()) }
  ]
  const ages = [30.123 + user, 41.987 - user * 0.3331, 57.111, 22.7 * (user + 1)]
  return new Map([
    ["age", cells(ages)],
    ["port", cells([0, 1, 1, 0])]
  ])
}

/** How users spend masks otherwise than they should. */
interface Mutant {
  /** What the second pass is about. */
  readonly secondAbout?: Uint8Array
  /** The pairs that have a mask. */
  readonly pairs?: (one: string, other: string) => boolean
  /** The pass whose masks a pass has. */
  readonly passOf?: (pass: 1 | 2) => 1 | 2
  /** To whom else parts of keys are sent. */
  readonly alsoTo?: string
}

/** Users who find statistics, as an audit has it. */
const recorded = (mutant: Mutant = {}): Recording => {
  const { pairs = () => true, passOf = (pass) => pass } = mutant
  const seen = new Map(["cloud0", ...users].map((process) => [process, [] as Seen[]]))
  const see = (process: string, from: string, tag: string, body: Uint8Array) => {
    const common = { to: process, channel: "ask", kind: "ask", id: "", number: 0 } as const
    seen.get(process)!.push({ ...common, process, from, tag, body })
  }
  for (const from of users)
    for (const other of users.filter((each) => each !== from))
      for (const to of [other, mutant.alsoTo ?? other])
        see(
          to,
          from,
          MaskSecret.tag,
          Either.getOrThrow(MaskSecret.payload.encode({ secret: secretOf(from, other) }))
        )
  const exchanged = (pass: 1 | 2, on: Uint8Array, numbers: ReadonlyArray<ReadonlyArray<bigint>>) => {
    const layout = pass === 1 ? firstLayout(needed) : secondLayout(needed)
    const vectors = users.map((user, i) =>
      masked(
        layout,
        numbers[i]!,
        users.flatMap((other, at) => {
          if (at === i || !pairs(users[Math.min(i, at)]!, users[Math.max(i, at)]!)) return []
          const pair = i < at ? ([user, other] as const) : ([other, user] as const)
          const secrets = [secretOf(...pair), secretOf(pair[1], pair[0])] as const
          return [
            { key: maskKey(secrets, { run, pass: passOf(pass), pair, about: on }), sign: i < at ? 1n : -1n }
          ]
        })
      )
    )
    for (const [i, sums] of vectors.entries())
      for (const to of users)
        if (to !== users[i])
          see(to, users[i]!, MaskedSums.tag, Either.getOrThrow(MaskedSums.payload.encode({ pass, sums })))
    return { vectors, joint: sumOf(layout, vectors) }
  }
  const own = users.map((_, user) => ownOf(user))
  const sums1 = own.map((each) => finished(firstSums(needed, each)))
  const first = exchanged(1, about, sums1)
  const means = meansOf(needed, first.joint, 12)
  const sums2 = own.map((each) => finished(secondSums(needed, each, means)))
  const transcript = digestOf("bicameral sums of squares", [about, ...first.vectors])
  const second = exchanged(2, mutant.secondAbout ?? transcript, sums2)
  const held = users.map((user, i): readonly [string, Held] => [
    user,
    {
      secrets: new Map(
        users
          .filter((other) => other !== user)
          .map((other) => [`mask secret for ${other}`, secretOf(user, other)])
      ),
      cells: [],
      shares: [],
      sums: { 1: sums1[i]!, 2: sums2[i]! }
    }
  ])
  const fractionalBits = 20
  return {
    agreement: {
      users: users.map((actor) => ({ actor, name: actor })),
      data: { features: [] } as unknown as DataDescription,
      security: { modulusBits: 512, exponents: "short", fractionalBits, upload: "hybrid", output: "hybrid" },
      reveal: { accuracy: false, heldOutRows: false, progress: false }
    },
    plan: trainingPlan({
      ...{ network: networkOf([2, 2], "relu"), rows: 12, batch: 4, epochs: 1 },
      ...{ learningRate: 0.25, fractionalBits }
    }),
    run,
    computation: run,
    seen,
    frames: [],
    held: new Map(held),
    statistics: {
      needed,
      declared,
      found: jointStatistics(needed, { first: first.joint, second: second.joint }, 12)
    }
  }
}

const lines = (findings: ReadonlyArray<Finding>) =>
  findings.map(({ coalition, what, where }) => `${coalition}: ${what}; in ${where}`).join("\n")

describe("audit of joint statistics", () => {
  it("finds nothing where all sums are under the masks of all pairs", () => {
    const recording = recorded()
    expect(lines(auditSums(recording))).toBe("")
    expect(lines(auditViews(recording).findings)).toBe("")
  })

  it("finds sums without any mask, and the user that sees them", () => {
    const recording = recorded({ pairs: () => false })
    expect(lines(auditSums(recording))).toContain(
      "user2: what user1 sent is not its sums under the masks of all pairs, from number 0 on; in MaskedSums of pass 1 from user1 to user2"
    )
    expect(lines(auditSums(recording))).toContain("a mask of a sum is narrower than it must be")
    const found = lines(auditViews(recording).findings)
    expect(found).toMatch(/^user2: its sums of columns of user1 .*; in MaskedSums from user1 to user2$/m)
    expect(found).not.toContain("cloud")
  })

  it("finds a pair without a mask, of whom the third user could read the sums", () => {
    const recording = recorded({ pairs: (one, other) => `${one} ${other}` !== "user1 user2" })
    expect(lines(auditSums(recording))).toContain("user3: what user1 sent is not its sums under the masks")
  })

  it("finds masks of the second pass that follow from the same as the first, or from less than what was sent", () => {
    for (const mutant of [{ passOf: () => 1 as const, secondAbout: about }, { secondAbout: about }]) {
      const found = lines(auditSums(recorded(mutant)))
      expect(found).toContain("in MaskedSums of pass 2 from user1 to user2")
      expect(found).not.toContain("pass 1")
    }
  })

  it("finds parts of keys at others than the pair", () => {
    for (const to of ["user3", "cloud0"]) {
      const found = lines(auditViews(recorded({ alsoTo: to })).findings)
      expect(found).toMatch(
        new RegExp(
          `^${to}: the secrets of the masks of sums of user1 and user2 .*; in MaskSecret from user1 to ${to}$`,
          "m"
        )
      )
    }
  })

  it("lets all users but one have the sums of that one, and no cloud", () => {
    const recording = recorded({ pairs: () => false })
    const found = auditViews(recording).findings.filter(({ coalition }) => coalition.includes("but"))
    expect(lines(found)).toBe("")
    const seen = new Map(recording.seen)
    seen.set(
      "cloud1",
      [...recording.seen.get("user2")!].map((each) => ({ ...each, process: "cloud1", to: "cloud1" }))
    )
    expect(lines(auditViews({ ...recording, seen }).findings)).toMatch(
      /^cloud1: its sums of columns of user3/m
    )
  })
})
