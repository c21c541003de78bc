/** What all benchmarks share: which machine it was, medians with their spread, and where the figures go. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus, loadavg } from "node:os"

/** The machine and how busy it was when the benchmark began. */
export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly node: string
  readonly openssl: string
  readonly loadAverage: number
}

/** Reads the machine and prints it: no figure without it. */
export const announceMachine = (): Machine => {
  const machine = {
    processor: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    node: process.version,
    openssl: process.versions.openssl ?? "unknown",
    loadAverage: loadavg()[0] ?? 0
  }
  const { processor, cores, node, openssl, loadAverage } = machine
  console.log(
    `${processor}, ${cores} cores, load ${loadAverage.toFixed(1)}; node ${node}, OpenSSL ${openssl}`
  )
  return machine
}

/** Median, least and greatest of samples, in their unit. */
export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** Throws where there is no sample, or one that is no finite number: no figure is better than a meaningless one. */
export const spreadOf = (samples: ReadonlyArray<number>): Spread => {
  if (samples.length === 0 || !samples.every(Number.isFinite))
    throw new RangeError(`what was measured is no list of numbers: ${samples.join(", ") || "nothing"}`)
  const sorted = [...samples].sort((x, y) => x - y)
  return { median: sorted[sorted.length >> 1]!, least: sorted[0]!, most: sorted[sorted.length - 1]! }
}

/**
 * How much longer the one takes than the other, of samples taken in turns: each is divided by its neighbour in time, which
 * a slower moment of the machine has slowed as much.
 */
export const ratioOf = (ones: ReadonlyArray<number>, others: ReadonlyArray<number>): Spread =>
  spreadOf(ones.map((one, turn) => one / others[turn]!))

/** Writes `out/bench/<topic>.json`. */
export const writeFigures = (topic: string, figures: object): void => {
  mkdirSync("out/bench", { recursive: true })
  writeFileSync(`out/bench/${topic}.json`, `${JSON.stringify(figures, null, 2)}\n`)
  console.log(`\nwritten to out/bench/${topic}.json`)
}

/** Processor time of this process so far. */
export const ownProcessorMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Processor time of a process so far, in ticks of 10 ms; 0 where the system does not tell. */
export const processorMs = (pid: number): number => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ")
    return 10 * (Number(fields[11]) + Number(fields[12]))
  } catch {
    return 0
  }
}
