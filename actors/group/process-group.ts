/**
 * The process group of a party: its main process and its members, workers and lanes, which may run on any
 * machine. All of them have the party's name and password at the broker, and a secret of their own that the
 * broker does not know. What they send each other is encrypted with AES-256-GCM, so that anyone who runs the
 * broker can neither read it nor join the group.
 */
import { createHash, randomBytes } from "node:crypto"
import { Context, Data, Effect, Either, Layer, Option, Redacted } from "effect"
import { derive, nonceBytes, seal, unseal } from "../../protocol/aead.ts"
import { type Ask, type Format, format } from "../../protocol/messages/message.ts"
import { actorOf, actorsWithMembers } from "../../protocol/messages/subjects.ts"
import type { Schema } from "../../protocol/schema.ts"
import { variable } from "../../runtime/environment.ts"
import { type AskOptions, type Handler, on, Party } from "../../runtime/messaging/contract.ts"

/** The environment variable with the secret of an actor's process group, as base64 of 32 bytes. */
export const groupSecretVariable = (actor: string): string => `${actor.toUpperCase()}_HOUSE`

export const groupSecretBytes = 32
const keyBytes = 32
/** Names a process: drawn when it starts, so that its counter can start at zero. */
const incarnationBytes = 16
/** Keys of senders that are cached. */
const mostKeys = 256

/** A secret for each process group of a run, from the operating system. */
export const drawGroupSecrets = (): Readonly<Record<string, Redacted.Redacted>> =>
  Object.fromEntries(
    actorsWithMembers.map((actor) => [actor, Redacted.make(randomBytes(groupSecretBytes).toString("base64"))])
  )

/** What stands before the ciphertext. */
const headBytes = incarnationBytes + nonceBytes

/** This process was started without the secret of its group, or with a malformed one. */
export class NoHouse extends Data.TaggedError("NoHouse")<{
  readonly actor: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.actor} can have no members: ${this.reason}; give all its processes the same ${groupSecretVariable(this.actor)}, base64 of ${groupSecretBytes} random bytes`
  }
}

/** What arrived can't be decrypted with the key of the group. */
export class NotOfTheHouse extends Data.TaggedError("NotOfTheHouse")<{
  readonly party: string
  readonly from: string
  readonly what: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.what} from ${this.from} can't be decrypted with the group key of ${this.party}: it was changed, or ${this.from} has another ${groupSecretVariable(actorOf(this.party))} or belongs to another run`
  }
}

/** What only a process of the group can do. */
export interface ProcessGroupService {
  readonly hasSecret: boolean
  /** Seals for another process of the group. `about` says what the content is: it opens only as that. */
  readonly seal: (to: string, about: string, content: Uint8Array) => Effect.Effect<Uint8Array, NoHouse>
  /** Opens what another process of the group sealed for this one. */
  readonly unseal: (
    from: string,
    about: string,
    sealed: Uint8Array
  ) => Effect.Effect<Uint8Array, NoHouse | NotOfTheHouse>
}

export class ProcessGroup extends Context.Tag("actors/ProcessGroup")<ProcessGroup, ProcessGroupService>() {}

/** Of a process: its name and its run. */
interface ProcessName {
  readonly name: string
  readonly run: string
}

/** The keys under which the processes of a group seal, one for each incarnation of a process. */
class GroupKeys {
  readonly #group: string
  readonly #secret: Redacted.Redacted<Uint8Array>
  readonly #cached = new Map<string, Uint8Array>()

  constructor({ name, run }: ProcessName, secret: Redacted.Redacted<Uint8Array>) {
    this.#group = `${run}\n${actorOf(name)}`
    this.#secret = secret
  }

  of(sender: string, incarnation: Uint8Array): Uint8Array {
    const id = `${sender} ${Buffer.from(incarnation).toString("hex")}`
    const known = this.#cached.get(id)
    if (known !== undefined) return known
    const info = `bicameral house\n${this.#group}\n${id}`
    const key = derive(Redacted.value(this.#secret), "", info, keyBytes)
    if (this.#cached.size >= mostKeys) this.#cached.delete(this.#cached.keys().next().value!)
    this.#cached.set(id, key)
    return key
  }
}

/** The group of a process, from its secret. Without one, sealing and unsealing fail. */
export const processGroupOf = (
  process: ProcessName,
  secret: Option.Option<Redacted.Redacted<Uint8Array>>
): ProcessGroupService => {
  const { name } = process
  if (Option.isNone(secret)) {
    const none = new NoHouse({ actor: actorOf(name), reason: "it was started without a group secret" })
    return { hasSecret: false, seal: () => none, unseal: () => none }
  }
  const keys = new GroupKeys(process, secret.value)
  const incarnation = new Uint8Array(randomBytes(incarnationBytes))
  let sealed = 0
  return {
    hasSecret: true,
    seal: (to, about, content) =>
      Effect.sync(() => {
        const head = new Uint8Array(headBytes)
        head.set(incarnation)
        const nonce = head.subarray(incarnationBytes)
        new DataView(nonce.buffer, nonce.byteOffset).setBigUint64(4, BigInt(++sealed))
        const key = keys.of(name, incarnation)
        return seal({ key, nonce, about: boundTo(name, to, about) }, content, head)
      }),
    unseal: (from, about, whole) =>
      Effect.suspend(() => {
        const key = keys.of(from, whole.subarray(0, incarnationBytes))
        const nonce = whole.subarray(incarnationBytes, headBytes)
        return Effect.mapError(
          unseal({ key, nonce, about: boundTo(from, name, about) }, whole.subarray(headBytes)),
          () => new NotOfTheHouse({ party: name, from, what: about })
        )
      })
  }
}

const boundTo = (from: string, to: string, about: string): Uint8Array =>
  createHash("sha256").update([from, to, about].join("\n")).digest()

/**
 * From the environment variable of the actor's group. Without it the group has no secret and admits no one.
 */
export const processGroupFromEnvironment = (process: ProcessName) =>
  Layer.effect(
    ProcessGroup,
    Effect.gen(function* () {
      const actor = actorOf(process.name)
      const value = yield* variable(groupSecretVariable(actor))
      if (value === undefined || !actorsWithMembers.includes(actor))
        return processGroupOf(process, Option.none())
      const secret = new Uint8Array(Buffer.from(value, "base64"))
      return secret.length === groupSecretBytes
        ? processGroupOf(process, Option.some(Redacted.make(secret)))
        : yield* new NoHouse({ actor, reason: `its group secret has ${secret.length} bytes` })
    })
  )

/** A request within a process group. Its payload and its reply are sealed. */
export interface GroupAsk<A, R> {
  readonly payload: Format<A>
  readonly reply: Format<R>
  readonly wire: Ask<Uint8Array, Uint8Array>
}

const asIs: Format<Uint8Array> = { encode: Either.right, decode: Either.right }

/** Declares a request within a process group and its reply, as `ask` does for requests between parties. */
export const groupAsk = <A, IA, R, IR>(
  tag: string,
  payload: Schema.Schema<A, IA>,
  reply: Schema.Schema<R, IR>
): GroupAsk<A, R> => ({
  payload: format(tag, payload),
  reply: format(`reply to ${tag}`, reply),
  wire: { kind: "ask", tag, payload: asIs, reply: asIs }
})

/** Binds a reply to its request. */
const replyTo = (tag: string, request: Uint8Array): string =>
  `reply to ${tag} ${Buffer.from(request.subarray(0, headBytes)).toString("hex")}`

/** Asks another process of this group. */
export const askInGroup = <A, R>(to: string, message: GroupAsk<A, R>, payload: A, options: AskOptions) =>
  Effect.gen(function* () {
    const party = yield* Party
    const group = yield* ProcessGroup
    const { tag } = message.wire
    const request = yield* group.seal(to, tag, yield* message.payload.encode(payload))
    const sealed = yield* party.ask(to, message.wire, request, options)
    return yield* message.reply.decode(yield* group.unseal(to, replyTo(tag, request), sealed))
  })

/** Serves a request of another process of this group. */
export const onInGroup = <A, R, E, Env>(
  message: GroupAsk<A, R>,
  handler: (payload: A, from: string) => Effect.Effect<R, E, Env>
) =>
  on(message.wire, (request, from) =>
    Effect.gen(function* () {
      const group = yield* ProcessGroup
      const { tag } = message.wire
      const payload = yield* message.payload.decode(yield* group.unseal(from, tag, request))
      const reply = yield* message.reply.encode(yield* handler(payload, from))
      return yield* group.seal(from, replyTo(tag, request), reply)
    })
  )

export type GroupHandler<E, Env> = Handler<E, Env | ProcessGroup>

/** Handlers that need nothing but the group, with the group provided. */
export const inGroup = (
  group: ProcessGroupService,
  handlers: ReadonlyArray<GroupHandler<unknown, never>>
): ReadonlyArray<Handler<unknown, never>> =>
  handlers.map((each) => ({
    ...each,
    handle: (...request) => Effect.provideService(each.handle(...request), ProcessGroup, group)
  }))
