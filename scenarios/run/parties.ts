/** What it takes to bring up the parties of a run on this machine, and what they end a run with. */
import { Data, type Option, type Redacted } from "effect"
import type { Agreement } from "../../actors/party/agreement.ts"
import type { Identities } from "../../actors/party/identities.ts"
import type { HeldTable } from "../../protocol/data/encoding.ts"
import type { Broker } from "../../runtime/broker/start.ts"
import type { Scenario } from "../description/schema.ts"
import type { RunDisplay } from "../report/result.ts"

export interface PartiesOptions {
  readonly agreement: Agreement
  readonly placement: Scenario["placement"]
  readonly run: string
  /** Each party's own folder is `<folder>/<actor>`. */
  readonly folder: string
  readonly display: RunDisplay
}

/** Options of parties that are fibers of this process. */
export interface FibersOptions extends PartiesOptions {
  /** The users' cells, in the order of the agreement. */
  readonly tables: ReadonlyArray<ReadonlyArray<HeldTable>>
}

/** A run that has ended, and left an archive. */
export interface ArchivedRun {
  readonly run: string
  /** Each party's folder is `<folder>/<actor>`. */
  readonly folder: string
  readonly stateKeys: Readonly<Record<string, Redacted.Redacted>>
}

/** Options of parties that are processes. */
export interface ProcessesOptions extends PartiesOptions {
  /** Path of the scenario file. */
  readonly file: string
  /** Where a broker that is started for the run stores, and the users that the broker knows. */
  readonly broker: { readonly folder: string; readonly credentials: Broker["credentials"] }
  /** The identities of this run's parties: made up for it, or those that the broker at `NATS_URL` knows. */
  readonly identities: Identities
  /** What each party's state is encrypted under. */
  readonly stateKeys: Readonly<Record<string, Redacted.Redacted>>
  /** Where the data come from an archive: the parties' folders of the users' run, and their state keys there. */
  readonly archived?: ArchivedRun
  /** Whether the director ends once all steps are dealt. */
  readonly onlyDeals?: boolean
  /** A file of faults that the parties are given. */
  readonly faultsFile?: Option.Option<string>
  /** Takes what the parties' processes report, a line of JSON at a time. */
  readonly onLine?: (line: unknown) => void
}

/** The director ended the run, or another party could not take part in it, for the reason that it gave. */
export class RunStopped extends Data.TaggedError("RunStopped")<{ readonly reason: string }> {
  readonly retryable = true
  override get message(): string {
    return this.reason
  }
}
