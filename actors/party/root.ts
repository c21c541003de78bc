/**
 * The secret root of a party in a run. Values that a party draws and whose effect others see (the seed of its
 * shares, its first weights, the dealer's keys) are derived from the root, which is in stable storage before
 * its first use. A party that crashed therefore repeats exactly what it did, and no mask or share ever exists
 * in two versions.
 */
import { randomBytes } from "node:crypto"
import { Data, Effect } from "effect"
import { derive } from "../../protocol/aead.ts"
import { Bytes, format } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import { type Agreement, agreementDigest } from "./agreement.ts"
import { remembered } from "./once.ts"

/** What a key is derived for; one purpose, one key. */
export type Purpose =
  | "share"
  | "randomizers"
  | "blinds"
  | "salt"
  | "join"
  | "statistics"
  | "weights"
  | "ciphertexts"
  | "dealer0"
  | "dealer1"
  | "order"
  | "archive"
  | "dealt"
  | "mark"

/**
 * 16 bytes for a purpose, the same throughout a run. Whatever is to cover a content that might be another one
 * after a restart is derived for that content (`covered`, a digest of all of it): other content, other pads;
 * the same content, the same bytes.
 */
export type Root = (purpose: Purpose, covered?: Uint8Array) => Uint8Array

/** The entry of the root in stable storage: 32 bytes. A simulation puts its own there. */
export const rootEntry = "root"
const rootBytes = 32

/** The root of a secret of 32 bytes. */
export const rootFrom =
  (secret: Uint8Array): Root =>
  (purpose, covered) => {
    const about = covered === undefined ? purpose : `${purpose} ${Buffer.from(covered).toString("hex")}`
    return derive(secret, "bicameral root", about, 16)
  }

const RootFormat = format("root", Schema.Struct({ secret: Bytes }))

/** An input that the root is bound to has changed: other values under the same masks would reveal both. */
export class RunChanged extends Data.TaggedError("RunChanged")<{ readonly what: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.what} changed since this run began: restore what was there, or start a new run under another name`
  }
}

const DigestFormat = format("what a root is for", Schema.Struct({ digest: Schema.String }))

/**
 * Refuses to resume a run if `digest` differs from that of the party's first start. `what` names the input in
 * the error.
 */
export const unchanged = (entry: string, what: string, digest: string) =>
  Effect.gen(function* () {
    const first = yield* remembered(entry, DigestFormat, Effect.succeed({ digest }))
    if (first.digest !== digest) return yield* new RunChanged({ what })
  })

/** This party's root, drawn from the operating system at its first start and bound to this agreement. */
export const partyRoot = (agreement: Agreement) =>
  Effect.gen(function* () {
    yield* unchanged("agreement", "The scenario, or the version of bicameral,", agreementDigest(agreement))
    const { secret } = yield* remembered(
      rootEntry,
      RootFormat,
      Effect.sync(() => ({ secret: new Uint8Array(randomBytes(rootBytes)) }))
    )
    return rootFrom(secret)
  })
