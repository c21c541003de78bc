/**
 * What a simulated run leaves behind for those who judge it: its history, its faults and a digest of its
 * traffic.
 */
import { createHash } from "node:crypto"
import type { MessageFault } from "../../runtime/transport/faulty.ts"
import type { EventKind } from "../description/faults.ts"

export type FaultKind = MessageFault | EventKind

export class RunRecord {
  readonly #nowMs: () => number
  readonly #hash = createHash("sha256")
  /** Text that is yet to be hashed: hashing much at a time is cheaper. */
  #text = ""
  /** What happened when, for people. */
  readonly history: Array<string> = []
  readonly faults = new Map<FaultKind, number>()
  /** Messages that arrived. */
  messages = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  note(what: string): void {
    this.history.push(`${this.#nowMs().toFixed(1)} ms: ${what}`)
  }

  readonly countFault = (kind: FaultKind): void => {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1)
  }

  /** Adds to the trace: what is sent, and what arrives where and when. */
  trace(more: string | Uint8Array): void {
    if (typeof more === "string") this.#text += more
    else {
      this.#hash.update(this.#text).update(more)
      this.#text = ""
    }
  }

  /** SHA-256 of the trace, hexadecimal; ends it. */
  digest(): string {
    return this.#hash.update(this.#text).digest("hex")
  }
}
