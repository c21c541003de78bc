/** IDX files for tests. */

const writers = {
  8: [1, "setUint8"],
  9: [1, "setInt8"],
  11: [2, "setInt16"],
  12: [4, "setInt32"],
  13: [4, "setFloat32"],
  14: [8, "setFloat64"]
} as const

/** A tensor of numbers of a type (the third byte of the magic number), as an IDX file. */
export const idx = (
  type: number,
  sizes: ReadonlyArray<number>,
  numbers: ReadonlyArray<number>
): Uint8Array<ArrayBuffer> => {
  const [width, set] = writers[type as keyof typeof writers]
  const start = 4 + 4 * sizes.length
  const view = new DataView(new ArrayBuffer(start + width * numbers.length))
  view.setUint8(2, type)
  view.setUint8(3, sizes.length)
  sizes.forEach((size, i) => {
    view.setUint32(4 + 4 * i, size)
  })
  numbers.forEach((x, i) => {
    view[set](start + width * i, x)
  })
  return new Uint8Array(view.buffer)
}
