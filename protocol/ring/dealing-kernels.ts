/** The kernels of two clouds that deal for themselves, declared by hand like the others (`kernels.ts`). */
type Address = number

/** Words are u64, `n` counts words unless a comment in the kernel says otherwise. */
export interface DealingKernels {
  wordsOfBytes(out: Address, x: Address, bytes: number, n: number): void
  bytesOfWords(out: Address, x: Address, bytes: number, n: number): void
  bitOfWords(out: Address, x: Address, bit: number, n: number): void
  keepLow(out: Address, x: Address, bits: number, n: number): void
  transposeWords(out: Address, x: Address, rows: number, cols: number): void
  transposeBlocks(out: Address, x: Address, rows: number, cols: number, bytes: number): void
  offerBlock(
    out: Address,
    r: Address,
    low: number,
    width: number,
    carries: Address,
    block: number,
    oneHot: Address,
    stride: number,
    n: number
  ): void
  takeBlock(
    received: Address,
    carries: Address,
    block: number,
    packed: Address,
    oneHot: Address,
    stride: number,
    n: number
  ): void
  offerTop(
    out: Address,
    r: Address,
    carries: Address,
    block: number,
    mask: Address,
    wraps: boolean,
    bits: number,
    n: number
  ): void
  offerCarry(out: Address, carries: Address, block: number, mask: Address, n: number): void
  shiftedMask(out: Address, share: Address, r: Address, wrap: Address, shift: number, n: number): void
  shiftedShare(out: Address, carry: Address, r: Address, wrap: Address, shift: number, n: number): void
  offerGated(out: Address, x: Address, mask: Address, bits: Address, bytes: number, n: number): void
  offerMultiples(out: Address, x: Address, mask: Address, signed: boolean, bytes: number, n: number): void
  addShifted(out: Address, x: Address, shift: number, n: number): void
  subtractShifted(out: Address, x: Address, shift: number, n: number): void
  planesApart(out: Address, x: Address, planes: number, groups: number): void
  offerProducts(
    out: Address,
    masks: Address,
    share: Address,
    factors: Address,
    width: number,
    products: Address,
    count: number,
    planes: number,
    bytes: number,
    groups: number
  ): void
  tabulateProducts(width: number, products: Address, count: number): void
  takeProducts(
    out: Address,
    received: Address,
    products: Address,
    count: number,
    planes: number,
    bytes: number,
    groups: number
  ): void
  offerDigit(out: Address, x: Address, share: Address, low: number, width: number, n: number): void
  exponentialPart(
    high: Address,
    factor: Address,
    r: Address,
    low: number,
    unit: number,
    scale: number,
    n: number
  ): void
  wavePart(
    cosines: Address,
    sines: Address,
    r: Address,
    terms: number,
    bits: number,
    scale: number,
    n: number
  ): void
  linePart(high: Address, fine: Address, r: Address, low: number, left: number, n: number): void
}
