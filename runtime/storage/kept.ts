/**
 * What a party left in its folder when an earlier run ended, for a run that begins from that. It is read there and not
 * changed: the later run has a folder, a name and a root of its own.
 */
import { Context, Option } from "effect"
import type { StoreService } from "./store.ts"

export interface KeptService {
  /** The earlier run. */
  readonly run: string
  /** What the party left behind there, and what it left under its state key. */
  readonly store: StoreService
  readonly stable: StoreService
}

/** Nothing where a run begins from nothing. */
export class Kept extends Context.Reference<Kept>()("runtime/Kept", {
  defaultValue: () => Option.none<KeptService>()
}) {}
