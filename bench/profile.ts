/** Reads sampled stacks of a process (V8's CPU profile) and tells what part of the work each sample belongs to. */

export const parts = [
  "kernels",
  "prg",
  "compute",
  "runtime",
  "codec",
  "broker",

  "gc",
  "native",
  "waiting"
] as const
export type Part = (typeof parts)[number]

interface Node {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string }
  readonly children?: ReadonlyArray<number>
}

interface Profile {
  readonly nodes: ReadonlyArray<Node>
  readonly samples: ReadonlyArray<number>
  readonly timeDeltas: ReadonlyArray<number>
}

const ownParts: Readonly<Record<string, Part>> = {
  "(garbage collector)": "gc",
  "(program)": "native",
  "(idle)": "waiting"
}

/** By the file that the innermost named frame is in. */
const fileParts: ReadonlyArray<readonly [RegExp, Part]> = [
  [/^wasm:/, "kernels"],
  [/\/protocol\/ring\/prg\.js$/, "prg"],
  [/\/protocol\/messages\/|\/runtime\/framing\.js$|\/msgpackr\//, "codec"],
  [/\/nats\/|\/runtime\/nats-transport\.js$|^node:(net|internal\/stream)/, "broker"],
  [/\/protocol\//, "compute"],
  [/\/runtime\/|\/actors\/|\/effect\//, "runtime"]
]

/** Shares of the time of a process by part, over the last `share` of the profile. */
export const partsOfProfile = ({ nodes, samples, timeDeltas }: Profile, share: number) => {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parent = new Map(nodes.flatMap(({ id, children }) => (children ?? []).map((child) => [child, id])))
  const partOf = (id: number): Part => {
    const own = ownParts[byId.get(id)!.callFrame.functionName]
    if (own !== undefined) return own
    for (let at: number | undefined = id; at !== undefined; at = parent.get(at)) {
      const { url } = byId.get(at)!.callFrame
      const found = fileParts.find(([pattern]) => pattern.test(url))
      if (found !== undefined) return found[1]
    }
    return "native"
  }
  const known = new Map(nodes.map(({ id }) => [id, partOf(id)]))
  const shares = Object.fromEntries(parts.map((part) => [part, 0])) as Record<Part, number>
  let total = 0
  for (let i = Math.floor(samples.length * (1 - share)); i < samples.length; i++) {
    shares[known.get(samples[i]!)!] += timeDeltas[i]!
    total += timeDeltas[i]!
  }
  for (const part of parts) shares[part] /= total
  return shares
}
