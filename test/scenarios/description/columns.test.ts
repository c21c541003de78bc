import { describe, expect, it } from "vitest"
import type { DataDescription } from "../../../protocol/data/description.ts"
import { columnsNamed, columnsOf } from "../../../scenarios/description/columns.ts"

const description: DataDescription = {
  id: "id",
  features: ["age", "point1", "point2", "point10", "point", "pointed"].map((name) => ({
    name,
    range: [0, 1]
  })),
  label: { column: "kind", values: ["a", "b"] },
  scaleTo: [0, 1]
}
const withoutPoint = description.features.filter(({ name }) => name !== "point")

describe("columns of a scenario", () => {
  it("are named one by one, a column's own name before that of numbered ones", () => {
    expect(columnsOf(description, ["kind", "age"])).toEqual(["kind", "age"])
    expect(columnsNamed(description)("point")).toEqual(["point"])
    expect(columnsNamed(description)("id")).toEqual(["id"])
  })

  it("are all numbered ones where the name has no number, in joint order", () => {
    const numbered = { ...description, features: withoutPoint }
    expect(columnsNamed(numbered)("point")).toEqual(["point1", "point2", "point10"])
    expect(columnsNamed(numbered)("pointe")).toEqual([])
  })

  it("are those from one to another in joint order, the label last", () => {
    expect(columnsNamed(description)("age..point2")).toEqual(["age", "point1", "point2"])
    expect(columnsNamed(description)("pointed..kind")).toEqual(["pointed", "kind"])
    expect(columnsNamed(description)("point2..age")).toEqual([])
    expect(columnsNamed(description)("age..point3")).toEqual([])
    expect(columnsNamed(description)("id..age")).toEqual([])
  })

  it("stand for themselves where the joint table does not have them", () => {
    expect(columnsOf(description, ["comment", "age"])).toEqual(["comment", "age"])
  })
})
