/** Joint statistics among users on a hub: what they come to, what each sees of the others, whom they refuse, and who may die when. */
import { createCipheriv } from "node:crypto"
import { expect, layer } from "@effect/vitest"
import { Context, Deferred, Effect, Either, Fiber, Logger, Scope } from "effect"
import type { Agreement } from "../../../actors/party/agreement.ts"
import { rootFrom } from "../../../actors/party/root.ts"
import { type JoinedCells, maskSecret, statisticsAmong } from "../../../actors/users/statistics.ts"
import type { DataDescription } from "../../../protocol/data/description.ts"
import { type Statistics, statisticsNeeded } from "../../../protocol/data/preparation.ts"
import { decodeEnvelope, type Envelope } from "../../../protocol/messages/envelope.ts"
import type { Ask } from "../../../protocol/messages/message.ts"
import { MaskedSums, MaskSecret } from "../../../protocol/messages/statistics.ts"
import { type Address, parseSubject } from "../../../protocol/messages/subjects.ts"
import {
  digestOf,
  fromVector,
  type Mask,
  masked,
  maskKey,
  sumOf
} from "../../../protocol/statistics/masks.ts"
import { firstLayout, neededColumns, type OwnCells } from "../../../protocol/statistics/statistics.ts"
import { on, Party } from "../../../runtime/messaging/contract.ts"
import { memoryStore } from "../../../runtime/storage/store.ts"
import { type Hub, makeHub } from "../../../runtime/transport/memory.ts"
import { agreedBut, processOf } from "../../support/on-a-hub.ts"
import { patienceMs } from "../../support/patience.ts"

const options = { deadlineMs: patienceMs }

const agreementOf = (
  users: number,
  { phaseTimeoutMs = patienceMs, columnStatistics = false } = {}
): Effect.Effect<Agreement> =>
  Effect.map(agreedBut({ phaseTimeoutMs }), (agreement) => ({
    ...agreement,
    data,
    users: Array.from({ length: users }, (_, i) => ({ actor: `user${i + 1}`, name: `owner ${i + 1}` })),
    reveal: { ...agreement.reveal, ...(columnStatistics ? { columnStatistics } : {}) }
  }))

const data: DataDescription = {
  id: "id",
  features: [
    { name: "age" },
    { name: "weight", range: [0, 200], fill: "mean" },
    { name: "port", kind: "category", values: ["Cherbourg", "Southampton"], fill: "mode" }
  ],
  label: { column: "survived", values: ["no", "yes"] },
  scaleTo: [0, 1]
}
const needed = statisticsNeeded(data)

const rootOf = (user: string) => rootFrom(new Uint8Array(32).fill(Number(user.slice(4))))

type Rows = ReadonlyArray<readonly [age: number, weight: number, port: number]>

const cellsOf = (rows: Rows): OwnCells =>
  new Map(
    neededColumns(needed).map((name, place) => [
      name,
      [{ column: { values: rows.flat(), first: place, step: 3 }, rows: Uint32Array.from(rows.keys()) }]
    ])
  )

/** What users who hold these rows each have when the rows are joined. */
const joined =
  (data: ReadonlyArray<Rows>) =>
  (user: number): JoinedCells => ({
    own: cellsOf(data[user]!),
    rows: data.flat().length,
    contributors: new Map(neededColumns(needed).map((column) => [column, data.length])),
    declared: [new Uint8Array(32).fill(9)],
    covered: new Uint8Array(32).fill(user)
  })

/** What the masks of the first pass are about. */
const about = digestOf("bicameral sums", [new Uint8Array(32).fill(9)])

/** Waits, in turns of the event loop, for what messages bring about. */
const until = (there: () => boolean) =>
  Effect.repeat(
    Effect.promise(() => new Promise(setImmediate)),
    { until: there }
  )

/** So many users with three rows each. */
const dataOf = (users: number): ReadonlyArray<Rows> =>
  Array.from({ length: users }, (_, user) => [
    [30 + user, 70.25, 0],
    [40, Number.NaN, 1],
    [50 - user, 80 + user / 8, 1]
  ])

/** A user that takes part. */
const taking = (hub: Hub, agreement: Agreement, user: string, stable = memoryStore()) =>
  Effect.gen(function* () {
    const services = yield* processOf(hub, user, stable)
    const statistics = yield* Effect.provide(statisticsAmong(agreement, rootOf(user)), services)
    yield* Context.get(services, Party).serve(statistics.handlers).pipe(Effect.provide(services))
    return (cells: JoinedCells) => Effect.provide(statistics.found(cells), services)
  })

/** A user that the test plays, or another party. */
const played = (hub: Hub, party: string) =>
  Effect.map(processOf(hub, party), (services) => Context.get(services, Party))

const refusal = <A, R>(asker: Party["Type"], to: string, message: Ask<A, R>, payload: A) =>
  Effect.map(Effect.either(asker.ask(to, message, payload, options)), (answer) =>
    Either.isRight(answer)
      ? "it was taken"
      : answer.left._tag === "RemoteFailure"
        ? `${answer.left.error._tag}: ${answer.left.error.message}`
        : answer.left.message
  )

type Sent = Address & Envelope

/** A hub that shows what is sent, and loses what `loses` says. */
const watched = (loses: (sent: Sent) => boolean = () => false) => {
  const sent: Array<Sent> = []
  const hub = makeHub({
    carry: (delivery, arrive) => {
      const each = { ...parseSubject(delivery.subject)!, ...Either.getOrThrow(decodeEnvelope(delivery.data)) }
      sent.push({ ...each, body: each.body.slice() })
      if (!loses(each)) setImmediate(arrive)
    }
  })
  return { hub, sent }
}

const askedOf = (sent: ReadonlyArray<Sent>, { tag }: { readonly tag: string }) =>
  sent.filter((each) => each.kind === "ask" && each.tag === tag)

/** All users find statistics on a hub. */
const findAll = (hub: Hub, agreement: Agreement, data: ReadonlyArray<Rows>) =>
  Effect.gen(function* () {
    const users = yield* Effect.forEach(agreement.users, ({ actor }) => taking(hub, agreement, actor))
    return yield* Effect.forEach(users, (found, i) => found(joined(data)(i)), { concurrency: "unbounded" })
  })

layer(Logger.remove(Logger.defaultLogger), { excludeTestServices: true })("statistics among users", (it) => {
  for (const users of [3, 9])
    it.scoped(`of ${users} are those of the joined rows`, () =>
      Effect.gen(function* () {
        const data = dataOf(users)
        const found = yield* findAll(makeHub(), yield* agreementOf(users), data)
        const ages = data.flat().map(([age]) => age)
        const weights = data.flat().flatMap(([, weight]) => (Number.isNaN(weight) ? [] : [weight]))
        const mean = 40
        const variance = ages.reduce((sum, age) => sum + (age - mean) ** 2, 0) / ages.length
        const weight = weights.reduce((sum, each) => sum + each, 0) / weights.length
        const expected: Statistics = {
          moments: new Map([
            ["age", { count: 3 * users, mean, deviation: Math.sqrt(variance) }],
            ["weight", { count: 2 * users, mean: weight }]
          ]),
          counts: new Map([["port", [users, 2 * users]]])
        }
        for (const each of found) expect(each).toEqual(expected)
      })
    )

  it.scoped("of two are found if the scenario reveals them, and before anything is sent if not refused", () =>
    Effect.gen(function* () {
      const { hub, sent } = watched()
      const agreement = yield* agreementOf(2)
      const user1 = yield* taking(hub, agreement, "user1")
      const error = yield* Effect.flip(user1(joined(dataOf(2))(0)))
      expect(error).toMatchObject({ _tag: "TellsOfOthers", column: "age", contributors: 2 })
      expect(error.message).toContain("tell each of its two owners the other's; give it a range")
      expect(sent).toEqual([])
      const revealed = yield* agreementOf(2, { columnStatistics: true })
      const [one, other] = yield* findAll(makeHub(), revealed, dataOf(2))
      expect(one).toEqual(other)
    })
  )

  it.scoped("are refused where one column has too few contributors, whose users are many", () =>
    Effect.gen(function* () {
      const user1 = yield* taking(makeHub(), yield* agreementOf(4), "user1")
      const cells = joined(dataOf(4))(0)
      const contributors = new Map([...cells.contributors, ["port", 1] as const])
      const error = yield* Effect.flip(user1({ ...cells, contributors }))
      expect(error.message).toContain("joint statistics of column port are those of its one owner")
    })
  )

  it.scoped("show a user nothing of two others but their sum: their data may be swapped", () =>
    Effect.gen(function* () {
      const [one, other, own] = dataOf(3)
      const agreement = yield* agreementOf(3)
      /** What comes to user3, by sender and message. */
      const seenBy3 = (data: ReadonlyArray<Rows>) =>
        Effect.gen(function* () {
          const { hub, sent } = watched()
          const [statistics] = yield* findAll(hub, agreement, data)
          const bodies = sent
            .filter(({ to, kind }) => to === "user3" && kind === "ask")
            .map(({ from, tag, body }) => ({ from, tag, body }))
          return { statistics, bodies, sent }
        })
      const straight = yield* seenBy3([one!, other!, own!])
      const swapped = yield* seenBy3([other!, one!, own!])
      expect(swapped.statistics).toEqual(straight.statistics)
      const layout = firstLayout(needed)
      const pass1 = ({ bodies }: typeof straight) =>
        ["user1", "user2"].map((user) => {
          const bodiesOf = bodies.filter(({ from, tag }) => from === user && tag === MaskedSums.tag)
          return Either.getOrThrow(MaskedSums.payload.decode(bodiesOf[0]!.body)).sums
        })
      const stream = (pair: readonly [string, string]) => {
        const secrets = pair.map((user, i) =>
          maskSecret(rootOf(user), new Uint8Array(32).fill(Number(user.slice(4)) - 1), pair[1 - i]!)
        )
        const key = maskKey([secrets[0]!, secrets[1]!], { run: "r", pass: 1, pair, about })
        const bytes = layout.reduce((sum, each) => sum + each, 0)
        return {
          secrets,
          numbers: fromVector(
            layout,
            createCipheriv("aes-128-ctr", key, new Uint8Array(16)).update(new Uint8Array(bytes))
          )
        }
      }
      const between = stream(["user1", "user2"])
      // What covers the numbers of the two from user3 is the mask between them, of whose key it has seen nothing.
      for (const run of [straight, swapped])
        for (const { body } of run.bodies)
          for (const secret of between.secrets)
            expect(Buffer.from(body).includes(Buffer.from(secret))).toBe(false)
      const [known1, known2] = [stream(["user1", "user3"]), stream(["user2", "user3"])]
      /** Of two users, the numbers under the mask between them alone. */
      const bare = (run: typeof straight) =>
        pass1(run).map((vector, i) => {
          const known = [known1, known2][i]!.numbers
          return fromVector(layout, vector).map((each, at) =>
            BigInt.asUintN(8 * layout[at]!, each - known[at]!)
          )
        })
      const numbers = bare(straight).map((each, user) =>
        each.map((number, at) =>
          BigInt.asIntN(
            8 * layout[at]!,
            user === 0 ? number - between.numbers[at]! : number + between.numbers[at]!
          )
        )
      )
      // Nothing else covers them: this is how user3 would read them if it had the key.
      expect(numbers.map((each) => each.slice(-2))).toEqual([
        [1n, 2n],
        [1n, 2n]
      ])
      expect(numbers[0]![3]).not.toBe(numbers[1]![3])
      // With the data swapped, and the mask moved by their difference, user3 sees the same bytes.
      const moved = bare(swapped).map((each, user) =>
        each.map((number, at) => {
          const by = numbers[user]![at]! - numbers[1 - user]![at]!
          return BigInt.asUintN(8 * layout[at]!, number + by)
        })
      )
      expect(moved).toEqual(bare(straight))
    })
  )

  it.scoped("give all but one together the sums of that one, and no more", () =>
    Effect.gen(function* () {
      const { hub, sent } = watched()
      const data = dataOf(3)
      yield* findAll(hub, yield* agreementOf(3), data)
      const layout = firstLayout(needed)
      const vectors = ["user1", "user2", "user3"].map((user) => {
        const from = askedOf(sent, MaskedSums).filter((each) => each.from === user)
        const bodies = from.map(({ body }) => Either.getOrThrow(MaskedSums.payload.decode(body)))
        const first = bodies.filter(({ pass }) => pass === 1)
        // All others are sent the same.
        expect(new Set(first.map(({ sums }) => Buffer.from(sums).toString("hex"))).size).toBe(1)
        return first[0]!.sums
      })
      const joint = sumOf(layout, vectors)
      expect(joint.slice(-2)).toEqual([3n, 6n])
      // The two who collude know what they sent themselves.
      expect(joint[0]! - 3n - 3n).toBe(3n)
    })
  )

  it.scoped("wait for all, and name who is missing before the first pass and between the two", () =>
    Effect.gen(function* () {
      const agreement = yield* agreementOf(3, { phaseTimeoutMs: 500 })
      const { hub } = watched(({ from, kind, tag, body }) => {
        if (from !== "user3" || kind !== "ask" || tag !== MaskedSums.tag) return false
        return Either.getOrThrow(MaskedSums.payload.decode(body)).pass === 2
      })
      for (const [there, what] of [
        [makeHub(), /^user3 did not answer MaskSecret in phase upload within \d+ ms/],
        [hub, /^user3 did not send its masked sums of squares within \d+ ms/]
      ] as const) {
        const users = yield* Effect.forEach(["user1", "user2"], (user) => taking(there, agreement, user))
        if (there === hub) {
          const user3 = yield* taking(hub, agreement, "user3")
          yield* Effect.fork(user3(joined(dataOf(3))(2)))
        }
        const errors = yield* Effect.forEach(users, (found, i) => Effect.flip(found(joined(dataOf(3))(i))), {
          concurrency: "unbounded"
        })
        for (const error of errors) expect(error.message).toMatch(what)
      }
    })
  )

  it.scoped("take of users alone what has the right length, once", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      yield* taking(hub, yield* agreementOf(3), "user2")
      const [user1, cloud0] = [yield* played(hub, "user1"), yield* played(hub, "kgc")]
      const sums = new Uint8Array(2 * 80 + 16)
      const sends = (payload: { pass: 1 | 2; sums: Uint8Array }) =>
        refusal(user1, "user2", MaskedSums, payload)
      expect(yield* sends({ pass: 1, sums: sums.subarray(1) })).toContain(
        "SumsRefused: owner 1 sent masked sums of 175 bytes where 176 are due; start every party"
      )
      expect(yield* sends({ pass: 2, sums })).toContain("of 176 bytes where 72 are due")
      expect(yield* sends({ pass: 1, sums })).toBe("it was taken")
      expect(yield* sends({ pass: 1, sums })).toBe("it was taken")
      expect(yield* sends({ pass: 1, sums: sums.with(3, 1) })).toContain(
        "NotExpected: user1 sent masked sums again, and another"
      )
      const secret = new Uint8Array(16)
      expect(yield* refusal(user1, "user2", MaskSecret, { secret })).toBe("it was taken")
      expect(yield* refusal(user1, "user2", MaskSecret, { secret })).toBe("it was taken")
      expect(yield* refusal(user1, "user2", MaskSecret, { secret: secret.with(0, 1) })).toContain(
        "NotExpected: user1 sent its part of a key again, and another"
      )
      for (const answer of [
        yield* refusal(cloud0, "user2", MaskSecret, { secret }),
        yield* refusal(cloud0, "user2", MaskedSums, { pass: 1, sums })
      ])
        expect(answer).not.toBe("it was taken")
    })
  )

  it.scoped(
    "come to nothing where a user sends different users different sums, which would tell it theirs",
    () =>
      Effect.gen(function* () {
        const agreement = yield* agreementOf(3)
        const hub = makeHub()
        const honest = ["user1", "user2"] as const
        const users = yield* Effect.forEach(honest, (user) => taking(hub, agreement, user))
        const cheat = yield* played(hub, "user3")
        const secrets = new Map<string, Uint8Array>()
        const received = { 1: new Map<string, Uint8Array>(), 2: new Map<string, Uint8Array>() }
        const squared = yield* Deferred.make<void>()
        yield* cheat.serve([
          on(MaskSecret, ({ secret }, from) =>
            Effect.sync(() => void secrets.set(from, secret)).pipe(Effect.as({}))
          ),
          on(MaskedSums, ({ pass, sums }, from) =>
            Effect.gen(function* () {
              received[pass].set(from, sums)
              if (received[2].size === 2) yield* Deferred.succeed(squared, undefined)
              return {}
            })
          )
        ])
        const finding = yield* Effect.forEach(users, (found, i) =>
          Effect.fork(Effect.flip(found(joined(dataOf(3))(i))))
        )
        const own = new Uint8Array(16)
        for (const to of honest) yield* cheat.ask(to, MaskSecret, { secret: own }, options)
        yield* until(() => received[1].size === 2)
        const masksIn = (pass: 1 | 2, aboutTo: (user: string) => Uint8Array) =>
          honest.map((user): Mask => {
            const use = { run: "r", pass, pair: [user, "user3"], about: aboutTo(user) } as const
            return { key: maskKey([secrets.get(user)!, own], use), sign: -1n }
          })
        // user2 hears of another sum of ages, so it would square differences from another mean.
        const told = honest.map((_, i) =>
          masked(
            firstLayout(needed),
            [3n, 120n << 256n, 3n, 200n << 256n, 1n, 2n].with(1, BigInt(i) << 300n),
            masksIn(1, () => about)
          )
        )
        for (const [i, to] of honest.entries())
          yield* cheat.ask(to, MaskedSums, { pass: 1 as const, sums: told[i]! }, options)
        yield* Deferred.await(squared)
        const transcripts = told.map((each) =>
          digestOf("bicameral sums of squares", [
            about,
            ...honest.map((user) => received[1].get(user)!),
            each
          ])
        )
        // Whatever it thinks that masks are about, it reads nothing.
        const [squares] = [transcripts, [about, about]].map((abouts) => {
          const masks = masksIn(2, (user) => abouts[honest.indexOf(user as "user1")]!)
          const own = masked([72], [0n], masks)
          const [read] = sumOf([72], [...received[2].values(), own])
          expect(read! > 1n << 520n || read! < 0n).toBe(true)
          return own
        })
        for (const to of honest)
          yield* cheat.ask(to, MaskedSums, { pass: 2 as const, sums: squares! }, options)
        for (const each of finding) {
          const error = yield* Fiber.join(each)
          expect(error.message).toContain("the masked sums of column age do not add up")
        }
      })
  )

  it.scoped("count the rows of each class, and end the run where one is too rare to be balanced", () =>
    Effect.gen(function* () {
      const label = { column: "survived", values: ["no", "yes"], weights: "balanced" } as const
      const plain = yield* agreementOf(3)
      const agreement: Agreement = {
        ...plain,
        data: { ...data, features: [{ name: "weight", range: [0, 200] }], label }
      }
      /** Of so many rows one is of the rare class. */
      const found = (rows: number) =>
        Effect.gen(function* () {
          const hub = makeHub()
          const users = yield* Effect.forEach(agreement.users, ({ actor }) => taking(hub, agreement, actor))
          return yield* Effect.forEach(
            users,
            (take, user) => {
              const values = new Float64Array(rows).fill(0)
              if (user === 0) values[0] = 1
              const column = { values, first: 0, step: 1 }
              const cells = [{ column, rows: Uint32Array.from(values.keys()) }]
              return take({
                ...joined([[], [], []])(user),
                ...{ own: new Map([["survived", cells]]), rows: 3 * rows },
                contributors: new Map([["survived", 3]])
              })
            },
            { concurrency: "unbounded" }
          )
        })
      for (const { counts } of yield* found(40)) expect(counts.get("survived")).toEqual([119, 1])
      const refused = yield* Effect.flip(found(50))
      expect(refused).toMatchObject({ _tag: "RareClass", label: "yes" })
    })
  )

  it.scoped("are the same if a user dies at any of its messages, and it sends the same again", () =>
    Effect.gen(function* () {
      const agreement = yield* agreementOf(3)
      const data = dataOf(3)
      const cells = joined(data)
      const [expected] = yield* findAll(makeHub(), agreement, data)
      /** Kills user1 at a message of its own, which is lost or not; says whether it got as far. */
      const dying = (nth: number, lost: boolean) =>
        Effect.gen(function* () {
          const died = yield* Deferred.make<void>()
          let left = nth
          const { hub, sent } = watched(({ from }) => {
            if (from !== "user1") return false
            left--
            if (left === 0) Deferred.unsafeDone(died, Effect.void)
            return left < 0 || (left === 0 && lost)
          })
          const others = yield* Effect.forEach(["user2", "user3"], (user) => taking(hub, agreement, user))
          const finding = yield* Effect.forEach(others, (found, i) => Effect.fork(found(cells(i + 1))))
          const stable = memoryStore()
          const life = yield* Scope.make()
          const user1 = yield* taking(hub, agreement, "user1", stable).pipe(Scope.extend(life))
          const first = yield* Effect.fork(user1(cells(0)))
          yield* Effect.race(
            Deferred.await(died),
            Effect.zipRight(Fiber.await(first), Fiber.joinAll(finding))
          )
          const reached = left <= 0
          yield* Fiber.interrupt(first)
          yield* Scope.close(life, yield* Effect.exit(Effect.void))
          left = Number.POSITIVE_INFINITY
          const again = yield* taking(hub, agreement, "user1", stable)
          expect(yield* again(cells(0))).toEqual(expected)
          for (const each of finding) expect(yield* Fiber.join(each)).toEqual(expected)
          for (const message of [MaskSecret, MaskedSums])
            for (const to of ["user2", "user3"]) {
              const bodies = askedOf(sent, message)
                .filter((each) => each.from === "user1" && each.to === to)
                .map(({ body }) => Buffer.from(body).toString("hex"))
              expect(new Set(bodies).size).toBe(message === MaskSecret ? 1 : 2)
            }
          return reached
        }).pipe(Effect.scoped)
      const moments = Array.from({ length: 14 }, (_, i) => i + 1)
      const reached = yield* Effect.forEach(moments, (nth) => dying(nth, nth % 2 === 0), {
        concurrency: "unbounded"
      })
      // Six requests and the replies to six.
      expect(reached.filter(Boolean).length).toBeGreaterThanOrEqual(12)
    })
  )
})
