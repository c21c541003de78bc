/**
 * The digest of all that a user uploads and in which order: what its shares and the randomness of its
 * ciphertexts are derived for. The joint rows follow from what all users declare.
 */
import { createHash } from "node:crypto"
import { Effect } from "effect"
import { CanonicalWriter } from "../../protocol/canonical.ts"
import type { Statistics } from "../../protocol/data/preparation.ts"
import { Declaration } from "../../protocol/messages/upload.ts"

/** What a user declares to hold, as it travels. */
export type Declared = Effect.Effect.Success<ReturnType<typeof Declaration.payload.decode>>

/** SHA-256 of what a user declares. */
export const digestDeclared = (declared: Declared) =>
  Effect.map(
    Declaration.payload.encode(declared),
    (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest())
  )

/**
 * SHA-256 of the digest of a user's own tables, of those of what each user declares, in their order, and of the
 * statistics that cells are encoded by.
 */
export const digestUpload = (
  tables: string,
  declared: ReadonlyArray<Uint8Array>,
  { moments, counts }: Statistics
): Uint8Array => {
  const writer = new CanonicalWriter().string("bicameral upload").u32(1).string(tables).u32(declared.length)
  for (const digest of declared) writer.bytes(digest)
  if (moments.size + counts.size > 0) writer.string(JSON.stringify([[...moments], [...counts]]))
  return new Uint8Array(createHash("sha256").update(writer.finish()).digest())
}
