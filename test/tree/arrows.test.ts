/**
 * Which folder uses which: the arrows between the rooms of the tree, a room being a folder. A file may import
 * from its own room and from the rooms that are named here for it, and never, directly or through others, from
 * a file that imports it.
 */
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { floors, importsOf, programFiles } from "./sources.ts"

/** Rooms of a floor by their paths from the top. */
const within = (floor: string, arrows: Readonly<Record<string, ReadonlyArray<string>>>) =>
  Object.fromEntries(
    Object.entries(arrows).map(([room, used]) => [
      room === "" ? floor : join(floor, room),
      used.map((each) => join(floor, each))
    ])
  )

/**
 * The rooms of each floor, and those of the same floor that each uses. What it uses of the floors below is its own affair. Files directly in
 * `runtime/` and `protocol/` are for all rooms of the floor and use none.
 */
const rooms: Readonly<Record<string, ReadonlyArray<string>>> = {
  ...within("scenarios", {
    command: [
      "audit",
      "description",
      "folders",
      "forecast",
      "gateway",
      "inspect",
      "model",
      "model/export",
      "reference",
      "report",
      "run",
      "setup",
      "simulation",
      "text",
      "view"
    ],
    setup: ["description", "folders", "run", "text"],
    run: [
      "description",
      "gateway",
      "faults-injected",
      "folders",
      "forecast",
      "reference",
      "report",
      "text",
      "view"
    ],
    view: ["folders", "model", "report", "report/page", "text"],
    inspect: ["description", "text"],
    gateway: ["model"],
    model: ["description", "folders", "inspect", "report", "text"],
    "model/export": ["model", "report", "text"],
    audit: ["description", "folders", "text"],
    simulation: ["description", "faults-injected", "simulation/checkers"],
    "simulation/checkers": [],
    reference: ["description", "report", "text"],
    folders: ["description", "faults-injected", "report", "text"],
    report: ["description", "text"],
    "report/page": ["folders", "report", "text"],
    forecast: ["description"],
    "faults-injected": ["description"],
    description: ["text"],
    text: []
  }),
  ...within("actors", {
    // Directly in the folder.
    "": ["clouds", "clouds/serving", "clouds/training", "kgc", "users", "group", "party"],
    clouds: [
      "clouds/output",
      "clouds/training",
      "clouds/training/ciphertexts",
      "clouds/transformation",
      "clouds/upload",
      "clouds/setup",
      "clouds/randomness",
      "group",
      "party"
    ],
    "clouds/output": ["clouds/training", "clouds/setup", "sharing", "party"],
    "clouds/training": ["clouds/training/lanes", "clouds/transformation", "clouds/randomness", "party"],
    "clouds/training/ciphertexts": [
      "clouds/training",
      "clouds/training/lanes",
      "clouds/transformation",
      "party"
    ],
    "clouds/training/lanes": ["clouds/transformation", "clouds/randomness", "sharing", "group", "party"],
    "clouds/transformation": ["clouds/upload", "clouds/setup", "sharing", "party"],
    "clouds/upload": ["sharing", "party"],
    "clouds/setup": ["party"],
    "clouds/randomness": ["party"],
    "clouds/serving": ["clouds/randomness", "clouds/training", "clouds/training/lanes", "party"],
    askers: ["party"],
    users: ["sharing", "party"],
    kgc: ["group", "party"],
    sharing: ["party"],
    group: ["party"],
    party: []
  }),
  ...within("runtime", {
    broker: ["processes", "transport"],
    messaging: ["transport"],
    storage: ["transport"],
    processes: ["transport"],
    virtual: ["work"],
    transport: [],
    work: []
  }),
  ...within("protocol", {
    audit: [
      "archive",
      "bcp",
      "channels",
      "computation",
      "data",
      "dealing",
      "join",
      "lattice",
      "learning",
      "messages",
      "oblivious-transfer",
      "ring",
      "sharing",
      "statistics"
    ],
    archive: ["sharing", "data", "bcp"],
    serving: ["channels", "computation", "dealing", "learning", "messages", "ring"],
    sharing: ["bcp", "ciphertexts", "join", "proofs"],
    join: ["data", "ring"],
    statistics: ["bcp", "data"],
    proofs: ["bcp"],
    computation: ["learning", "ring"],
    "oblivious-transfer": ["learning", "ring"],
    lattice: ["learning", "ring"],
    ciphertexts: ["bcp", "computation", "dealing", "learning", "oblivious-transfer", "ring"],
    dealing: ["computation", "lattice", "learning", "oblivious-transfer", "ring"],
    learning: ["data", "ring"],
    metrics: ["data", "learning"],
    messages: ["ring", "statistics"],
    channels: [],
    bcp: [],
    data: [],
    ring: []
  })
}

const shared = ["runtime", "protocol"]

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
        .filter((other) => !shared.includes(dirname(other)))
        .filter((other) => !(rooms[dirname(file)] ?? []).includes(dirname(other)))
        .map((other) => `${file} -> ${other}`)
    )
    expect(others).toEqual([])
  })

  it("between rooms make no circle", () => {
    expect(circles(new Map(Object.entries(rooms)))).toEqual([])
  })
})
