/**
 * The house of a party: its main process and its members, workers and lanes, which any machine may run. They have the party's name and
 * password at the broker, and a secret of their own that the broker does not know: what goes between them is under AES-256-GCM, so whoever
 * runs the broker neither reads it nor passes for one of them.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto"
import { Context, Data, Effect, Either, Layer, Option, Redacted } from "effect"
import { type Ask, type Format, format } from "../../protocol/messages/message.ts"
import { actorOf, houses } from "../../protocol/messages/subjects.ts"
import type { Schema } from "../../protocol/schema.ts"
import { type AskOptions, type Handler, on, Party } from "../../runtime/messaging/contract.ts"

/** The variable that holds the secret of an actor's house, as base64 of 32 bytes. */
export const houseVariable = (actor: string): string => `${actor.toUpperCase()}_HOUSE`

export const houseSecretBytes = 32
const keyBytes = 32
/** Of a process: drawn when it starts, so that its numbers may begin at nought. */
const incarnationBytes = 16
const nonceBytes = 12
const tagBytes = 16
/** Keys of senders that are kept at hand. */
const mostKeys = 256

/** A secret for each house of a run, from the operating system. */
export const drawHouses = (): Readonly<Record<string, Redacted.Redacted>> =>
  Object.fromEntries(
    houses.map((actor) => [actor, Redacted.make(randomBytes(houseSecretBytes).toString("base64"))])
  )

/** By how much what is sealed within a house is longer than what it holds. */
export const houseOverheadBytes = incarnationBytes + nonceBytes + tagBytes

/** This process was started without the secret of its house, or with something else in its place. */
export class NoHouse extends Data.TaggedError("NoHouse")<{
  readonly actor: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.actor} can have no members: ${this.reason}; give all its processes the same ${houseVariable(this.actor)}, base64 of ${houseSecretBytes} random bytes`
  }
}

/** What came does not open under the key of the house. */
export class NotOfTheHouse extends Data.TaggedError("NotOfTheHouse")<{
  readonly party: string
  readonly from: string
  readonly what: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.what} from ${this.from} does not open under the house key of ${this.party}: it was changed, or ${this.from} has another ${houseVariable(actorOf(this.party))} or run`
  }
}

/** What a process of a house can do that no other can. */
export interface HouseService {
  /** Whether there is a secret. */
  readonly open: boolean
  /** Seals for another process of the house. `about` says what it is, of what: it opens only as that. */
  readonly seal: (to: string, about: string, content: Uint8Array) => Effect.Effect<Uint8Array, NoHouse>
  /** Opens what another process of the house sealed for this one. */
  readonly unseal: (
    from: string,
    about: string,
    sealed: Uint8Array
  ) => Effect.Effect<Uint8Array, NoHouse | NotOfTheHouse>
}

export class House extends Context.Tag("actors/House")<House, HouseService>() {}

/** The house of a process, from its secret. Where there is none, all but `open` fails. */
export const houseOf = (
  process: { readonly name: string; readonly run: string },
  secret: Option.Option<Redacted.Redacted<Uint8Array>>
): HouseService => {
  const { name, run } = process
  const actor = actorOf(name)
  if (Option.isNone(secret)) {
    const none = new NoHouse({ actor, reason: "it was started without the secret of a house" })
    return { open: false, seal: () => none, unseal: () => none }
  }
  const incarnation = new Uint8Array(randomBytes(incarnationBytes))
  let sealed = 0
  const keys = new Map<string, Uint8Array>()
  const keyOf = (sender: string, of: Uint8Array): Uint8Array => {
    const id = `${sender} ${Buffer.from(of).toString("hex")}`
    const known = keys.get(id)
    if (known !== undefined) return known
    const info = ["bicameral house", run, actor, id].join("\n")
    const key = new Uint8Array(hkdfSync("sha256", Redacted.value(secret.value), "", info, keyBytes))
    if (keys.size >= mostKeys) keys.delete(keys.keys().next().value!)
    keys.set(id, key)
    return key
  }
  return {
    open: true,
    seal: (to, about, content) =>
      Effect.sync(() => {
        const whole = new Uint8Array(houseOverheadBytes + content.length)
        const nonce = whole.subarray(incarnationBytes, incarnationBytes + nonceBytes)
        whole.set(incarnation)
        new DataView(nonce.buffer, nonce.byteOffset).setBigUint64(4, BigInt(++sealed))
        const cipher = createCipheriv("aes-256-gcm", keyOf(name, incarnation), nonce)
        cipher.setAAD(boundTo(name, to, about))
        whole.set(cipher.update(content), incarnationBytes + nonceBytes)
        cipher.final()
        whole.set(cipher.getAuthTag(), whole.length - tagBytes)
        return whole
      }),
    unseal: (from, about, whole) =>
      Effect.try({
        try: () => {
          const key = keyOf(from, whole.subarray(0, incarnationBytes))
          const nonce = whole.subarray(incarnationBytes, incarnationBytes + nonceBytes)
          const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes })
          decipher.setAAD(boundTo(from, name, about))
          decipher.setAuthTag(whole.subarray(whole.length - tagBytes))
          const content = decipher.update(
            whole.subarray(incarnationBytes + nonceBytes, whole.length - tagBytes)
          )
          decipher.final()
          return new Uint8Array(content.buffer, content.byteOffset, content.length)
        },
        catch: () => new NotOfTheHouse({ party: name, from, what: about })
      })
  }
}

const boundTo = (from: string, to: string, about: string): Uint8Array =>
  createHash("sha256").update([from, to, about].join("\n")).digest()

/** From the variable of the actor's house; without it there is a house that admits nobody. */
export const houseFromEnvironment = (process: { readonly name: string; readonly run: string }) =>
  Layer.effect(
    House,
    Effect.suspend(() => {
      const actor = actorOf(process.name)
      const value = globalThis.process.env[houseVariable(actor)]
      if (value === undefined || value === "" || !houses.includes(actor))
        return Effect.succeed(houseOf(process, Option.none()))
      const secret = new Uint8Array(Buffer.from(value, "base64"))
      return secret.length === houseSecretBytes
        ? Effect.succeed(houseOf(process, Option.some(Redacted.make(secret))))
        : new NoHouse({ actor, reason: `its secret is of ${secret.length} bytes` })
    })
  )

/** A request within a house: what it carries, and the reply, are sealed. */
export interface HouseAsk<A, R> {
  readonly payload: Format<A>
  readonly reply: Format<R>
  readonly wire: Ask<Uint8Array, Uint8Array>
}

const asIs: Format<Uint8Array> = { encode: Either.right, decode: Either.right }

/** Declares a request within a house and its reply, as `ask` does one between parties. */
export const houseAsk = <A, IA, R, IR>(
  tag: string,
  payload: Schema.Schema<A, IA>,
  reply: Schema.Schema<R, IR>
): HouseAsk<A, R> => ({
  payload: format(tag, payload),
  reply: format(`reply to ${tag}`, reply),
  wire: { kind: "ask", tag, payload: asIs, reply: asIs }
})

/** What a reply is about: the very request. */
const replyTo = (tag: string, request: Uint8Array): string =>
  `reply to ${tag} ${Buffer.from(request.subarray(0, incarnationBytes + nonceBytes)).toString("hex")}`

/** Asks another process of this house. */
export const askHouse = <A, R>(to: string, message: HouseAsk<A, R>, payload: A, options: AskOptions) =>
  Effect.gen(function* () {
    const party = yield* Party
    const house = yield* House
    const { tag } = message.wire
    const request = yield* house.seal(to, tag, yield* message.payload.encode(payload))
    const sealed = yield* party.ask(to, message.wire, request, options)
    return yield* message.reply.decode(yield* house.unseal(to, replyTo(tag, request), sealed))
  })

/** What a process does on a request of another of its house. */
export const onHouse = <A, R, E, Env>(
  message: HouseAsk<A, R>,
  handler: (payload: A, from: string) => Effect.Effect<R, E, Env>
) =>
  on(message.wire, (request, from) =>
    Effect.gen(function* () {
      const house = yield* House
      const { tag } = message.wire
      const payload = yield* message.payload.decode(yield* house.unseal(from, tag, request))
      const reply = yield* message.reply.encode(yield* handler(payload, from))
      return yield* house.seal(from, replyTo(tag, request), reply)
    })
  )

export type HouseHandler<E, Env> = Handler<E, Env | House>
