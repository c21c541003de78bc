/**
 * Loads the compiled kernels with a memory. Their exports are declared by hand, because the AssemblyScript
 * sources are outside the TypeScript project. Addresses and lengths are unsigned 32-bit numbers.
 */
import { readFileSync } from "node:fs"
import { artifact } from "../artifact.ts"
import type { DealingKernels } from "./dealing-kernels.ts"

type Address = number

/** Words are u64, `n` counts words unless a comment in the kernel says otherwise. */
export interface Kernels extends DealingKernels {
  heapBase(): number
  add(out: Address, x: Address, y: Address, n: number): void
  subtract(out: Address, x: Address, y: Address, n: number): void
  sumAndDifference(sum: Address, x: Address, y: Address, n: number): void
  xor(out: Address, x: Address, y: Address, n: number): void
  negate(out: Address, x: Address, n: number): void
  scale(out: Address, x: Address, factor: bigint, n: number): void
  multiply(out: Address, x: Address, y: Address, n: number): void
  shiftLeft(out: Address, x: Address, shift: number, n: number): void
  nonNegative(out: Address, x: Address, n: number): void
  addRow(out: Address, x: Address, row: Address, shift: number, rows: number, cols: number): void
  columnSums(out: Address, x: Address, rows: number, cols: number): void
  gatherRows(out: Address, x: Address, indices: Address, count: number, cols: number): void
  encode(out: Address, x: Address, scale: number, limit: number, n: number): number
  decode(out: Address, x: Address, scale: number, n: number): void
  counterBlocks(
    out: Address,
    step: number,
    operation: number,
    kind: number,
    first: number,
    count: number
  ): void
  blindRescale(out: Address, x: Address, r: Address, factor: bigint, offset: bigint, n: number): void
  packTop(out: Address, x: Address, bytes: number, n: number): void
  addTop(x: Address, packed: Address, bytes: number, n: number): void
  finishRescale(
    out: Address,
    c: Address,
    top: Address,
    shifted: Address,
    shift: number,
    leads: number,
    n: number
  ): void
  finishGated(
    out: Address,
    c: Address,
    top: Address,
    gatedTop: Address,
    shifted: Address,
    gatedShifted: Address,
    beta: Address,
    bits: Address,
    shift: number,
    leads: number,
    n: number
  ): void
  gatedDifference(
    out: Address,
    activation: Address,
    labels: Address,
    opened: Address,
    betaMask: Address,
    beta: Address,
    bits: Address,
    n: number
  ): void
  dealRescale(top: Address, shifted: Address, r: Address, shift: number, n: number): void
  dealGated(
    top: Address,
    gatedTop: Address,
    shifted: Address,
    gatedShifted: Address,
    r: Address,
    beta: Address,
    stride: number,
    shift: number,
    n: number
  ): void
  dealUnderGate(
    gatedTop: Address,
    gatedShifted: Address,
    r: Address,
    beta: Address,
    stride: number,
    shift: number,
    n: number
  ): void
  dealTop(top: Address, r: Address, shift: number, n: number): void
  dealGate(out: Address, beta: Address, stride: number, n: number): void
  dealGatedDifference(out: Address, mask: Address, beta: Address, stride: number, n: number): void
  compareLeaves(
    out: Address,
    kept: Address,
    c: Address,
    u: Address,
    masks: Address,
    shift: number,
    nodes: number,
    n: number
  ): void
  combineNodes(
    out: Address,
    kept: Address,
    opened: Address,
    masks: Address,
    dealt: Address,
    nodes: number,
    leads: number,
    groups: number
  ): void
  combineRoot(
    out: Address,
    kept: Address,
    opened: Address,
    c: Address,
    top: Address,
    masks: Address,
    dealt: Address,
    shift: number,
    nodes: number,
    leads: number,
    n: number
  ): void
  dealOneHot(out: Address, r: Address, shift: number, nodes: number, n: number): void
  dealBits(out: Address, masks: Address, nodes: number, groups: number): void
  jacobi(a: Address, n: Address): number
  exponential(x: number): number
  contrasts(out: Address, x: Address, rows: number, cols: number): void
  differences(out: Address, x: Address, rows: number): void
  bothClasses(out: Address, p: Address, one: bigint, rows: number): void
  addConstant(out: Address, x: Address, constant: bigint, n: number): void
  rowSums(out: Address, x: Address, rows: number, cols: number): void
  scaleRows(out: Address, x: Address, factors: Address, rows: number, cols: number): void
  repeated(out: Address, x: Address, bytes: number, times: number, n: number): void
  atLeast(out: Address, c: Address, r: Address, shift: number, n: number): void
  packBits(out: Address, x: Address, n: number): void
  clampGated(
    out: Address,
    lower: Address,
    upper: Address,
    lowerBeta: Address,
    upperBeta: Address,
    lowerBits: Address,
    upperBits: Address,
    bottom: bigint,
    top: bigint,
    leads: number,
    n: number
  ): void
  exponentialTable(
    out: Address,
    low: number,
    offset: number,
    unit: number,
    limit: number,
    scale: number
  ): void
  exponentials(
    out: Address,
    c: Address,
    g: Address,
    table: Address,
    low: number,
    unit: number,
    n: number
  ): void
  dealExponential(
    out: Address,
    r: Address,
    r0: Address,
    low: number,
    unit: number,
    scale: number,
    n: number
  ): void
  normalise(
    out: Address,
    e: Address,
    c: Address,
    beta: Address,
    masked: Address,
    bits: Address,
    lead: number,
    octaves: number,
    rows: number,
    cols: number
  ): void
  dealNormalise(
    out: Address,
    mask: Address,
    beta: Address,
    stride: number,
    lead: number,
    octaves: number,
    rows: number,
    cols: number
  ): void
  lines(out: Address, c: Address, dealt: Address, table: Address, low: number, fine: number, n: number): void
  dealLines(out: Address, r0: Address, r1: Address, low: number, fine: number, n: number): void
  waves(
    out: Address,
    c: Address,
    dealt: Address,
    series: Address,
    terms: number,
    bits: number,
    half: bigint,
    n: number
  ): void
  dealWaves(
    out: Address,
    r: Address,
    r0: Address,
    terms: number,
    bits: number,
    scale: number,
    n: number
  ): void
  foldLeaves(
    columns: Address,
    sum: Address,
    leaves: Address,
    bits: number,
    bytes: number,
    apart: number
  ): void
  columnsToRows(rows: Address, columns: Address, apart: number, count: number): void
  tweakedRows(out: Address, rows: Address, number: bigint, place: bigint, n: number): void
  tweakedRowPairs(
    out: Address,
    rows: Address,
    corrections: Address,
    delta: Address,
    number: bigint,
    place: bigint,
    n: number
  ): void
  padInputs(
    out: Address,
    bits: Address,
    w: number,
    from: number,
    count: number,
    number: bigint,
    place: bigint,
    blocks: number
  ): void
  chosenPadInputs(
    out: Address,
    values: Address,
    bits: Address,
    w: number,
    from: number,
    count: number,
    number: bigint,
    place: bigint,
    blocks: number
  ): void
  maskMessages(
    wire: Address,
    inputs: Address,
    outputs: Address,
    messages: Address,
    bits: number,
    count: number
  ): void
  unmaskMessages(
    out: Address,
    wire: Address,
    inputs: Address,
    outputs: Address,
    values: Address,
    w: number,
    bits: number,
    count: number
  ): void
  transformTables(modulus: Address, q: number, root: number, back: number): void
  transform(x: Address, size: number, modulus: Address): void
  transformBack(x: Address, size: number, first: number, end: number, modulus: Address): void
  scaleResidues(x: Address, size: number, factor: number, shoup: number, modulus: Address): void
  repeatResidues(out: Address, x: Address, repeats: number, size: number): void
  foldRuns(x: Address, size: number, run: number, modulus: Address): void
  multiplyTransforms(out: Address, x: Address, y: Address, modulus: Address): void
  multiplyCiphertexts(
    out: Address,
    x: Address,
    xStride: number,
    run: number,
    y: Address,
    yStride: number,
    half: number,
    terms: number,
    from: number,
    end: number,
    accumulate: number,
    modulus: Address
  ): void
  placeClear(
    out: Address,
    x: Address,
    down: number,
    across: number,
    rows: number,
    cols: number,
    spread: number,
    slot: number,
    size: number
  ): void
  placeEncrypted(
    out: Address,
    y: Address,
    down: number,
    across: number,
    rows: number,
    cols: number,
    n: number
  ): void
  addWords(out: Address, x: Address, low: number, high: number, n: number, modulus: Address): void
  signedTop(x: Address, bits: number, n: number): void
  addSmall(out: Address, x: Address, modulus: Address): void
  subtractResidues(out: Address, y: Address, x: Address, modulus: Address): void
  uniformResidues(out: Address, end: Address, random: Address, n: number, q: number): Address
  ternary(out: Address, end: Address, random: Address, n: number): Address
  binomial(out: Address, random: Address, n: number): void
  greatest(x: Address, n: number): number
  packFields(out: Address, x: Address, bits: number, n: number): void
  unpackFields(out: Address, x: Address, bits: number, n: number): void
  switchModulus(
    high: Address,
    low: Address,
    x: Address,
    stride: number,
    fractions: Address,
    primes: number,
    n: number
  ): void
  openPhases(
    out: Address,
    high: Address,
    low: Address,
    x: Address,
    stride: number,
    constants: Address,
    n: number
  ): void
  productScratch(m: number, k: number, n: number): number
  product(
    out: Address,
    outRow: number,
    x: Address,
    xRow: number,
    xCol: number,
    y: Address,
    yRow: number,
    yCol: number,
    m: number,
    k: number,
    n: number,
    accumulate: number,
    scratch: Address
  ): void
}

let compiled: WebAssembly.Module | undefined

/** Instantiates the kernels over `memory`. The module is compiled once a process. */
export const instantiate = (memory: WebAssembly.Memory): Kernels => {
  compiled ??= new WebAssembly.Module(readFileSync(artifact("protocol/ring/kernels.wasm")))
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as Kernels
}
