/** The private join of users on a hub: what they come to, what they refuse of each other, and what a user that comes back sends. */
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Either, Fiber, Layer, Logger, Option, Scope } from "effect"
import type { Agreement } from "../../../actors/party/agreement.ts"
import { layer as bcpPool } from "../../../actors/party/bcp-pool.ts"
import { rootFrom } from "../../../actors/party/root.ts"
import { declaredOf, digestsKnowing } from "../../../actors/users/join.ts"
import { privateJoin, userJoinSecret } from "../../../actors/users/private-join.ts"
import type { HeldTable } from "../../../protocol/data/encoding.ts"
import { ascending, commitTo, piecePoints, piecesOf } from "../../../protocol/join/lists.ts"
import { pointBytes, Raiser } from "../../../protocol/join/points.ts"
import type { Ask } from "../../../protocol/messages/message.ts"
import { CommitIds, RaiseIds } from "../../../protocol/messages/upload.ts"
import { on, Party } from "../../../runtime/messaging/contract.ts"
import { memoryStore } from "../../../runtime/storage/store.ts"
import { type Hub, makeHub } from "../../../runtime/transport/memory.ts"
import { heldNumbers } from "../../support/held-table.ts"
import { agreedBut, processOf } from "../../support/on-a-hub.ts"
import { patienceMs } from "../../support/patience.ts"

const options = { deadlineMs: patienceMs }
const names = ["north", "south", "west", "east", "mid", "up", "down"]

/** What so many users agree on. */
const agreementOf = (users: number, phaseTimeoutMs = patienceMs): Effect.Effect<Agreement> =>
  Effect.map(agreedBut({ phaseTimeoutMs }), (agreement) => ({
    ...agreement,
    join: "private" as const,
    users: names.slice(0, users).map((name, i) => ({ actor: `user${i + 1}`, name }))
  }))

const rootOf = (user: string) => rootFrom(new Uint8Array(32).fill(user.charCodeAt(4)))

const table = (ids: ReadonlyArray<string>, columns: ReadonlyArray<number> = [0]) => heldNumbers(ids, columns)

/** Each user has ids of its own, one that all have, and one that it has with another, in two tables. */
const tablesOf = (user: number) => [
  table([`own of ${user}`, "shared by all", `pair ${user >> 1}`]),
  table([`pair ${user >> 1}`, `other of ${user}`], [1])
]

/** A user that takes part, and its join. */
const taking = (hub: Hub, agreement: Agreement, user: string, stable = memoryStore()) =>
  Effect.gen(function* () {
    const services = yield* processOf(hub, user, stable)
    const join = yield* Effect.provide(privateJoin(agreement, rootOf(user)), services)
    yield* Context.get(services, Party).serve(join.handlers).pipe(Effect.provide(services))
    return {
      digests: (tables: ReadonlyArray<HeldTable>) => Effect.provide(join.digests(tables), services),
      examine: join.examine
    }
  })

/** A user that the test plays. */
const played = (hub: Hub, user: string) =>
  Effect.map(processOf(hub, user), (services) => Context.get(services, Party))

type Asker = Party["Type"]

const refusal = <A, R>(asker: Asker, to: string, message: Ask<A, R>, payload: A) =>
  Effect.map(Effect.either(asker.ask(to, message, payload, options)), (answer) =>
    Either.isRight(answer)
      ? "it was taken"
      : answer.left._tag === "RemoteFailure"
        ? `${answer.left.error._tag}: ${answer.left.error.message}`
        : answer.left.message
  )

/** The list of a user that the test plays. */
const listOf = (agreement: Agreement, user: string, ids: ReadonlyArray<string>) =>
  ascending(new Raiser(userJoinSecret(agreement, rootOf(user), user)).raiseIds(ids)).points

const committed = (points: Uint8Array) => commitTo(piecesOf(points))

/** user2 among two users that the test plays, who have committed to these lists. */
const between = (lists: { readonly north: Uint8Array; readonly west: Uint8Array }, stable = memoryStore()) =>
  Effect.gen(function* () {
    const agreement = yield* agreementOf(3)
    const hub = makeHub()
    yield* taking(hub, agreement, "user2", stable)
    const [user1, user3] = [yield* played(hub, "user1"), yield* played(hub, "user3")]
    yield* user1.ask("user2", CommitIds, committed(lists.north), options)
    yield* user3.ask("user2", CommitIds, committed(lists.west), options)
    /** What user2 says to pieces that user1 sends. */
    const sends = (piece: { owner?: string; piece?: number; points: Uint8Array }) =>
      refusal(user1, "user2", RaiseIds, { owner: "user1", piece: 0, ...piece })
    return { agreement, user1, user3, sends }
  })

const someLists = Effect.map(agreementOf(3), (agreement) => ({
  north: listOf(agreement, "user1", ["a", "b", "c"]),
  west: listOf(agreement, "user3", ["c", "d"])
}))

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "private join",
  (it) => {
    for (const users of [2, 3, 7])
      it.scoped(`of ${users} users comes to digests under the secrets of all of them`, () =>
        Effect.gen(function* () {
          const agreement = yield* agreementOf(users)
          const hub = makeHub()
          const all = yield* Effect.forEach(agreement.users, ({ actor }) => taking(hub, agreement, actor))
          const found = yield* Effect.forEach(all, ({ digests }, i) => digests(tablesOf(i)), {
            concurrency: "unbounded"
          })
          const digestsOf = digestsKnowing(agreement, rootOf)
          expect(found).toEqual(
            all.map((_, i) => tablesOf(i).map(({ ids }) => new Uint8Array(digestsOf(ids))))
          )
        })
      )

    it.scoped("goes round in pieces where a list is longer than one", () =>
      Effect.gen(function* () {
        const agreement = yield* agreementOf(2)
        const hub = makeHub()
        const ids = Array.from({ length: piecePoints + 1 }, (_, i) => `row ${i}`)
        const [one, other] = yield* Effect.forEach(["user1", "user2"], (user) => taking(hub, agreement, user))
        const found = yield* Effect.all(
          [one!.digests([table(ids)]), other!.digests([table(ids.slice(-2))])],
          {
            concurrency: "unbounded"
          }
        )
        expect(found[0][0]!.subarray(-32)).toEqual(found[1][0])
      })
    )

    it.scoped("raises what was committed to, and as often as it is asked the same", () =>
      Effect.gen(function* () {
        const { agreement, user1, sends } = yield* Effect.flatMap(someLists, between)
        const lists = yield* someLists
        const own = new Raiser(userJoinSecret(agreement, rootOf("user2"), "user2"))
        // The list of west comes by way of north, and goes no further.
        const piece = { owner: "user3", piece: 0, points: lists.west }
        const twice = [
          yield* user1.ask("user2", RaiseIds, piece, options),
          yield* user1.ask("user2", RaiseIds, piece, options)
        ]
        for (const { points } of twice) expect(points).toEqual(own.raiseAll(lists.west))
        const mean = "north sent a list of its ids that is another than it committed to"
        expect(yield* sends({ points: listOf(agreement, "user1", ["a", "b", "x"]) })).toContain(mean)
      })
    )

    it.scoped("refuses more than was committed to, by name", () =>
      Effect.gen(function* () {
        const lists = yield* someLists
        const { agreement, sends } = yield* between(lists)
        const more = listOf(agreement, "user1", ["a", "b", "c", "x"])
        for (const [sent, why] of [
          [{ points: more }, "its ids that has 128 bytes where those of 3 points are due"],
          [{ points: lists.north, piece: 1 }, "its ids that has 96 bytes where those of 0 points are due"],
          [
            { points: new Uint8Array(0), piece: 1 },
            "its ids that has 0 bytes where those of 0 points are due"
          ],
          [
            { points: more, owner: "user3" },
            "the ids of west that has 128 bytes where those of 2 points are due"
          ]
        ] as const)
          expect(yield* sends(sent)).toMatch(
            new RegExp(`^ListRefused: north sent a list of ${why}; .* start a new run`)
          )
      })
    )

    it.scoped("raises one list in the place of another's, and no second one, whenever it was killed", () =>
      Effect.gen(function* () {
        const lists = yield* someLists
        const stable = memoryStore()
        const life = yield* Scope.make()
        const first = yield* between(lists, stable).pipe(Scope.extend(life))
        expect(yield* first.sends({ owner: "user3", points: lists.west })).toBe("it was taken")
        const guesses = listOf(first.agreement, "user1", ["x", "y"])
        const other = "ListRefused: north sent a list of the ids of west that is another than it sent before"
        expect(yield* first.sends({ owner: "user3", points: guesses })).toContain(other)
        yield* Scope.close(life, yield* Effect.exit(Effect.void))
        const again = yield* between(lists, stable)
        expect(yield* again.sends({ owner: "user3", points: guesses })).toContain(other)
        expect(yield* again.sends({ owner: "user3", points: lists.west })).toBe("it was taken")
      })
    )

    it.scoped("refuses what is no point, and names its sender and its place", () =>
      Effect.gen(function* () {
        const { north, west } = yield* someLists
        const none = new Uint8Array([
          ...north.subarray(0, pointBytes),
          ...new Uint8Array(pointBytes).fill(255)
        ])
        const { sends } = yield* between({ north: none, west })
        const why = "has what is none: .*number 1 is the coordinate of no point of Curve25519"
        expect(yield* sends({ points: none })).toMatch(
          new RegExp(`^ListRefused: north sent a list of its ids that ${why}`)
        )
      })
    )

    it.scoped("takes one commitment of each user, and one that is whole", () =>
      Effect.gen(function* () {
        const lists = yield* someLists
        const { agreement, user1, user3 } = yield* between(lists)
        const other = committed(listOf(agreement, "user1", ["a", "b", "x"]))
        expect(yield* refusal(user1, "user2", CommitIds, other)).toContain(
          "ListRefused: north sent a list of its ids that is another than it committed to before"
        )
        const fewer = { ...committed(lists.north), ids: 2 }
        expect(yield* refusal(user1, "user2", CommitIds, fewer)).toContain("is another than it committed to")
        expect(yield* refusal(user1, "user2", CommitIds, committed(lists.north))).toBe("it was taken")
        expect(yield* refusal(user3, "user2", CommitIds, { ...other, ids: piecePoints + 1 })).toContain(
          "ListRefused: west sent a list of its ids that has 2049 ids and digests of others"
        )
      })
    )

    it.scoped("serves the user before it, for the ids of others", () =>
      Effect.gen(function* () {
        const lists = yield* someLists
        const { user3, sends } = yield* between(lists)
        const own = { owner: "user3", piece: 0, points: lists.west }
        expect(yield* refusal(user3, "user2", RaiseIds, own)).toContain("NotExpected: user3 sent RaiseIds")
        for (const owner of ["user2", "user4", "kgc", "north"])
          expect(yield* sends({ owner, points: lists.north })).toContain(
            `NotExpected: user1 sent the ids of ${owner}`
          )
      })
    )

    it.scoped("raises nothing, and sends nothing of its own, before everybody has committed", () =>
      Effect.gen(function* () {
        const lists = yield* someLists
        const agreement = yield* agreementOf(3, 400)
        const hub = makeHub()
        const user2 = yield* taking(hub, agreement, "user2")
        const [user1, user3] = [yield* played(hub, "user1"), yield* played(hub, "user3")]
        const seen: Array<string> = []
        const take = (tag: string) => Effect.sync(() => void seen.push(tag)).pipe(Effect.as({}))
        yield* user1.serve([on(CommitIds, () => take("commitment"))])
        yield* user3.serve([
          on(CommitIds, () => take("commitment")),
          on(RaiseIds, ({ points }) => Effect.as(take("ids"), { points }))
        ])
        yield* user1.ask("user2", CommitIds, committed(lists.north), options)
        const missing = "user3 did not send its commitment to its list of ids within 320 ms"
        const piece = { owner: "user1", piece: 0, points: lists.north }
        expect(yield* refusal(user1, "user2", RaiseIds, piece)).toContain(missing)
        const found = yield* Effect.either(user2.digests(tablesOf(1)))
        expect(Either.isLeft(found) && found.left.message).toContain(missing)
        expect(seen).toEqual(["commitment", "commitment"])
      })
    )

    it.scoped("refuses what comes round in another length than it was sent", () =>
      Effect.gen(function* () {
        const agreement = yield* agreementOf(2)
        const hub = makeHub()
        const user1 = yield* taking(hub, agreement, "user1")
        const user2 = yield* played(hub, "user2")
        yield* user2.serve([
          on(CommitIds, () => Effect.succeed({})),
          on(RaiseIds, ({ points }) => Effect.succeed({ points: points.slice(pointBytes) }))
        ])
        const { west } = yield* someLists
        yield* user2.ask("user1", CommitIds, committed(west), options)
        const found = yield* Effect.either(user1.digests(tablesOf(0)))
        expect(Either.isLeft(found) && found.left.message).toContain(
          "south sent a list of the ids of north that has another length than it was sent"
        )
      })
    )

    it.scoped("compares the rows that a user declares with the ids that it had raised", () =>
      Effect.gen(function* () {
        const agreement = yield* agreementOf(2)
        const hub = makeHub()
        const user2 = yield* taking(hub, agreement, "user2")
        const user1 = yield* played(hub, "user1")
        const ids = ["a", "b", "c"]
        yield* user1.ask("user2", CommitIds, committed(listOf(agreement, "user1", ids)), options)
        const digestsOf = digestsKnowing(agreement, rootOf)
        const declaring = (...blocks: ReadonlyArray<ReadonlyArray<string>>) => {
          const tables = blocks.map((each) => table(each))
          const declared = declaredOf(
            agreement,
            tables,
            blocks.map((each) => digestsOf(each))
          )
          return Effect.either(user2.examine(new Map([["user1", declared]])))
        }
        expect(Either.isRight(yield* declaring(ids))).toBe(true)
        expect(Either.isRight(yield* declaring(ids, ids))).toBe(true)
        for (const [blocks, rows] of [
          [[["a", "b"]], 2],
          [
            [
              ["a", "b"],
              ["b", "a"]
            ],
            2
          ],
          [[["a", "b", "c", "d"]], 4]
        ] as const) {
          const answer = yield* declaring(...blocks)
          expect(Option.getOrThrow(Either.getLeft(answer)).message).toMatch(
            new RegExp(`^north declares ${rows} rows and had 3 ids raised: .* start a new run$`)
          )
        }
      })
    )

    it.scoped(
      "of a user that comes back is asked for with the same bytes, and with none once it is done",
      () =>
        Effect.gen(function* () {
          const agreement = yield* agreementOf(2)
          const hub = makeHub()
          const stable = memoryStore()
          const user2 = yield* played(hub, "user2")
          const seen: Array<readonly [string, unknown]> = []
          let answers = false
          yield* user2.serve([
            on(CommitIds, (list) =>
              Effect.sync(() => void seen.push(["CommitIds", list])).pipe(Effect.as({}))
            ),
            on(RaiseIds, (piece) =>
              Effect.suspend(() => {
                seen.push(["RaiseIds", piece])
                return answers ? Effect.succeed({ points: piece.points }) : Effect.never
              })
            )
          ])
          const lists = yield* someLists
          /** A life of user1, until what it asked was seen. */
          const living = (until: (fiber: Fiber.Fiber<unknown, unknown>) => Effect.Effect<unknown, unknown>) =>
            Effect.scoped(
              Effect.gen(function* () {
                const user1 = yield* taking(hub, agreement, "user1", stable)
                yield* user2.ask("user1", CommitIds, committed(lists.west), options)
                yield* until(yield* Effect.fork(user1.digests(tablesOf(0))))
              })
            )
          const asked = (times: number) =>
            Effect.repeat(
              Effect.yieldNow({ priority: 1 }).pipe(
                Effect.zipRight(Effect.promise(() => new Promise(setImmediate)))
              ),
              {
                until: () => seen.length >= times
              }
            )
          yield* living(() => asked(2))
          answers = true
          yield* living(Fiber.join)
          expect(seen.map(([tag]) => tag)).toEqual(["CommitIds", "RaiseIds", "CommitIds", "RaiseIds"])
          expect(seen[2]).toEqual(seen[0])
          expect(seen[3]).toEqual(seen[1])
          yield* living(Fiber.join)
          expect(seen).toHaveLength(4)
        })
    )
  }
)
