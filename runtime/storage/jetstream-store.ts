/**
 * A store at the broker: a bucket of JetStream for each cloud, so that what a cloud keeps outlives its machine. What is put is cut into
 * chunks under a name that was never used; then one message, the manifest, says which chunks they are and what their digests are, and takes
 * the place of the manifest before it. The broker confirms what is on its disk. It sees names and sizes; `encrypted` of `store.ts` goes around
 * this store. Each cloud may use its own bucket only, and only the operator may make one (`nats.conf`).
 */
import { createHash, randomUUID } from "node:crypto"
import { Effect, Option } from "effect"
import type { BrokerRequests } from "../transport/nats.ts"
import type { TransportError } from "../transport/transport.ts"
import { StoredBytesChanged, type StoreError, StoreFailed, type StoreService } from "./store.ts"

export const bucketOf = (actor: string): string => `checkpoints-${actor}`
const chunkBytes = 512 * 1024
/** How long the broker may be away, or take. */
const deadlineMs = 60_000
/** What JetStream says where no message has the subject; that there is no bucket is another error. */
const noMessage = 10037

interface Manifest {
  readonly version: string
  /** SHA-256 of each chunk, in order. */
  readonly digests: ReadonlyArray<string>
}

/** What the broker answers, as far as it is needed here. */
interface Answer {
  readonly error?: { readonly err_code: number; readonly description: string }
  /** Of what was stored. */
  readonly seq?: number
  readonly message?: { readonly data?: string }
  readonly state?: { readonly subjects?: Readonly<Record<string, number>> }
}

/** Makes an actor's bucket; one that is there already stays as it is. */
export const makeBucket = (broker: BrokerRequests, actor: string): Effect.Effect<void, StoreFailed> => {
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
  return Effect.asVoid(ask(broker, "make", name, `$JS.API.STREAM.CREATE.${name}`, settings))
}

/** The part of an actor's bucket that is for a run. */
export const bucketStore = (broker: BrokerRequests, actor: string, run: string): StoreService => {
  const bucket = bucketOf(actor)
  // Names may have dots, which would part the subject.
  const subjectOf = (name: string) => `checkpoints.${actor}.${run}.${name.replaceAll(".", "=")}`
  const manifestOf = (name: string) => `${subjectOf(name)}.manifest`
  const place = (name: string) => `${bucket}/${name}`
  const api = (what: string, name: string, operation: string, content: object) =>
    ask(broker, operation, place(name), `$JS.API.STREAM.${what}.${bucket}`, content)
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
  return {
    put: (name, bytes) =>
      Effect.gen(function* () {
        const store = (subject: string, data: Uint8Array) =>
          Effect.map(said(broker, "write", place(name), subject, data), ({ seq }) => seq ?? 0)
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
        // The chunks of earlier versions, and of writers who were killed. Before the first of all there is none, and 1 would mean no bound.
        const since = first ?? seq
        if (since > 1) yield* api("PURGE", name, "write", { filter: `${subjectOf(name)}.*.*`, seq: since })
      }),
    get: (name) =>
      Effect.gen(function* () {
        const found = yield* last(name, manifestOf(name))
        if (Option.isNone(found)) return Option.none()
        const manifest = manifestIn(found.value)
        // The other cloud can have the broker's answers to itself put here.
        if (manifest === undefined) return yield* new StoredBytesChanged({ party: actor, name })
        return Option.some(new Uint8Array(Buffer.concat(yield* chunksOf(name, manifest))))
      }),
    list: Effect.map(api("INFO", "", "list", { subjects_filter: manifestOf("*") }), ({ state }) =>
      Object.keys(state?.subjects ?? {})
        .map((subject) => subject.split(".").at(-2)!.replaceAll("=", "."))
        .sort()
    ),
    remove: (name) => Effect.asVoid(api("PURGE", name, "remove", { filter: `${subjectOf(name)}.>` }))
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

const ask = (broker: BrokerRequests, operation: string, place: string, subject: string, content: object) =>
  said(broker, operation, place, subject, Buffer.from(JSON.stringify(content)))

/** Sends a request that the broker answers with JSON; that there is no such message is no error. */
const said = (
  broker: BrokerRequests,
  operation: string,
  place: string,
  subject: string,
  data: Uint8Array
): Effect.Effect<Answer, StoreFailed> => {
  const failed = (reason: string) =>
    new StoreFailed({
      operation,
      place,
      reason,
      remedy: "see that the broker runs with nats-jetstream.conf, has the bucket, and has room"
    })
  return broker.request(subject, data, deadlineMs).pipe(
    Effect.mapError((error: TransportError) => failed(error.message)),
    Effect.flatMap((bytes) => {
      const answer = JSON.parse(Buffer.from(bytes).toString()) as Answer
      return answer.error === undefined || answer.error.err_code === noMessage
        ? Effect.succeed(answer)
        : failed(answer.error.description)
    })
  )
}
