/** How the bytes of a text file stand for characters. */

/** The encodings that a scenario may name. */
export const encodings = ["utf-8", "utf-16le", "utf-16be", "latin1", "windows-1252"] as const
export type Encoding = (typeof encodings)[number]
