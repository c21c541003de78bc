/**
 * The secret root of a party in a run. What a party draws itself, and others see the effect of (the seed of its shares, its first
 * weights, the dealer's keys), follows from the root, which is in stable storage before its first use. So a party that
 * died does again what it did, and no mask or share is ever there in two versions.
 */
import { hkdfSync, randomBytes } from "node:crypto"
import { Data, Effect } from "effect"
import { Bytes, format } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import { type Agreement, agreementDigest } from "./agreement.ts"
import { remembered } from "./once.ts"

/** What is drawn from a root; one purpose, one key. */
export type Purpose =
  | "share"
  | "salt"
  | "weights"
  | "dealer0"
  | "dealer1"
  | "order"
  | "archive"
  | "checkpoints"

/** 16 bytes for a purpose, always the same in a run. */
export type Root = (purpose: Purpose) => Uint8Array

/** Under this name the root is in stable storage: 32 bytes. A simulation puts its own there. */
export const rootEntry = "root"
const rootBytes = 32

const Kept = format("root", Schema.Struct({ secret: Bytes }))

/** What the root was first used for has changed: with other values under the same masks, both would be known. */
export class RunChanged extends Data.TaggedError("RunChanged")<{ readonly what: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.what} changed since this run began: put back what was there, or start a new run under another name`
  }
}

const Bound = format("what a root is for", Schema.Struct({ digest: Schema.String }))

/** Refuses to go on with a run where what the digest is of is not what it was at the party's first start. */
export const unchanged = (entry: string, what: string, digest: string) =>
  Effect.gen(function* () {
    const first = yield* remembered(entry, Bound, Effect.succeed({ digest }))
    if (first.digest !== digest) return yield* new RunChanged({ what })
  })

/** This party's root: drawn from the operating system at its first start, and for this agreement alone. */
export const partyRoot = (agreement: Agreement) =>
  Effect.gen(function* () {
    yield* unchanged("agreement", "the scenario, or the version of bicameral,", agreementDigest(agreement))
    const { secret } = yield* remembered(
      rootEntry,
      Kept,
      Effect.sync(() => ({ secret: new Uint8Array(randomBytes(rootBytes)) }))
    )
    const root: Root = (purpose) => new Uint8Array(hkdfSync("sha256", secret, "bicameral root", purpose, 16))
    return root
  })
