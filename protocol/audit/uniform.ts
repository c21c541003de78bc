/** Whether bits look like those of a fair coin. */

/** Beyond so many standard deviations bits are not uniform: by chance in one of 10^11 tests. At least 50 bits can show it. */
export const mostDeviations = 7

/** By how many standard deviations the number of ones among so many bits is from half of them. */
export const deviationsOf = (ones: number, bits: number): number =>
  bits === 0 ? 0 : Math.abs(2 * ones - bits) / Math.sqrt(bits)

const onesOfBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length)

/** The number of ones in bytes. */
export const onesIn = (bytes: Uint8Array): number => {
  let ones = 0
  for (const byte of bytes) ones += onesOfBytes[byte]!
  return ones
}
