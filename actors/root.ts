/**
 * The secret root of a party in a run. What a party draws itself, and others see the effect of (the seed of its shares, its first
 * weights, the dealer's keys), follows from the root, which is in stable storage before its first use. So a party that
 * died does again what it did, and no mask or share is ever there in two versions.
 */
import { hkdfSync, randomBytes } from "node:crypto"
import { Effect } from "effect"
import { Bytes, format } from "../protocol/messages/message.ts"
import { Schema } from "../protocol/schema.ts"
import { remembered } from "./once.ts"

/** What is drawn from a root; one purpose, one key. */
export type Purpose = "share" | "salt" | "weights" | "dealer0" | "dealer1" | "order" | "archive"

/** 16 bytes for a purpose, always the same in a run. */
export type Root = (purpose: Purpose) => Uint8Array

/** Under this name the root is in stable storage: 32 bytes. A simulation puts its own there. */
export const rootEntry = "root"
const rootBytes = 32

const Kept = format("root", Schema.Struct({ secret: Bytes }))

/** This party's root: drawn from the operating system at its first start. */
export const partyRoot = Effect.map(
  remembered(
    rootEntry,
    Kept,
    Effect.sync(() => ({ secret: new Uint8Array(randomBytes(rootBytes)) }))
  ),
  ({ secret }): Root =>
    (purpose) =>
      new Uint8Array(hkdfSync("sha256", secret, "bicameral root", purpose, 16))
)
