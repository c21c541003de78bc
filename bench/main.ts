/** `npm run bench -- TOPIC [LOSS…]`: measures one topic, prints it and writes `out/bench/<topic>.json`. */
import { spawn } from "node:child_process"
import { garbageCollection, keptMemory } from "../runtime/processes/process.ts"

const topics: Readonly<Record<string, (others: ReadonlyArray<string>) => Promise<void>>> = {
  step: async (losses) => (await import("./step.ts")).run(losses),
  kernels: async (losses) => (await import("./step-kernels.ts")).run(losses),
  rounds: async () => (await import("./rounds.ts")).run(),
  ahead: async () => (await import("./ahead.ts")).run(),
  "wide-area": async () => (await import("./wide-area.ts")).run(),
  workers: async () => (await import("./workers.ts")).run(),
  bcp: async () => (await import("./bcp.ts")).run(),
  proofs: async () => (await import("./proofs.ts")).run(),
  join: async () => (await import("./join.ts")).run(),
  powers: async () => (await import("./powers.ts")).run(),
  ot: async () => (await import("./ot.ts")).run(),
  lattice: async () => (await import("./lattice.ts")).run(),
  predict: async () => (await import("./predict.ts")).run(),
  dealing: async () => (await import("./dealing.ts")).run(),
  ciphertexts: async () => (await import("./ciphertexts.ts")).run(),
  defaults: async () => (await import("./defaults.ts")).run(),
  data: async () => (await import("./data.ts")).run(),
  calibrate: async () => (await import("./calibrate.ts")).run(),
  prediction: async () => (await import("./prediction.ts")).run(),
  scale: async () => (await import("./prediction.ts")).scale(),
  startup: async () => (await import("./scenario.ts")).startup(),
  lanes: async () => (await import("./lanes.ts")).run(),
  view: async () => (await import("./view.ts")).run(),
  epoch: async () => (await import("./scenario.ts")).epoch()
}

const name = process.argv[2] ?? ""
const topic = topics[name]
if (topic === undefined) {
  console.error(`no topic "${name}"; choose one of ${Object.keys(topics).join(", ")}`)
  process.exitCode = 1
} else if (garbageCollection.every((option) => process.execArgv.includes(option)))
  await topic(process.argv.slice(3))
else {
  // What measures is often a party itself, so it is started as one is.
  const again = [...garbageCollection, ...process.argv.slice(1)]
  const child = spawn(process.execPath, again, { stdio: "inherit", env: { ...process.env, ...keptMemory } })
  child.on("exit", (code) => {
    process.exitCode = code ?? 1
  })
}
