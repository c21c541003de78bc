/**
 * Who uses whom: the arrows between the rooms of the house, a room being a folder. A file may import from its own room, from the rooms that
 * are named here for it, and no file from one that imports it, by however many steps.
 */
import { dirname } from "node:path"
import { describe, expect, it } from "vitest"
import { floors, importsOf, programFiles } from "./sources.ts"

/** The rooms of each floor, and those of the same floor that each uses. What is used of the floors below is each room's own affair. */
const rooms: Readonly<Record<string, ReadonlyArray<string>>> = {}

/** The floor of a file, from the top. */
const floorOf = (file: string): number => floors.findIndex((floor) => file.startsWith(`${floor}/`))

/** Circles of names, each by one that is on it. */
const circles = (arrows: ReadonlyMap<string, ReadonlyArray<string>>): ReadonlyArray<string> => {
  const state = new Map<string, "open" | "done">()
  const found: Array<string> = []
  const visit = (name: string, path: ReadonlyArray<string>): void => {
    if (state.get(name) === "done") return
    if (state.get(name) === "open") {
      found.push([...path.slice(path.indexOf(name)), name].join(" -> "))
      return
    }
    state.set(name, "open")
    for (const next of arrows.get(name) ?? []) visit(next, [...path, name])
    state.set(name, "done")
  }
  for (const name of arrows.keys()) visit(name, [])
  return found
}

const imports = new Map(programFiles.map((file) => [file, importsOf(file)]))

describe("arrows", () => {
  it("are found in a circle, however long it is", () => {
    expect(
      circles(
        new Map([
          ["a", ["b"]],
          ["b", ["c"]],
          ["c", []]
        ])
      )
    ).toEqual([])
    expect(
      circles(
        new Map([
          ["a", ["b"]],
          ["b", ["c"]],
          ["c", ["b"]]
        ])
      )
    ).toEqual(["b -> c -> b"])
  })

  it("between files make no circle", () => {
    expect(circles(imports)).toEqual([])
  })

  it("between floors go down", () => {
    const up = [...imports].flatMap(([file, used]) =>
      used.filter((other) => floorOf(other) < floorOf(file)).map((other) => `${file} -> ${other}`)
    )
    expect(up).toEqual([])
  })

  it("between the rooms of a floor are those that are drawn", () => {
    const others = [...imports].flatMap(([file, used]) =>
      used
        .filter((other) => floorOf(other) === floorOf(file) && dirname(other) !== dirname(file))
        .filter((other) => !(rooms[dirname(file)] ?? []).includes(dirname(other)))
        .map((other) => `${file} -> ${other}`)
    )
    expect(others).toEqual([])
  })

  it("between rooms make no circle", () => {
    expect(circles(new Map(Object.entries(rooms)))).toEqual([])
  })
})
