/**
 * How the processes of a run are started and kept alive: their command lines, their secrets, their
 * supervision.
 */
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Option, Scope } from "effect"
import { keysOf } from "../../actors/party/identities.ts"
import { artifact } from "../../protocol/artifact.ts"
import { memberNamed } from "../../protocol/messages/subjects.ts"
import { type ActorDied, type ActorProcess, startActor } from "../../runtime/processes/process.ts"
import { type LifeEvent, type Supervised, supervise } from "../../runtime/processes/supervision.ts"
import { keptKeyVariable, stateKeyVariable } from "../../runtime/storage/state-key.ts"
import { threadsFor } from "../description/schema.ts"
import { identityVariable, keysText, keysVariable } from "./identities.ts"
import type { ProcessesOptions } from "./parties.ts"

/**
 * A process that is not ready by then is started again. It takes a second; on a machine with much else to do, a
 * minute, in which another start would only add to the load.
 */
const readyTimeoutMs = 180_000

type Line = (line: unknown) => void

export interface LaunchOptions {
  /** What the processes are about. */
  readonly parties: ProcessesOptions
  /** The broker's address. */
  readonly url: string
  readonly onEvent: (event: LifeEvent) => void
  /** Processes end with it. */
  readonly scope: Scope.Scope
}

/** The processes of a run, by the names of parties and members. */
export class ProcessLaunch {
  readonly #options: LaunchOptions
  readonly #processes = new Map<string, Supervised<ActorProcess, ActorDied>>()

  constructor(options: LaunchOptions) {
    this.#options = options
  }

  /** The process of this name that was started last. */
  get(name: string): Supervised<ActorProcess, ActorDied> | undefined {
    return this.#processes.get(name)
  }

  /** Starts the process of a party. */
  party(actor: string, onLine = this.#options.parties.onLine) {
    const {
      agreement,
      archived,
      faultsFile = Option.none(),
      file,
      folder,
      onlyDeals = false,
      run
    } = this.#options.parties
    const args = [
      ...["--scenario", file, "--run", run, "--state", join(folder, actor)],
      ...(agreement.seed === undefined ? [] : ["--seed", String(agreement.seed)]),
      ...(archived === undefined ? [] : ["--archive", archived.run]),
      ...(archived?.stateKeys[actor] === undefined ? [] : ["--from", join(archived.folder, actor)]),
      ...(onlyDeals && actor === "director" ? ["--only-deal"] : []),
      ...Option.match(faultsFile, { onNone: () => [], onSome: (faults) => ["--faults", faults] })
    ]
    return this.#start(actor, actor, args, onLine)
  }

  /** Starts a member of a party's process group. Returns its name, too. */
  member(kind: "worker" | "lane", actor: string, number: number) {
    const { folder, placement, run } = this.#options.parties
    const name = memberNamed(actor, kind, String(number))
    const threads = threadsFor(placement, actor)
    const args = [
      `--${kind}`,
      ...["--run", run, "--state", join(folder, name)],
      ...(threads === undefined ? [] : ["--threads", String(threads)])
    ]
    return Effect.map(this.#start(name, actor, args), (supervised) => ({ name, ...supervised }))
  }

  /** Starts a process of an actor under a name of its own and keeps it alive. */
  #start(name: string, actor: string, args: ReadonlyArray<string>, onLine?: Line) {
    const { onEvent, parties, scope, url } = this.#options
    const launch = startActor({
      party: name,
      entry: fileURLToPath(artifact("program/main.js")),
      args: ["actor", actor, ...args],
      env: { NATS_URL: url, [keysVariable]: keysText(keysOf(parties.identities)) },
      secrets: { ...this.#secretsOf(actor), ...this.#stateKeyOf(name), ...this.#keptKeyOf(name) },
      readyTimeoutMs,
      onWaiting: (reason) => parties.display.note(`${name} is waiting: ${reason}`),
      ...(onLine === undefined ? {} : { onLine })
    })
    return supervise({ party: name, launch, crashed: (died) => died.crashed, onEvent }).pipe(
      Effect.tap((supervised) => Effect.sync(() => this.#processes.set(name, supervised))),
      Scope.extend(scope)
    )
  }

  /** Of a party; its members store nothing. */
  #stateKeyOf(name: string) {
    const key = this.#options.parties.stateKeys[name]
    return key === undefined ? {} : { [stateKeyVariable(name)]: key }
  }

  /** Of a party, in the run whose archive is opened. */
  #keptKeyOf(name: string) {
    const key = this.#options.parties.archived?.stateKeys[name]
    return key === undefined ? {} : { [keptKeyVariable(name)]: key }
  }

  #secretsOf(actor: string) {
    return { [identityVariable(actor)]: this.#options.parties.identities[actor]! }
  }
}
