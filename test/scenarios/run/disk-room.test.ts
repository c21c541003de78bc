/** A disk without room for what is stored before a training is found before the run begins. */
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { requireRoom } from "../../../scenarios/run/disk-room.ts"

describe("room on the disk", () => {
  it.effect("is asked of the folder above where there is none yet", () =>
    Effect.gen(function* () {
      const folder = join(tmpdir(), "none", "such")
      yield* requireRoom(folder, 0)
      const { message } = yield* Effect.flip(requireRoom(folder, 2 ** 80))
      expect(message).toContain(`the disk of ${folder} has `)
      expect(message).toContain(
        "of corrections before the training; make room, choose another folder with --out, or set security.dealing to kgc"
      )
    })
  )
})
