/** What the checkers of a simulated run see and report. */

/** A frame as its sender handed it to the network. */
export interface SentFrame {
  readonly from: string
  readonly to: string
  readonly data: Uint8Array
}

/** Something that must not happen: what and where, in words. */
export type Violation = string
