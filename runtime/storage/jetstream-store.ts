/**
 * A store at the broker: a JetStream bucket for each cloud, so that its entries outlive its machine. An entry
 * is cut into chunks under a name that was never used; then one message, the manifest, lists the chunks and
 * their digests and replaces the manifest before it. The broker confirms what is on its disk. It sees names
 * and sizes; `encrypted` of `store.ts` wraps this store. Each cloud may use only its own bucket, and only the
 * operator may make one (`nats.conf`).
 */
import { createHash, randomUUID } from "node:crypto"
import { Data, Effect, Option } from "effect"
import { BrokerUnfit } from "../transport/assumptions.ts"
import type { BrokerRequests } from "../transport/nats.ts"
import type { TransportError } from "../transport/transport.ts"
import { StoredBytesChanged, type StoreError, StoreFailed, type StoreService } from "./store.ts"

export const bucketOf = (actor: string): string => `checkpoints-${actor}`
const longestChunk = 512 * 1024
/** With smaller chunks the manifest of a large checkpoint would exceed one message. */
const leastPayload = 64_000
/** How long the broker may be away, or take to answer. */
const deadlineMs = 60_000
/** The same if nothing depends on the answer yet. */
const openingMs = 10_000

/** JetStream's error codes, which are stable (server/errors.json of nats-server). */
const codes = {
  noMessage: 10037,
  noJetStream: [10035, 10039, 10076],
  noBucket: 10059,
  otherBucket: 10058,
  noRoom: [10002, 10023, 10028, 10047, 10077]
}

/** The broker has no JetStream, or none for this user. */
export class NoJetStream extends Data.TaggedError("NoJetStream")<{
  readonly server: string
  /** It has JetStream, but not for the user's account. */
  readonly elsewhere: boolean
}> {
  readonly retryable = false
  override get message(): string {
    const without = this.elsewhere
      ? "has no JetStream for the account of its users"
      : "runs without JetStream"
    return `the NATS broker at ${this.server} ${without}, so it can't keep checkpoints: start it with nats-jetstream.conf, or take placement.checkpoints out of the scenario`
  }
}

/** The broker could keep checkpoints, but no one has made the cloud's bucket. */
export class NoBucket extends Data.TaggedError("NoBucket")<{
  readonly server: string
  readonly bucket: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the NATS broker at ${this.server} has no bucket ${this.bucket}: set OPERATOR_IDENTITY, so that bicameral run makes it, or make it as the operator (docs/how-to/deploy.md)`
  }
}

/** The broker's storage limit or its disk is used up. */
export class BucketFull extends Data.TaggedError("BucketFull")<{
  readonly server: string
  readonly bucket: string
  readonly words: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the NATS broker at ${this.server} has no room for ${this.bucket} ("${this.words}"): make room on its disk, or raise the limits of the jetstream block in its configuration`
  }
}

/** The broker refuses an operation on a bucket. */
export class BucketRefused extends Data.TaggedError("BucketRefused")<{
  readonly server: string
  readonly bucket: string
  readonly words: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the NATS broker at ${this.server} can't use ${this.bucket}: ${this.words}; see its log, and that nothing but bicameral uses the bucket`
  }
}

export type BucketError = NoJetStream | NoBucket | BucketFull | BucketRefused | TransportError

interface Manifest {
  readonly version: string
  /** SHA-256 of each chunk, in order. */
  readonly digests: ReadonlyArray<string>
}

/** The broker's answer, as far as it is needed here. */
interface Answer {
  readonly error?: { readonly err_code: number; readonly description: string }
  /** Of what was stored. */
  readonly seq?: number
  readonly message?: { readonly data?: string }
  readonly state?: { readonly subjects?: Readonly<Record<string, number>> }
}

/** Makes an actor's bucket; an existing one stays as it is. */
export const makeBucket = (broker: BrokerRequests, actor: string): Effect.Effect<void, BucketError> => {
  const name = bucketOf(actor)
  const settings = {
    name,
    subjects: [`checkpoints.${actor}.>`],
    retention: "limits",
    storage: "file",
    discard: "old",
    max_consumers: -1,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_msgs_per_subject: 1,
    num_replicas: 1
  }
  return Effect.asVoid(said(broker, name, `$JS.API.STREAM.CREATE.${name}`, json(settings), openingMs))
}

/** The part of an actor's bucket for a run. The bucket must exist. */
export const openBucket = (
  broker: BrokerRequests,
  actor: string,
  run: string
): Effect.Effect<StoreService, BucketError> => {
  const { server, maxPayloadBytes } = broker
  const bucket = bucketOf(actor)
  if (maxPayloadBytes < leastPayload)
    return new BrokerUnfit({
      server,
      reason: `checkpoints need messages of ${leastPayload} bytes, and it takes ${maxPayloadBytes}`,
      remedy: "raise max_payload in its configuration; nats.conf has 16MB",
      retryable: false
    })
  const info = said(broker, bucket, `$JS.API.STREAM.INFO.${bucket}`, json({}), openingMs)
  return Effect.as(info, bucketStore(broker, actor, run))
}

/** The part of an actor's bucket for a run. Whether it exists shows when it is used. */
export const bucketStore = (broker: BrokerRequests, actor: string, run: string): StoreService => {
  const bucket = bucketOf(actor)
  const chunkBytes = Math.min(longestChunk, broker.maxPayloadBytes)
  // Names may have dots, which would split the subject.
  const subjectOf = (name: string) => `checkpoints.${actor}.${run}.${name.replaceAll(".", "=")}`
  const manifestOf = (name: string) => `${subjectOf(name)}.manifest`
  const asking = (operation: string, name: string, subject: string, data: Uint8Array) =>
    Effect.mapError(
      said(broker, bucket, subject, data, deadlineMs),
      ({ message }) =>
        new StoreFailed({
          operation,
          place: `${bucket}/${name}`,
          reason: message,
          remedy: "then start this party again, or resume the run"
        })
    )
  const api = (what: string, name: string, operation: string, content: object) =>
    asking(operation, name, `$JS.API.STREAM.${what}.${bucket}`, json(content))
  const last = (name: string, subject: string): Effect.Effect<Option.Option<Buffer>, StoreFailed> =>
    Effect.map(api("MSG.GET", name, "read", { last_by_subj: subject }), ({ error, message }) =>
      error === undefined ? Option.some(Buffer.from(message?.data ?? "", "base64")) : Option.none()
    )
  const chunksOf = (name: string, { version, digests }: Manifest) =>
    Effect.forEach(
      digests,
      (digest, i): Effect.Effect<Buffer, StoreError> =>
        Effect.flatMap(last(name, `${subjectOf(name)}.${version}.${i}`), (chunk) =>
          Option.isSome(chunk) && digestOf(chunk.value) === digest
            ? Effect.succeed(chunk.value)
            : new StoredBytesChanged({ party: actor, name })
        )
    )
  const remove = (name: string) =>
    Effect.asVoid(api("PURGE", name, "remove", { filter: `${subjectOf(name)}.>` }))
  return {
    put: (name, bytes) =>
      Effect.gen(function* () {
        const store = (subject: string, data: Uint8Array) =>
          Effect.map(asking("write", name, subject, data), ({ seq }) => seq ?? 0)
        const manifest = { version: randomUUID(), digests: [] as string[] }
        let first: number | undefined
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          const chunk = bytes.subarray(at, at + chunkBytes)
          const subject = `${subjectOf(name)}.${manifest.version}.${manifest.digests.length}`
          const seq = yield* store(subject, chunk)
          first ??= seq
          manifest.digests.push(digestOf(chunk))
        }
        const seq = yield* store(manifestOf(name), Buffer.from(JSON.stringify(manifest)))
        // The chunks of earlier versions, and of killed writers. Before the first version there are none, and
        // 1 would mean no bound.
        const since = first ?? seq
        if (since > 1) yield* api("PURGE", name, "write", { filter: `${subjectOf(name)}.*.*`, seq: since })
      }),
    get: (name) =>
      Effect.gen(function* () {
        const found = yield* last(name, manifestOf(name))
        if (Option.isNone(found)) return Option.none()
        const manifest = manifestIn(found.value)
        // The other cloud could redirect the broker's answers to itself here.
        if (manifest === undefined) return yield* new StoredBytesChanged({ party: actor, name })
        return Option.some(new Uint8Array(Buffer.concat(yield* chunksOf(name, manifest))))
      }),
    list: Effect.map(api("INFO", "", "list", { subjects_filter: manifestOf("*") }), ({ state }) =>
      Object.keys(state?.subjects ?? {})
        .map((subject) => subject.split(".").at(-2)!.replaceAll("=", "."))
        .sort()
    ),
    remove,
    // What the broker does with its files is its own affair: the entry is encrypted, and its key is destroyed.
    erase: remove
  }
}

const manifestIn = (bytes: Buffer): Manifest | undefined => {
  try {
    const { version, digests } = JSON.parse(bytes.toString()) as Partial<Manifest>
    return typeof version === "string" && Array.isArray(digests) ? { version, digests } : undefined
  } catch {
    return undefined
  }
}

const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

const json = (content: object): Uint8Array => Buffer.from(JSON.stringify(content))

/** Sends a request that the broker answers with JSON; a missing message is not an error. */
const said = (
  broker: BrokerRequests,
  bucket: string,
  subject: string,
  data: Uint8Array,
  withinMs: number
): Effect.Effect<Answer, BucketError> => {
  const { server } = broker
  const withoutJetStream = (error: TransportError) =>
    error._tag === "RequestUnanswered" && error.nobody && !broker.stores()
      ? new NoJetStream({ server, elsewhere: false })
      : error
  return broker.request(subject, data, withinMs).pipe(
    Effect.mapError(withoutJetStream),
    Effect.flatMap((bytes): Effect.Effect<Answer, BucketError> => {
      const answer = answerIn(bytes)
      if (answer === undefined) return new BucketRefused({ server, bucket, words: "its answer is no JSON" })
      const { error } = answer
      return error === undefined || error.err_code === codes.noMessage
        ? Effect.succeed(answer)
        : refusal(error, server, bucket)
    })
  )
}

const answerIn = (bytes: Uint8Array): Answer | undefined => {
  try {
    const answer = JSON.parse(Buffer.from(bytes).toString()) as Answer
    return typeof answer === "object" && answer !== null ? answer : undefined
  } catch {
    return undefined
  }
}

/** The meaning of a JetStream error. */
const refusal = (
  { err_code: code, description: words }: NonNullable<Answer["error"]>,
  server: string,
  bucket: string
): BucketError => {
  if (codes.noJetStream.includes(code)) return new NoJetStream({ server, elsewhere: true })
  if (code === codes.noBucket) return new NoBucket({ server, bucket })
  if (codes.noRoom.includes(code)) return new BucketFull({ server, bucket, words })
  if (code === codes.otherBucket)
    return new BucketRefused({ server, bucket, words: "a stream of that name is there, with other settings" })
  return new BucketRefused({ server, bucket, words: `it says "${words}" (${code})` })
}
