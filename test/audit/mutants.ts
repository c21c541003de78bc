/**
 * Faults of the program that give something away, each put in by wrapping a module of it. `active` says which are there; with
 * none, the modules are as they are. A file that uses them imports this one before the program.
 */
import { Context, Effect, Either, Layer, Redacted } from "effect"
import { vi } from "vitest"
import { decode, encode } from "../../protocol/messages/codec.ts"
import { decodeEnvelope, encodeEnvelope } from "../../protocol/messages/envelope.ts"
import { ask, Bytes, tell } from "../../protocol/messages/message.ts"
import { subjectOf } from "../../protocol/messages/subjects.ts"
import { Schema } from "../../protocol/schema.ts"

export type Mutant =
  | "a dealing that is not sealed"
  | "a wrong subject"
  | "a reused nonce"
  | "a share in the clear for the wrong cloud"
  | "the master key for cloud 1"
  | "a secret key in a declaration"
  | "k_1 for cloud 0"
  | "the salt for a cloud"
  | "ids for a cloud"
  | "the model for the director"
  | "no blinds in the transformation"
  | "the encrypted model for cloud 0"
  | "partial decryptions for cloud 1"
  | "held-out cells for a user that does not test"
  | "sums without masks"
  | "the statistics for a cloud"

export const active = new Set<Mutant>()

/** Says something that the protocol does not know, or says it to somebody else. */
const Leak = ask("Leak", Schema.Struct({ bytes: Bytes }), Schema.Struct({}))
const LeakedModel = tell("LeakedModel", Schema.Struct({ layers: Schema.Unknown }))

const told = { deadlineMs: 5_000 }

/** The secrets of parties as they enrol. */
const secrets = new Map<string, { readonly [name: string]: Uint8Array }>()

vi.mock("../../actors/party/enrolment.ts", async (load) => {
  const real = await load<typeof import("../../actors/party/enrolment.ts")>()
  const { Party } = await import("../../runtime/messaging/contract.ts")
  const leaked = (name: string, own: { readonly [name: string]: Uint8Array }) => {
    if (name === "cloud0" && active.has("the master key for cloud 1")) return ["cloud1", own.p] as const
    if (name === "cloud1" && active.has("k_1 for cloud 0")) return ["cloud0", own.prgKey] as const
    return undefined
  }
  const enrolment: typeof real.enrolment = (agreement, handout, kept) =>
    Effect.map(real.enrolment(agreement, handout, kept), (once) => ({
      ...once,
      done: Effect.tap(once.done, (enrolled) =>
        Effect.gen(function* () {
          const party = yield* Party
          const own = Redacted.value(enrolled.secrets) as { readonly [name: string]: Uint8Array }
          secrets.set(party.name, own)
          const leak = leaked(party.name, own)
          if (leak !== undefined) yield* Effect.ignore(party.ask(leak[0], Leak, { bytes: leak[1]! }, told))
        })
      )
    }))
  return { ...real, enrolment }
})

vi.mock("../../runtime/messaging/party.ts", async (load) => {
  const real = await load<typeof import("../../runtime/messaging/party.ts")>()
  const { Party } = await import("../../runtime/messaging/contract.ts")
  const { Declaration } = await import("../../protocol/messages/upload.ts")
  /** With one field more, which the others' schema is made to overlook. */
  const withKey = (bytes: Uint8Array, key: Uint8Array) => {
    const value = Either.getOrThrow(decode("Declaration", bytes)) as object
    return encode("Declaration", { ...value, key })
  }
  const layer: typeof real.layer = (options) =>
    Layer.map(real.layer(options), (context) => {
      const party = Context.get(context, Party)
      const asking: typeof party.ask = (to, message, payload, how) => {
        const key = secrets.get(options.name)?.secretKey
        const leaks = active.has("a secret key in a declaration") && message.tag === Declaration.tag
        if (!leaks || key === undefined || options.name !== "user1")
          return party.ask(to, message, payload, how)
        const leaking = {
          ...message,
          payload: {
            ...message.payload,
            encode: (value: typeof payload) =>
              Either.flatMap(message.payload.encode(value), (bytes) => withKey(bytes, key))
          }
        }
        return party.ask(to, leaking, payload, how)
      }
      return Context.make(Party, Party.of({ ...party, ask: asking }))
    })
  return { ...real, layer }
})

vi.mock("../../protocol/messages/upload.ts", async (load) => {
  const real = await load<typeof import("../../protocol/messages/upload.ts")>()
  const overlooked = (bytes: Uint8Array) =>
    Either.flatMap(decode("Declaration", bytes), (value) => {
      const { key: _, ...rest } = value as { readonly key?: unknown }
      return encode("Declaration", rest)
    })
  const { payload } = real.Declaration
  return {
    ...real,
    Declaration: {
      ...real.Declaration,
      payload: {
        ...payload,
        decode: (bytes: Uint8Array) =>
          active.has("a secret key in a declaration")
            ? Either.flatMap(overlooked(bytes), payload.decode)
            : payload.decode(bytes)
      }
    }
  }
})

vi.mock("../../protocol/channels/frames.ts", async (load) => {
  const real = await load<typeof import("../../protocol/channels/frames.ts")>()
  const reused = "a reused nonce"
  class Sealer extends real.FrameSealer {
    readonly #make: () => InstanceType<typeof real.FrameSealer>
    #inner: InstanceType<typeof real.FrameSealer>
    #frames = 0
    constructor(...given: ConstructorParameters<typeof real.FrameSealer>) {
      super(...given)
      this.#make = () => new real.FrameSealer(...given)
      this.#inner = this.#make()
    }
    override seal(content: Uint8Array, frame: Uint8Array): void {
      this.#frames++
      if (active.has(reused) && this.#frames % 16 === 0) this.#inner = this.#make()
      this.#inner.seal(content, frame)
    }
  }
  class Opener extends real.FrameOpener {
    readonly #make: () => InstanceType<typeof real.FrameOpener>
    constructor(...given: ConstructorParameters<typeof real.FrameOpener>) {
      super(...given)
      this.#make = () => new real.FrameOpener(...given)
    }
    override open(frame: Uint8Array, into?: Uint8Array) {
      return active.has(reused) ? this.#make().open(frame, into) : super.open(frame, into)
    }
  }
  return { ...real, FrameSealer: Sealer, FrameOpener: Opener }
})

vi.mock("../../runtime/transport/sealed.ts", async (load) => {
  const real = await load<typeof import("../../runtime/transport/sealed.ts")>()
  const messageIn = (data: Uint8Array) => Either.getOrUndefined(decodeEnvelope(data))
  const withSeals: typeof real.withSeals = (options, transport) => {
    const takers = new Map<
      string,
      (delivery: import("../../runtime/transport/transport.ts").Delivery) => void
    >()
    const { name, run } = options
    const below: typeof transport = {
      ...transport,
      subscribe: (subject, take, queue) =>
        transport.subscribe(
          subject,
          (delivery) => {
            const bare =
              active.has("a dealing that is not sealed") && messageIn(delivery.data)?.tag === "Deal"
            if (bare) takers.get(subject)?.(delivery)
            else take(delivery)
          },
          queue
        )
    }
    return Effect.map(real.withSeals(options, below), (sealed) => ({
      ...sealed,
      subscribe: (subject, take, queue) => {
        takers.set(subject, take)
        return sealed.subscribe(subject, take, queue)
      },
      send: (subject, data, headers) => {
        const message = messageIn(data)
        const { tag, kind } = message ?? {}
        /** The same message to somebody else, as a request that nobody serves. */
        const also = (to: string) => {
          const subject = subjectOf({ run, to, from: name, channel: "ask" })
          const copy = encodeEnvelope({ ...message!, kind: "ask", id: `${message!.id}-copy` })
          sealed.send(subject, copy)
        }
        if (
          active.has("a dealing that is not sealed") &&
          name === "kgc" &&
          tag === "Deal" &&
          kind === "reply"
        )
          return transport.send(subject, data, headers)
        if (active.has("a wrong subject") && name === "cloud0" && tag === "ModelShare") also("user1")
        if (active.has("the encrypted model for cloud 0") && tag === "FetchModel" && kind === "reply")
          also("cloud0")
        if (active.has("partial decryptions for cloud 1") && tag === "PartialDecryptions" && kind === "ask")
          also("cloud1")
        if (
          active.has("held-out cells for a user that does not test") &&
          tag === "HeldOutCells" &&
          kind === "ask" &&
          name === "user3"
        )
          also("user2")
        return sealed.send(subject, data, headers)
      }
    }))
  }
  return { ...real, withSeals }
})

vi.mock("../../actors/users/upload.ts", async (load) => {
  const real = await load<typeof import("../../actors/users/upload.ts")>()
  const { Party } = await import("../../runtime/messaging/contract.ts")
  const { UploadWords1 } = await import("../../protocol/messages/upload.ts")
  const { readRows } = await import("../../protocol/data/cells.ts")
  const { splitWords } = await import("../../protocol/sharing/split.ts")
  const { digestUpload } = await import("../../actors/users/upload-digest.ts")
  const { concatenate } = await import("../../protocol/bytes.ts")
  const upload: typeof real.upload = (agreement, membership, rows, tables, root) =>
    Effect.tap(real.upload(agreement, membership, rows, tables, root), () =>
      Effect.gen(function* () {
        const party = yield* Party
        if (!active.has("a share in the clear for the wrong cloud") || party.name !== "user1") return
        const cells = rows.placed.training.map(({ cells }) => readRows(cells))
        const words = cells.map((each) =>
          BigUint64Array.from(each, (cell) => BigInt.asUintN(64, BigInt(Math.round(cell * 2 ** 20))))
        )
        const bytes = concatenate(words.map((each) => new Uint8Array(each.buffer)))
        const { share1 } = splitWords(
          bytes,
          root("share", digestUpload(tables, rows.declared, rows.statistics))
        )
        yield* Effect.ignore(party.ask("cloud0", UploadWords1, { first: 0, words: share1 }, told))
      })
    )
  return { ...real, upload }
})

vi.mock("../../actors/users/rows.ts", async (load) => {
  const real = await load<typeof import("../../actors/users/rows.ts")>()
  const { Party } = await import("../../runtime/messaging/contract.ts")
  const agreeOnRows: typeof real.agreeOnRows = (agreement, tables, join, declarations) =>
    Effect.tap(real.agreeOnRows(agreement, tables, join, declarations), () =>
      Effect.gen(function* () {
        const party = yield* Party
        const Ids = ask("RowIds", Schema.Struct({ ids: Schema.Array(Schema.String) }), Schema.Struct({}))
        if (active.has("ids for a cloud") && party.name === "user2")
          yield* Effect.ignore(party.ask("cloud0", Ids, { ids: tables[0]!.ids }, told))
      })
    )
  return { ...real, agreeOnRows }
})

vi.mock("../../actors/users/salted-join.ts", async (load) => {
  const real = await load<typeof import("../../actors/users/salted-join.ts")>()
  const { Party } = await import("../../runtime/messaging/contract.ts")
  const saltedJoin: typeof real.saltedJoin = (agreement, root) =>
    Effect.map(real.saltedJoin(agreement, root), (join) => {
      const leak = Effect.gen(function* () {
        const party = yield* Party
        const Salt = ask("RowSalt", Schema.Struct({ salt: Bytes }), Schema.Struct({}))
        const salt = real.rowSalt(agreement, root)
        if (active.has("the salt for a cloud") && party.name === "user1")
          yield* Effect.ignore(party.ask("cloud1", Salt, { salt }, told))
      })
      const digests: typeof join.digests = (tables) => Effect.tap(join.digests(tables), () => leak)
      return { ...join, digests }
    })
  return { ...real, saltedJoin }
})

vi.mock("../../actors/users/output.ts", async (load) => {
  const real = await load<typeof import("../../actors/users/output.ts")>()
  const { Party } = await import("../../runtime/messaging/contract.ts")
  const decryptModel: typeof real.decryptModel = (agreement, enrolled, statistics, opening) =>
    Effect.tap(real.decryptModel(agreement, enrolled, statistics, opening), ({ model: { layers } }) =>
      Effect.gen(function* () {
        const party = yield* Party
        if (active.has("the model for the director") && party.name === "user1")
          yield* Effect.ignore(party.tell("director", LeakedModel, { layers }))
      })
    )
  return { ...real, decryptModel }
})

vi.mock("../../protocol/statistics/masks.ts", async (load) => {
  const real = await load<typeof import("../../protocol/statistics/masks.ts")>()
  const masked: typeof real.masked = (layout, numbers, masks) =>
    real.masked(layout, numbers, active.has("sums without masks") ? [] : masks)
  return { ...real, masked }
})

vi.mock("../../actors/users/statistics.ts", async (load) => {
  const real = await load<typeof import("../../actors/users/statistics.ts")>()
  const { Party } = await import("../../runtime/messaging/contract.ts")
  const statisticsAmong: typeof real.statisticsAmong = (agreement, root) =>
    Effect.map(real.statisticsAmong(agreement, root), (statistics) => {
      const found: typeof statistics.found = (cells) =>
        Effect.tap(statistics.found(cells), ({ moments }) =>
          Effect.gen(function* () {
            const party = yield* Party
            const means = Float64Array.from(moments.values(), ({ mean }) => mean)
            if (active.has("the statistics for a cloud") && party.name === "user1")
              yield* Effect.ignore(party.ask("cloud0", Leak, { bytes: new Uint8Array(means.buffer) }, told))
          })
        )
      return { ...statistics, found }
    })
  return { ...real, statisticsAmong }
})

vi.mock("../../protocol/sharing/transformation.ts", async (load) => {
  const real = await load<typeof import("../../protocol/sharing/transformation.ts")>()
  const unifyShare1: typeof real.unifyShare1 = (work, keys, blindKey, piece, askCloud0) => {
    const { ciphertexts } = piece
    const bare: typeof work = {
      run: (job, input) =>
        Effect.map(work.run(job, input), (output) =>
          job === "addBlinds" && active.has("no blinds in the transformation")
            ? ({ blinded: ciphertexts, blinds: new Uint8Array(ciphertexts.length / 4) } as typeof output)
            : output
        )
    }
    return real.unifyShare1(bare, keys, blindKey, piece, askCloud0)
  }
  return { ...real, unifyShare1 }
})

/** So many rows that the cells of each user that are held out can't be taken for chance, whichever rows they are. */
export const heldOut = 0.4

/** A scenario whose columns are scaled by what the users find together. */
export const standardised = {
  data: {
    features: ["length", "width", "veins", "weight"],
    label: { column: "kind", values: ["ash", "elm"] }
  },
  reveal: ["metrics", "heldOutRows", "progress", "column-statistics"]
}

/** What the audit must find of each, and of nothing else. */
export const expected: Readonly<Record<Mutant, ReadonlyArray<RegExp>>> = {
  "a dealing that is not sealed": [
    /^broker: a message that is not sealed; in Deal from kgc to cloud1 \(reply\)/,
    /^broker: the corrections for cloud 1.*; in Deal from kgc to cloud1 \(reply\)/
  ],
  "a wrong subject": [
    /^broker: a subject on which its sender may not publish; in a frame from cloud0 to user1 \(ask\)/
  ],
  "a reused nonce": [/^broker: two messages under one nonce; in a frame from /],
  "a share in the clear for the wrong cloud": [
    /^cloud0: cloud 1's shares of cells of user1 .*; in UploadWords1 from user1 to cloud0$/,
    /^cloud0: cells to train on of user1; in UploadWords1 from user1 to cloud0, with cloud 0's shares/
  ],
  "the master key for cloud 1": [
    /^cloud1: the master key.*; in Leak from cloud0 to cloud1$/,
    /^cloud1: cloud 0's shares of cells of user\d.*; in UnifiedShare0 from cloud0 to cloud1, opened with the joint key$/,
    /^cloud1: cells to train on of user\d; in UnifiedShare0 from cloud0 to cloud1, opened with the joint key, with /,
    /^cloud1: cloud 0's share of the trained weights.*; in ModelShare from cloud0 to cloud1, opened with the joint key$/,
    /^cloud1: the trained weights; in ModelShare from cloud0 to cloud1/
  ],
  "a secret key in a declaration": [
    /^user2: the secret key of user1.*; in Declaration from user1 to user2$/,
    /^user3: the secret key of user1.*; in Declaration from user1 to user3$/
  ],
  "k_1 for cloud 0": [
    /^cloud0: cloud 1's PRG key k_1; in Leak from cloud1 to cloud0$/,
    /^cloud0: cloud 1's shares of cells of user\d.*; in a round of train from cloud1 to cloud0, unmasked with k1$/,
    /^cloud0: cells to train on of user\d; in a round of train from cloud1 to cloud0, unmasked with k1, with /
  ],
  "the salt for a cloud": [/^cloud1: the salt of the row ids; in RowSalt from user1 to cloud1$/],
  "ids for a cloud": [/^cloud0: row ids of user\d.*; in RowIds from user2 to cloud0$/],
  "the model for the director": [/^director: the trained weights.*; in LeakedModel from user1 to director$/],
  "no blinds in the transformation": [
    /^cloud0: cloud 1's shares of cells of user\d.*; in Reencrypt from cloud1 to cloud0, opened with the master key$/,
    /^cloud0: cells to train on of user\d; in Reencrypt from cloud1 to cloud0, opened with the master key, with /
  ],
  "the encrypted model for cloud 0": [
    /^cloud0: the trained weights.*; in FetchModel from cloud1 to cloud0, opened with the joint key/,
    /^cloud0: cloud 1's share of the trained weights.*; in FetchModel from cloud1 to cloud0, opened with the joint key/
  ],
  "partial decryptions for cloud 1": [
    /^cloud1: cloud 0's share of the trained weights.*; in ModelShare from cloud0 to cloud1, opened with partial decryptions of (all|2) users/,
    /^cloud1: the trained weights; in ModelShare from cloud0 to cloud1, opened with partial decryptions/
  ],
  "held-out cells for a user that does not test": [
    /^user2: held-out cells of user3.*; in HeldOutCells from user3 to user2$/
  ],
  "sums without masks": [1, 2, 3].map(
    (user) =>
      new RegExp(`^user\\d: its sums of columns of user${user}.*; in MaskedSums from user${user} to user\\d$`)
  ),
  "the statistics for a cloud": [
    /^cloud0: joint means, deviations and counts.*; in Leak from user1 to cloud0$/
  ]
}
