import { readFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { loadCalibration } from "../../../scenarios/description/load.ts"
import { temporaryFolder } from "../../support/small-scenario.ts"

const shipped = readFileSync("scenarios/forecast/calibration.json", "utf8")

/** What is said of a file with this text, after its name. */
const refused = (text: string) =>
  Effect.gen(function* () {
    const file = join(yield* temporaryFolder, "c.json")
    yield* Effect.promise(() => writeFile(file, text))
    const { message } = yield* Effect.flip(Effect.provide(loadCalibration(file), nodeContext))
    return message.replaceAll(`${file}:`, "")
  })

/** The same of the calibration that comes with the project, with the first such text replaced. */
const refusedWith = (from: string | RegExp, to: string) => {
  expect(shipped).toMatch(from)
  return refused(shipped.replace(from, to))
}

describe("calibration", () => {
  it.effect("that comes with the project is one", () =>
    Effect.gen(function* () {
      const calibration = yield* loadCalibration("scenarios/forecast/calibration.json")
      expect(Object.keys(calibration.bcp)).toEqual(["512", "1024", "2048", "3072"])
      expect(calibration).toEqual(JSON.parse(shipped))
    }).pipe(Effect.provide(nodeContext))
  )

  it.scoped("is refused where a number is a text, or none that can be a time", () =>
    Effect.gen(function* () {
      for (const [from, to] of [
        ['"startUpMs": 510', '"startUpMs": "322"'],
        ['"startUpMs": 510', '"startUpMs": -1'],
        ['"startUpMs": 510', '"startUpMs": 1e999'],
        ['"startUpMs": 510', '"startUpMs": 1e13'],
        ['"startUpMs": 510', '"startUpMs": null']
      ] as const)
        expect(yield* refusedWith(from, to)).toMatch(/^9: startUpMs: must be a number from 0 to 10\^12/)
      expect(yield* refusedWith('"cores": 1.967', '"cores": 0')).toMatch(
        /^8: cores: must be a number above 0, up to 10\^6/
      )
    })
  )

  it.scoped("is refused where the points of a curve are none, or not in order", () =>
    Effect.gen(function* () {
      const sentence =
        "bcp.512.encrypt: must be pairs [count, milliseconds], whole counts from 1 up and milliseconds from 0 up, none below the one before"
      for (const curve of [
        "[]",
        "null",
        "[1, 2]",
        "[[1, 2, 3]]",
        "[[0, 2]]",
        "[[1.5, 2]]",
        "[[1, 2], [1, 3]]",
        "[[1, 3], [2, 2]]",
        '[["1", 2]]',
        "[[1, 1e999]]"
      ])
        expect(yield* refusedWith(/"encrypt": \[\[.*\]\]/, `"encrypt": ${curve}`)).toBe(`54: ${sentence}`)
    })
  )

  it.scoped("is refused where a field is missing, misspelt or of another kind, each told with its line", () =>
    Effect.gen(function* () {
      const [unknown, missing, ...others] = (yield* refusedWith(
        '"megabyteMs": 1.268',
        '"megabytes": 1.268'
      )).split("\n")
      expect(unknown).toMatch(
        /^32: messages\.broker\.megabytes: is not known here; what may be said is messageMs, megabyteMs/
      )
      expect(missing).toBe("30: messages.broker.megabyteMs: is missing; add it")
      expect(others).toEqual([])
      expect(yield* refusedWith(/"words": \{[^}]*\}/, '"words": null')).toBe(
        "36: words: is empty; fill in its fields: makeMegabyteMs, openMegabyteMs"
      )
      expect(yield* refusedWith('"512": {', '"512": 5, "511": {')).toMatch(
        /^52: bcp\.512: must be a section with the fields parametersMs, /
      )
      expect(yield* refusedWith(/"date": .*/, '"date": 20261128')).toMatch(
        /^6: machine\.date: must be a text/
      )
    })
  )

  it.scoped("is refused where it is older than private joins, and says so", () =>
    Effect.gen(function* () {
      expect(yield* refusedWith(/ {2}"join": \{[^}]*\},\n/, "")).toBe(
        "1: join: is missing: the file was measured before there were private joins"
      )
    })
  )

  it.scoped("is refused where it is something else altogether", () =>
    Effect.gen(function* () {
      for (const text of ["[]", "5", '"x"', "NaN"])
        expect(yield* refused(text)).toMatch(/^1: must be a section with the fields machine, cores, /)
      for (const text of ["null", ""])
        expect(yield* refused(text)).toMatch(/^1: is empty; fill in its fields: machine, cores, /)
      expect(yield* refused("{}")).toContain("1: bcp: is missing; add it")
      expect(yield* refused(shipped.slice(0, 900))).toMatch(/^\d+: this is not valid /)
    })
  )
})
