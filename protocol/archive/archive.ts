/**
 * The archive: the joint data set at rest at C1, every user's two shares as ciphertexts under the joint key
 * pk (the paper's c'_i0 and c'_i1). It holds what is needed to reopen the data without any user. C1 cannot
 * open it; C0 could, and is only ever sent c'_i0 as it is and c'_i1 blinded. For a hybrid upload the archive
 * holds the seed of C0's share under pk, and names the entries with C1's share (`pieces.ts`).
 *
 * Layout, integers little-endian: magic, version, header (length and bytes), for each user c'_i0 then c'_i1,
 * and the SHA-256 of everything before it.
 */
import { createHash } from "node:crypto"
import { Data, Either } from "effect"
import { plaintextsFor } from "../bcp/packing.ts"
import { ciphertextBytes } from "../bcp/wire.ts"
import { wordBytes } from "../bytes.ts"
import { type CanonicalReader, CanonicalWriter, readCanonical, sameBytes } from "../canonical.ts"
import { type CellBlock, countCells } from "../data/rows.ts"
import { seedBytes } from "../sharing/split.ts"

/** A user's part: its cells, and both shares of them under pk. */
export interface ArchivedUpload {
  readonly user: string
  readonly blocks: ReadonlyArray<CellBlock>
  /** c'_i0: Enc_pk of the share of C0, packed; fixed-width ciphertexts, one after another. */
  readonly share0: Uint8Array
  /**
   * c'_i1: Enc_pk of the share of C1, packed the same way; empty in the hybrid form, where `share0` is Enc_pk
   * of the seed.
   */
  readonly share1: Uint8Array
  /** Only in the hybrid form: words in each piece of C1's share but the last. */
  readonly pieceWords?: number
}

/** The keys an archive belongs to. */
export interface ArchiveKeys {
  readonly bits: number
  /** N, fixed-width big-endian. */
  readonly modulus: Uint8Array
  /** pk, fixed-width big-endian. */
  readonly unifiedPublicKey: Uint8Array
}

export interface Archive extends ArchiveKeys {
  /** The run in which the users uploaded. */
  readonly run: string
  /** Bits of a slot of a plaintext, one word each. */
  readonly slotBits: number
  readonly uploads: ReadonlyArray<ArchivedUpload>
}

/** A user's share does not have the size of its blocks, so the archive would be incomplete. */
export class ArchiveIncomplete extends Data.TaggedError("ArchiveIncomplete")<{
  readonly user: string
  readonly expectedBytes: readonly [share0: number, share1: number]
  readonly bytes: readonly [share0: number, share1: number]
}> {
  readonly retryable = false
  override get message() {
    return `The shares of ${this.user}'s blocks take ${this.expectedBytes.join(" and ")} bytes of ciphertexts; there are ${this.bytes.join(" and ")}.`
  }
}

/**
 * The bytes are not a complete, unchanged archive of a version that this program reads; `failed` names the
 * failed check.
 */
export class ArchiveUnreadable extends Data.TaggedError("ArchiveUnreadable")<{
  readonly failed: "magic" | "version" | "digest" | "layout" | "length"
  readonly reason: string
}> {
  readonly retryable = false
  override get message() {
    return `The archive cannot be read (${this.failed}): ${this.reason}; the users have to upload again, or a good copy has to be put back.`
  }
}

/** The archive is sound but under other keys than those at hand. */
export class ArchiveOfOtherKeys extends Data.TaggedError("ArchiveOfOtherKeys")<{
  readonly run: string
  readonly differs: "modulus" | "joint public key"
}> {
  readonly retryable = false
  override get message() {
    return `The archive of run ${this.run} is under another ${this.differs}; open it with the keys of that run.`
  }
}

const magic = new TextEncoder().encode("BICAMARC")
const version = 1
const digestBytes = 32
const fixedBytes = magic.length + 4 + 4

/** Bytes of both shares of an upload. */
const shareBytes = (
  { bits, slotBits }: Pick<Archive, "bits" | "slotBits">,
  { blocks, pieceWords }: Pick<ArchivedUpload, "blocks" | "pieceWords">
): readonly [share0: number, share1: number] => {
  const bytes = (words: number) => plaintextsFor(words, bits, slotBits) * ciphertextBytes({ bits })
  if (pieceWords !== undefined) return [bytes(seedBytes / wordBytes), 0]
  return [bytes(countCells(blocks)), bytes(countCells(blocks))]
}

/** The archive as bytes, in consecutive parts, so that a large one need not be held twice. */
export const archiveParts = (
  archive: Archive
): Either.Either<ReadonlyArray<Uint8Array>, ArchiveIncomplete> => {
  for (const upload of archive.uploads) {
    const { user, share0, share1 } = upload
    const expectedBytes = shareBytes(archive, upload)
    if (share0.length !== expectedBytes[0] || share1.length !== expectedBytes[1]) {
      const bytes = [share0.length, share1.length] as const
      return Either.left(new ArchiveIncomplete({ user, expectedBytes, bytes }))
    }
  }
  const opening = new CanonicalWriter().fixed(magic).u32(version).bytes(writeHeader(archive)).finish()
  const parts = [opening, ...archive.uploads.flatMap(({ share0, share1 }) => [share0, share1])]
  return Either.right([...parts, digest(parts)])
}

/** The archive as one array of bytes. */
export const encodeArchive = (archive: Archive): Either.Either<Uint8Array, ArchiveIncomplete> =>
  Either.map(archiveParts(archive), (parts) =>
    parts.reduce((writer, part) => writer.fixed(part), new CanonicalWriter()).finish()
  )

/**
 * Reads an archive and checks all of it: the digest first, then the layout, then the length. The ciphertexts
 * are views of `bytes`, which must not change afterwards. Whether they are in the group is checked where they
 * are used.
 */
export const decodeArchive = (bytes: Uint8Array): Either.Either<Archive, ArchiveUnreadable> =>
  Either.gen(function* () {
    if (!sameBytes(bytes.subarray(0, magic.length), magic)) {
      return yield* unreadable("magic", "it is no archive, or its beginning is lost")
    }
    if (bytes.length < fixedBytes + digestBytes) return yield* unreadable("length", "it is cut short")
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const found = view.getUint32(magic.length, true)
    if (found !== version) {
      return yield* unreadable("version", `it has version ${found}, this program reads version ${version}`)
    }
    const content = bytes.subarray(0, -digestBytes)
    if (!sameBytes(digest([content]), bytes.subarray(-digestBytes))) {
      return yield* unreadable("digest", "it was changed or cut short")
    }
    const headerEnd = fixedBytes + view.getUint32(magic.length + 4, true)
    if (headerEnd > content.length) return yield* unreadable("layout", "its header is longer than it")
    const header = yield* Either.mapLeft(
      readCanonical(content.subarray(fixedBytes, headerEnd), readHeader),
      (error) => new ArchiveUnreadable({ failed: "layout", reason: error.message })
    )
    return yield* readShares(header, content.subarray(headerEnd))
  })

/** Whether an archive is under these keys. */
export const checkArchiveKeys = (
  archive: Archive,
  keys: ArchiveKeys
): Either.Either<Archive, ArchiveOfOtherKeys> => {
  if (archive.bits !== keys.bits || !sameBytes(archive.modulus, keys.modulus)) {
    return Either.left(new ArchiveOfOtherKeys({ run: archive.run, differs: "modulus" }))
  }
  return sameBytes(archive.unifiedPublicKey, keys.unifiedPublicKey)
    ? Either.right(archive)
    : Either.left(new ArchiveOfOtherKeys({ run: archive.run, differs: "joint public key" }))
}

type Header = Omit<Archive, "uploads"> & {
  readonly uploads: ReadonlyArray<Pick<ArchivedUpload, "user" | "blocks" | "pieceWords">>
}

const writeHeader = (archive: Archive): Uint8Array => {
  const writer = new CanonicalWriter()
    .string(archive.run)
    .u32(archive.bits)
    .bytes(archive.modulus)
    .bytes(archive.unifiedPublicKey)
    .u32(archive.slotBits)
    .u32(archive.uploads.length)
  for (const { user, blocks, pieceWords } of archive.uploads) {
    if (pieceWords === undefined) writer.string(user).string("packed")
    else writer.string(user).string("hybrid").u32(pieceWords)
    writer.u32(blocks.length)
    for (const { rows, columns } of blocks) writer.indices(rows).indices(columns)
  }
  return writer.finish()
}

const readHeader = (reader: CanonicalReader): Header => {
  const run = reader.string("run")
  const bits = reader.within(512, 16_384, "bits of the modulus")
  const modulus = new Uint8Array(reader.bytes("modulus"))
  const unifiedPublicKey = new Uint8Array(reader.bytes("joint public key"))
  const slotBits = reader.within(64, bits - 2, "bits of a slot")
  const uploads = Array.from({ length: reader.count(12, "uploads") }, () => {
    const user = reader.string("user")
    const hybrid = reader.oneOf(["packed", "hybrid"], "form of the upload") === "hybrid"
    const pieceWords = hybrid ? { pieceWords: reader.within(1, 2 ** 31, "words of a piece") } : {}
    const blocks = Array.from({ length: reader.count(8, "blocks") }, () => ({
      rows: reader.indices("rows"),
      columns: reader.indices("columns")
    }))
    return { user, blocks, ...pieceWords }
  })
  return { run, bits, modulus, unifiedPublicKey, slotBits, uploads }
}

const readShares = (header: Header, shares: Uint8Array): Either.Either<Archive, ArchiveUnreadable> => {
  let at = 0
  const take = (length: number) => {
    at += length
    return shares.subarray(at - length, at)
  }
  const uploads = header.uploads.map((upload) => {
    const [bytes0, bytes1] = shareBytes(header, upload)
    return { ...upload, share0: take(bytes0), share1: take(bytes1) }
  })
  return at === shares.length
    ? Either.right({ ...header, uploads })
    : unreadable("length", `its blocks take ${at} bytes of ciphertexts, it has ${shares.length}`)
}

const digest = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

const unreadable = (failed: ArchiveUnreadable["failed"], reason: string) =>
  Either.left(new ArchiveUnreadable({ failed, reason }))
