/** Fingerprints of public identities: short enough to be read out, too long to be met by chance or by search. */
import { createHash } from "node:crypto"
import { CanonicalWriter } from "../canonical.ts"

/** 128 bits: finding another identity with the same fingerprint takes as many trials as it takes to break AES-128. */
const bytesShown = 16

/** The fingerprint of a public text, as eight groups of four hexadecimal digits. */
export const fingerprintOf = (publicText: string): string =>
  createHash("sha256")
    .update(new CanonicalWriter().string("bicameral fingerprint").string(publicText).finish())
    .digest("hex")
    .slice(0, 2 * bytesShown)
    .replace(/(.{4})(?=.)/g, "$1 ")
