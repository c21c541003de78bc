/**
 * A cloud's side of the upload. It puts every user's pieces together and, before anything is computed, checks
 * that the declared blocks cover the joint training table exactly once. It sees indices and ciphertexts only.
 * What it has confirmed is in stable storage, because the user may have left.
 */
import { Data, Effect, Either, Option } from "effect"
import { ciphertextBytes } from "../../../protocol/bcp/wire.ts"
import { BlockOutside, CoverageError, checkCoverage } from "../../../protocol/data/coverage.ts"
import { jointColumns } from "../../../protocol/data/description.ts"
import { type CellBlock, countCells, indicesFromBytes, MalformedRows } from "../../../protocol/data/rows.ts"
import { requireMemory } from "../../../protocol/learning/plan.ts"
import { OpenUpload } from "../../../protocol/messages/upload.ts"
import { type CiphertextPiece, RunAssembly, type WordPiece } from "../../../protocol/sharing/upload.ts"
import { on } from "../../../runtime/messaging/contract.ts"
import { Stable, type StoreService } from "../../../runtime/storage/store.ts"
import { type Agreement, displayName, networkOf } from "../../party/agreement.ts"
import { NotExpected } from "../../party/handlers.ts"
import { raised } from "../../party/typed-throws.ts"
import { sharingOf } from "../../sharing/forms.ts"
import type { Uploaded } from "../../sharing/sharing.ts"
import { type StoredRun, storedRun } from "./stored-run.ts"

/** The users do not mean the same joint table, or one of them has not uploaded. */
export class UploadsDisagree extends Data.TaggedError("UploadsDisagree")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.reason}; start every user with the same scenario and upload again`
  }
}

/** An `OpenUpload` as it arrives: the announcement of an upload. */
type Announcement = Effect.Effect.Success<ReturnType<typeof OpenUpload.payload.decode>>

/** A user's upload in progress. */
interface InProgress {
  /** The announcement, packed. */
  readonly announced: Uint8Array
  readonly rows: number
  readonly blocks: ReadonlyArray<CellBlock>
  readonly run: StoredRun
}

/** Bytes of the index of a row in an announcement. */
const indexBytes = 4

const announcementEntry = (user: string) => `upload-opened-${user}`

/** The uploads of all users at one cloud. */
export class Intake {
  readonly #agreement: Agreement
  readonly #cloud: 0 | 1
  readonly #stable: StoreService
  readonly #users: ReadonlyArray<string>
  readonly #uploads = new Map<string, InProgress>()
  readonly #oneAtATime = Effect.unsafeMakeSemaphore(1)

  constructor(agreement: Agreement, cloud: 0 | 1, stable: StoreService) {
    this.#agreement = agreement
    this.#cloud = cloud
    this.#stable = stable
    this.#users = agreement.users.map(({ actor }) => actor)
  }

  /** Takes up the uploads that an earlier process has confirmed. */
  readonly restore = Effect.gen(this, function* () {
    for (const user of this.#users) {
      const stored = yield* this.#stable.get(announcementEntry(user))
      if (Option.isNone(stored)) continue
      this.#uploads.set(user, yield* this.#begin(user, yield* OpenUpload.payload.decode(stored.value)))
    }
  })

  /**
   * Takes an announcement; the same one again changes nothing. One at a time: its pieces may follow at once.
   */
  announce(from: string, announcement: Announcement) {
    return Effect.gen(this, function* () {
      if (!this.#users.includes(from)) return yield* new NotExpected({ what: "an upload", party: from })
      const announced = yield* OpenUpload.payload.encode(announcement)
      const known = this.#uploads.get(from)
      if (known !== undefined) {
        if (Buffer.compare(known.announced, announced) === 0) return
        return yield* new UploadsDisagree({
          reason: `${this.#nameOf(from)} announced other cells than before`
        })
      }
      const upload = yield* this.#begin(from, announcement)
      yield* this.#stable.put(announcementEntry(from), announced)
      this.#uploads.set(from, upload)
    }).pipe(this.#oneAtATime.withPermits(1))
  }

  /** How many ciphertexts a user sends to C1; 0 if it has not announced its upload. */
  ciphertextsAtCloud1(user: string): number {
    const words = countCells(this.#uploads.get(user)?.blocks ?? [])
    const { modulusBits } = this.#agreement.security
    return sharingOf(this.#agreement).upload.ciphertexts(words, modulusBits)[1]
  }

  /** Takes a piece of an announced upload; stored when this returns. */
  place(from: string, piece: CiphertextPiece | WordPiece) {
    return Effect.gen(this, function* () {
      const upload = this.#uploads.get(from)
      if (upload === undefined)
        return yield* new NotExpected({ what: "shares of cells that it has not announced", party: from })
      yield* upload.run.place(piece)
    })
  }

  /** All uploads, in the order of the users, with the number of rows of the joint training table. */
  readonly whole = Effect.gen(this, function* () {
    const all: Array<Uploaded> = []
    const rowCounts: Array<number> = []
    for (const user of this.#users) {
      const upload = this.#uploads.get(user)
      if (upload === undefined)
        return yield* new UploadsDisagree({ reason: `${this.#nameOf(user)} has not uploaded anything` })
      rowCounts.push(upload.rows)
      all.push({ user, blocks: upload.blocks, bytes: yield* upload.run.whole })
    }
    const rows = rowCounts[0]!
    if (rowCounts.some((count) => count !== rows)) {
      const counts = all.map(({ user }, i) => `${this.#nameOf(user)}: ${rowCounts[i]}`)
      return yield* new UploadsDisagree({
        reason: `The users do not agree on the number of training rows (${counts.join(", ")})`
      })
    }
    const columns = jointColumns(this.#agreement.data).map(({ source }) => source)
    const declared = all.map(({ user, blocks }) => ({ user: this.#nameOf(user), blocks }))
    yield* raised([CoverageError, BlockOutside], () => checkCoverage({ rows, columns }, declared))
    return { rows, uploads: all }
  })

  /** Drops everything, in memory and in stable storage, once it has become the joint table. */
  readonly forget = Effect.gen(this, function* () {
    for (const [user, upload] of this.#uploads) {
      this.#uploads.delete(user)
      yield* upload.run.forget
      yield* this.#stable.remove(announcementEntry(user))
    }
  })

  #begin(from: string, announcement: Announcement) {
    return Effect.gen(this, function* () {
      const { modulusBits } = this.#agreement.security
      const form = sharingOf(this.#agreement).upload
      yield* this.#requireRoom(from, announcement)
      const blocks = yield* raised([MalformedRows], () =>
        announcement.blocks.map(({ rows, columns }) => ({
          rows: indicesFromBytes(rows),
          columns: Uint32Array.from(columns)
        }))
      )
      const words = countCells(blocks)
      const expected = form.ciphertexts(words, modulusBits)[this.#cloud]
      // With fewer, cells that no one sent would stay zero; with more, a user could make the cloud allocate
      // at will.
      if (announcement.ciphertexts !== expected) {
        return yield* new UploadsDisagree({
          reason: `${this.#nameOf(from)} announced ${announcement.ciphertexts} ciphertexts for ${words} cells, which take ${expected}`
        })
      }
      const assembly =
        this.#cloud === 0
          ? new RunAssembly(from, expected, ciphertextBytes({ bits: modulusBits }))
          : form.cloud1.assembly(from, words, modulusBits)
      const upload: InProgress = {
        announced: yield* OpenUpload.payload.encode(announcement),
        rows: announcement.rows,
        blocks,
        run: yield* storedRun(`upload-of-${from}`, assembly)
      }
      return upload
    }).pipe(Effect.provideService(Stable, this.#stable))
  }

  /** Refuses what the agreed table can't hold, before any memory is taken for it. */
  #requireRoom(from: string, { rows, blocks }: Announcement) {
    return Effect.suspend(() => {
      const refuse = (reason: string) =>
        new UploadsDisagree({ reason: `${this.#nameOf(from)} announced ${reason}` })
      const width = jointColumns(this.#agreement.data).length
      const network = networkOf(this.#agreement)
      if (Either.isLeft(Either.try(() => requireMemory({ network, rows }))))
        return refuse(`${rows} training rows, and no cloud has room for so many`)
      let cells = 0
      for (const { rows: indices, columns } of blocks) {
        const held = indices.length / indexBytes
        if (held > rows) return refuse(`${held} rows in one block, of ${rows} in all`)
        if (new Set(columns).size < columns.length || columns.some((column) => column >= width))
          return refuse(`columns that are there twice or not at all, of ${width}`)
        cells += held * columns.length
      }
      return cells > rows * width ? refuse(`${cells} cells of a table that has ${rows * width}`) : Effect.void
    })
  }

  #nameOf(user: string): string {
    return displayName(this.#agreement, user)
  }
}

/** The uploads at one cloud, including what an earlier process has confirmed. */
export const intakeAt = (agreement: Agreement, cloud: 0 | 1) =>
  Effect.gen(function* () {
    const intake = new Intake(agreement, cloud, yield* Stable)
    yield* intake.restore
    return intake
  })

/** Takes announcements until the joint table has been made. */
export const onAnnouncement = (intake: Intake, transformed: Effect.Effect<boolean>) =>
  on(OpenUpload, (announcement, from) =>
    Effect.gen(function* () {
      if (yield* transformed) return yield* new NotExpected({ what: "another upload", party: from })
      yield* intake.announce(from, announcement)
      return {}
    })
  )
