/** The least that a scenario says, as a parser gives it. */
export const plainScenario = {
  name: "plain",
  description: "Two growers of flowers",
  data: { features: { length: [0, 10], width: [-1, 1] }, label: { column: "kind", values: ["a", "b"] } },
  users: [
    { name: "north", holds: [{ file: "north.csv" }] },
    { name: "south", holds: [{ file: "south.csv" }] }
  ],
  network: { hidden: [8] },
  training: { epochs: 2, batch: 2, rate: 0.1, loss: "squared-error" }
} as const
