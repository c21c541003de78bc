import { createHash } from "node:crypto"
import { Either } from "effect"
import { describe, expect, it } from "vitest"
import {
  type Archive,
  archiveParts,
  checkArchiveKeys,
  decodeArchive,
  encodeArchive
} from "../../../protocol/archive/archive.ts"

const bytesEach = 256
const filled = (length: number, fill: number) => new Uint8Array(length).fill(fill)
const archive: Archive = {
  run: "run-7",
  bits: 512,
  modulus: filled(64, 1),
  unifiedPublicKey: filled(128, 2),
  slotBits: 66,
  uploads: [
    {
      user: "user1",
      blocks: [
        { rows: Uint32Array.of(0, 2, 4), columns: Uint32Array.of(0, 1, 2) },
        { rows: Uint32Array.of(1), columns: Uint32Array.of(3) }
      ],
      share0: filled(2 * bytesEach, 3),
      share1: filled(2 * bytesEach, 4)
    },
    {
      user: "user2",
      blocks: [{ rows: Uint32Array.of(70_000), columns: Uint32Array.of(4) }],
      share0: filled(bytesEach, 5),
      share1: filled(bytesEach, 6)
    }
  ]
}
const bytes = Either.getOrThrow(encodeArchive(archive))
const left = <A, E>(result: Either.Either<A, E>): E => Either.getOrThrow(Either.flip(result))

/** The same bytes with a change and a digest that fits them: what only a wrong writer would give. */
const resealed = (change: (content: Uint8Array) => Uint8Array): Uint8Array => {
  const content = change(bytes.slice(0, -32))
  return new Uint8Array(Buffer.concat([content, createHash("sha256").update(content).digest()]))
}

describe("archive", () => {
  it("reads back as it was written, from bytes at any offset", () => {
    expect(Either.getOrThrow(decodeArchive(bytes))).toEqual(archive)
    const shifted = new Uint8Array(bytes.length + 3)
    shifted.set(bytes, 3)
    expect(Either.getOrThrow(decodeArchive(shifted.subarray(3)))).toEqual(archive)
  })

  it("can be written in parts", () => {
    const parts = Either.getOrThrow(archiveParts(archive))
    expect(new Uint8Array(Buffer.concat(parts))).toEqual(bytes)
  })

  it("holds a data set of no users, and a user of no cells", () => {
    for (const uploads of [
      [],
      [{ user: "user1", blocks: [], share0: new Uint8Array(0), share1: new Uint8Array(0) }]
    ]) {
      const written = Either.getOrThrow(encodeArchive({ ...archive, uploads }))
      expect(Either.getOrThrow(decodeArchive(written)).uploads).toEqual(uploads)
    }
  })

  it("notices any changed byte", () => {
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at]! ^= 1
      const expected = at < 8 ? "magic" : at < 12 ? "version" : "digest"
      expect(left(decodeArchive(changed))).toMatchObject({ _tag: "ArchiveUnreadable", failed: expected })
    }
  })

  it("notices any cut and anything added", () => {
    for (const length of [0, 7, 8, 15, 47, 48, 100, bytes.length - 1]) {
      expect(left(decodeArchive(bytes.subarray(0, length)))._tag).toBe("ArchiveUnreadable")
    }
    expect(left(decodeArchive(new Uint8Array([...bytes, 0]))).failed).toBe("digest")
  })

  it("refuses a version it does not know, naming both", () => {
    const error = left(
      decodeArchive(
        resealed((content) => {
          content[8] = 2
          return content
        })
      )
    )
    expect(error.failed).toBe("version")
    expect(error.message).toMatch(/version 2.*version 1/)
  })

  it("refuses a layout that does not hold together, even with a digest that fits", () => {
    const withByte = (at: number, value: number) =>
      resealed((content) => {
        content[at] = value
        return content
      })
    // The header's length; the length of the run's name; a count of ciphertexts that the blocks do not have.
    expect(left(decodeArchive(withByte(15, 255))).failed).toBe("layout")
    expect(left(decodeArchive(withByte(19, 255))).failed).toBe("layout")
    const oneLess = resealed((content) => content.slice(0, -bytesEach))
    expect(left(decodeArchive(oneLess)).failed).toBe("length")
    const oneMore = resealed((content) => new Uint8Array([...content, ...filled(bytesEach, 0)]))
    expect(left(decodeArchive(oneMore))).toMatchObject({ failed: "length" })
  })

  it("refuses to be written when a share does not have the size of its blocks, and names the user", () => {
    const [first, second] = archive.uploads
    const uploads = [first!, { ...second!, share1: filled(bytesEach - 1, 0) }]
    expect(left(encodeArchive({ ...archive, uploads }))).toMatchObject({
      _tag: "ArchiveIncomplete",
      user: "user2",
      expectedBytes: [bytesEach, bytesEach],
      bytes: [bytesEach, bytesEach - 1]
    })
  })

  it("says when it is under other keys", () => {
    expect(Either.isRight(checkArchiveKeys(archive, { ...archive }))).toBe(true)
    const modulus = left(checkArchiveKeys(archive, { ...archive, modulus: filled(64, 9) }))
    expect(modulus).toMatchObject({ _tag: "ArchiveOfOtherKeys", run: "run-7", differs: "modulus" })
    expect(left(checkArchiveKeys(archive, { ...archive, bits: 1024 })).differs).toBe("modulus")
    const key = left(checkArchiveKeys(archive, { ...archive, unifiedPublicKey: filled(128, 9) }))
    expect(key.differs).toBe("joint public key")
    expect(key.message).toContain("run-7")
  })
})
