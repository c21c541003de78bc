/**
 * What a party's process runs on: its connection to the broker and its storage, each from a record of its
 * own, and both through the faults that are injected on purpose.
 */
import { join } from "node:path"
import { Effect, Layer, Option } from "effect"
import { CheckpointStore } from "../../actors/clouds/training/checkpoints.ts"
import type { Agreement } from "../../actors/party/agreement.ts"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { Directory, type DirectoryService } from "../../actors/party/directory.ts"
import type { BrokerAccess } from "../../runtime/broker/access.ts"
import { layer as party } from "../../runtime/messaging/party.ts"
import { openBucket } from "../../runtime/storage/jetstream-store.ts"
import { type FoundStateKey, StateKey } from "../../runtime/storage/state-key.ts"
import { directory, encrypted, stable } from "../../runtime/storage/store.ts"
import { layer as tracing } from "../../runtime/tracing.ts"
import { brokerRequests, layer as nats } from "../../runtime/transport/nats.ts"
import { sealed } from "../../runtime/transport/sealed.ts"
import type { FaultsAtParty } from "../faults-injected/at-party.ts"
import { eventsEntry } from "../folders/party-folder.ts"
import { untilBroker } from "./until-broker.ts"

/** Which party of which run connects, and with which credentials. */
export interface Connection {
  readonly actor: string
  readonly run: string
  readonly access: BrokerAccess
}

/** Where a party keeps what it has. */
export interface Storage {
  /** Its own folder. */
  readonly folder: string
  /** What its stable storage is encrypted under, wherever it is. */
  readonly stateKey: FoundStateKey
  /** Whether the party's run has ended, and it only erases. */
  readonly ended: boolean
  /** Whether it keeps its checkpoints at the broker. */
  readonly checkpointsAtBroker: boolean
}

export interface PartyOptions {
  readonly agreement: Agreement
  readonly connection: Connection
  /** Whom the party takes for whom. */
  readonly directory: DirectoryService
  readonly storage: Storage
  /** What is done to this party on purpose; undefined where nothing is. */
  readonly faults: FaultsAtParty | undefined
  /** Threads for its work. */
  readonly threads: number
}

const brokerOf = ({ access: { url, user, nkey, trust }, run }: Connection) =>
  ({ servers: [url], user, nkey, trust, run }) as const

/** Everything that a party's process needs to serve. */
export const partyServices = (options: PartyOptions) => {
  const { connection, storage, threads } = options
  const { actor } = connection
  const stores = storesOf(options)
  return Layer.mergeAll(
    connected(options),
    stores,
    Layer.succeed(StateKey, Option.some(storage.stateKey)),
    Layer.succeed(Directory, options.directory),
    storage.checkpointsAtBroker ? untilBroker(checkpoints(options)) : Layer.empty,
    bcpPool(threads)
  ).pipe(Layer.provideMerge(tracing({ actor, file: join(storage.folder, eventsEntry) })))
}

/** The party on the network: what it sends is sealed, and may come to harm on its way. */
const connected = ({ connection, directory: own, faults }: PartyOptions) => {
  const { actor, run } = connection
  const broker = nats(brokerOf(connection))
  const channels = sealed(own, faults?.links(broker) ?? broker)
  return untilBroker(
    party({ name: actor, run }).pipe(Layer.provideMerge(faults?.moments(channels) ?? channels))
  )
}

/** Whose storage it is, and under which key. */
const ownerOf = ({ connection: { actor, run }, storage }: PartyOptions) => ({
  party: actor,
  run,
  secret: storage.stateKey.secret
})

const storesOf = (options: PartyOptions) => {
  const { faults, storage } = options
  const { ended, folder } = storage
  const plain = Layer.merge(directory(folder), stable(folder, ownerOf(options), ended))
  return faults?.stores(plain) ?? plain
}

/** A cloud's checkpoints at the broker, under the same key as what the cloud stores itself. */
const checkpoints = (options: PartyOptions) =>
  Layer.scoped(
    CheckpointStore,
    Effect.gen(function* () {
      const { actor, run } = options.connection
      const bucket = yield* openBucket(yield* brokerRequests(brokerOf(options.connection)), actor, run)
      return Option.some(encrypted(bucket, ownerOf(options)))
    })
  )
