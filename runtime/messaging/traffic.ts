/**
 * Counts what a party sends and receives, by peer and message, so that a run can compare measured with
 * predicted bytes. A message counts with its envelope and its seal. The handshakes of sessions are no messages
 * of the party and are left out: 98 bytes for each ordered pair of processes.
 */
import type { PeerTraffic } from "./contract.ts"

/** Counts in place; frequent senders keep a reference to it. A message in fragments counts once. */
export interface Counter {
  messages: number
  bytes: number
}

/** A stranger that invents tags must not make the ledger grow without end. */
const mostRows = 4096

export class Ledger {
  readonly #rows = new Map<string, PeerTraffic & Counter>()

  counter(direction: PeerTraffic["direction"], peer: string, tag: string): Counter {
    const key = `${direction} ${peer} ${tag}`
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    const row = { direction, peer, tag, messages: 0, bytes: 0 }
    if (this.#rows.size < mostRows) this.#rows.set(key, row)
    return row
  }

  rows(): ReadonlyArray<PeerTraffic> {
    return Array.from(this.#rows.values(), (row) => ({ ...row }))
  }
}

/** The tag under which the traffic of a channel is counted. */
export const trafficTag = (channel: string, kind: string, tag: string): string =>
  kind === "nack" ? `nack:${tag}` : channel === "round" ? `round:${tag}` : tag
