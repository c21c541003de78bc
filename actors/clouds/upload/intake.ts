/**
 * A cloud's side of the upload: it puts every user's pieces together and, before anything is computed, checks that the
 * declared blocks cover the joint training table exactly once. It sees indices and ciphertexts only. What it has confirmed
 * is in stable storage, for the user may have left.
 */
import { Data, Effect, Option } from "effect"
import { slotsPerPlaintext, uploadSlotBits } from "../../../protocol/bcp/packing.ts"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import { BlockOutside, CoverageError, checkCoverage } from "../../../protocol/data/coverage.ts"
import { jointColumns } from "../../../protocol/data/encoding.ts"
import { type CellBlock, countCells, indicesFromBytes, MalformedRows } from "../../../protocol/data/rows.ts"
import { OpenUpload } from "../../../protocol/messages/upload.ts"
import { wordBytes } from "../../../protocol/sharing/split.ts"
import type { CiphertextPiece, WordPiece } from "../../../protocol/sharing/upload.ts"
import { ciphertextCount, RunAssembly } from "../../../protocol/sharing/upload.ts"
import { Stable } from "../../../runtime/storage/store.ts"
import type { JobFailed } from "../../../runtime/work/pool.ts"
import { type Agreement, displayName } from "../../party/agreement.ts"
import { NotExpected } from "../../party/gathering.ts"
import { raised } from "../../party/typed-throws.ts"
import { type KeptRun, keptRun } from "./kept-run.ts"

/** What a user has uploaded to this cloud, whole. */
export interface Uploaded {
  readonly user: string
  readonly blocks: ReadonlyArray<CellBlock>
  /** Ciphertexts, one after the other; at C1 in the hybrid form the words of its share. */
  readonly bytes: Uint8Array
}

/** The users do not mean the same joint table, or one of them has not uploaded. */
export class UploadsDisagree extends Data.TaggedError("UploadsDisagree")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.reason}; start every user with the same scenario and upload again`
  }
}

/** A user sent ciphertexts that are not of the group. */
export class UploadRefused extends Data.TaggedError("UploadRefused")<{
  readonly user: string
  readonly first: number
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the upload of ${this.user} can't be used, in its ciphertexts from the ${this.first}-th: ${this.reason}`
  }
}

/** Says of a job that refused ciphertexts whose they are. */
export const naming =
  (agreement: Agreement, user: string, first: number) =>
  (failure: JobFailed): JobFailed | UploadRefused =>
    failure.error._tag === "InvalidCiphertext"
      ? new UploadRefused({ user: displayName(agreement, user), first, reason: failure.error.message })
      : failure

/** An `OpenUpload` as it arrives. */
interface Opening {
  readonly rows: number
  readonly ciphertexts: number
  readonly blocks: ReadonlyArray<{ readonly rows: Uint8Array; readonly columns: ReadonlyArray<number> }>
}

/** What is known of a user's upload that is under way. */
interface UnderWay {
  /** The announcement as it came, packed. */
  readonly announced: Uint8Array
  readonly rows: number
  readonly blocks: ReadonlyArray<CellBlock>
  readonly run: KeptRun
}

/** Collects the uploads of all users at one cloud, those that an earlier process of it has confirmed included. */
export const makeIntake = (agreement: Agreement, cloud: 0 | 1) =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const hybrid = agreement.security.upload === "hybrid"
    const uploads = new Map<string, UnderWay>()
    const users = agreement.users.map(({ actor }) => actor)
    const bytesEach = ciphertextBytes({ bits: agreement.security.modulusBits })
    const openingEntry = (user: string) => `upload-opened-${user}`
    const runName = (user: string) => `upload-of-${user}`

    const assembly = (from: string, words: number, ciphertexts: number) =>
      hybrid && cloud === 1
        ? new RunAssembly(from, words, wordBytes, "words")
        : new RunAssembly(from, hybrid ? 1 : ciphertexts, bytesEach)

    const underWay = (from: string, opening: Opening) =>
      Effect.gen(function* () {
        const blocks = yield* raised([MalformedRows], () =>
          opening.blocks.map(({ rows, columns }) => ({
            rows: indicesFromBytes(rows),
            columns: Uint32Array.from(columns)
          }))
        )
        const words = countCells(blocks)
        const slots = slotsPerPlaintext(agreement.security.modulusBits, uploadSlotBits)
        const expected = ciphertextCount(words, slots)
        // Fewer would leave cells that nobody sent at zero, more would make room for as much as a user likes to announce.
        if (!hybrid && opening.ciphertexts !== expected) {
          return yield* new UploadsDisagree({
            reason: `${displayName(agreement, from)} announced ${opening.ciphertexts} ciphertexts for ${words} cells, which take ${expected}`
          })
        }
        const run = yield* keptRun(runName(from), assembly(from, words, opening.ciphertexts))
        const known: UnderWay = {
          announced: yield* OpenUpload.payload.encode(opening),
          rows: opening.rows,
          blocks,
          run
        }
        return known
      })

    for (const user of users) {
      const kept = yield* stable.get(openingEntry(user))
      if (Option.isNone(kept)) continue
      uploads.set(user, yield* underWay(user, yield* OpenUpload.payload.decode(kept.value)))
    }

    const oneAtATime = yield* Effect.makeSemaphore(1)
    /** Takes an announcement, once; the same again changes nothing. One at a time, for pieces may come as soon as it is answered. */
    const open = (from: string, opening: Opening) =>
      Effect.gen(function* () {
        if (!users.includes(from)) return yield* new NotExpected({ what: "an upload", party: from })
        const announced = yield* OpenUpload.payload.encode(opening)
        const known = uploads.get(from)
        if (known !== undefined) {
          if (Buffer.compare(known.announced, announced) === 0) return
          return yield* new UploadsDisagree({
            reason: `${displayName(agreement, from)} announced other cells than before`
          })
        }
        const made = yield* underWay(from, opening)
        yield* stable.put(openingEntry(from), announced)
        uploads.set(from, made)
      }).pipe(oneAtATime.withPermits(1))

    const place = (from: string, piece: CiphertextPiece | WordPiece) =>
      Effect.gen(function* () {
        const upload = uploads.get(from)
        if (upload === undefined) {
          return yield* new NotExpected({ what: "shares before saying of which cells", party: from })
        }
        yield* upload.run.place(piece)
      })

    /** All uploads, in the order of the users, with the number of rows of the joint training table. */
    const whole = Effect.gen(function* () {
      const all: Uploaded[] = []
      const rowCounts = new Set<number>()
      for (const user of users) {
        const upload = uploads.get(user)
        if (upload === undefined) {
          return yield* new UploadsDisagree({
            reason: `${displayName(agreement, user)} has not uploaded anything`
          })
        }
        rowCounts.add(upload.rows)
        all.push({ user, blocks: upload.blocks, bytes: yield* upload.run.whole })
      }
      if (rowCounts.size > 1) {
        const counts = users.map((user) => `${displayName(agreement, user)}: ${uploads.get(user)!.rows}`)
        return yield* new UploadsDisagree({
          reason: `the users do not agree on the number of training rows (${counts.join(", ")})`
        })
      }
      const rows = [...rowCounts][0]!
      const outline = { rows, columns: jointColumns(agreement.data).map(({ source }) => source) }
      yield* raised([CoverageError, BlockOutside], () =>
        checkCoverage(
          outline,
          all.map(({ user, blocks }) => ({ user: displayName(agreement, user), blocks }))
        )
      )
      return { rows, uploads: all }
    })

    /** Lets go of everything, here and in stable storage: it has become the joint table. */
    const forget = Effect.gen(function* () {
      for (const user of users) {
        const upload = uploads.get(user)
        uploads.delete(user)
        if (upload === undefined) continue
        yield* upload.run.forget
        yield* stable.remove(openingEntry(user))
      }
    })

    return { open, place, whole, forget }
  })
