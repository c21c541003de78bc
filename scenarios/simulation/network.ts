/**
 * The network of a simulated run. Each link delays each message by a time of its own and keeps their order.
 */
import { draws, hashOf } from "../../runtime/transport/faulty.ts"
import { type Hub, makeHub } from "../../runtime/transport/memory.ts"
import type { Delivery } from "../../runtime/transport/transport.ts"
import type { VirtualTime } from "../../runtime/virtual/time.ts"
import type { RunRecord } from "./run-record.ts"

/** Sees each message that arrives, and may put more on the wire with `inject`, past all permissions. */
export type OnArrival = (delivery: Delivery, inject: (delivery: Delivery) => void) => void

/** Least and greatest time that a message is on its way. */
const transitMs = [0.1, 0.5] as const

interface Link {
  readonly seed: number
  sent: number
  busyUntilMs: number
}

export interface NetworkOptions {
  readonly seed: number
  readonly time: VirtualTime
  readonly record: RunRecord
  readonly onArrival: OnArrival | undefined
}

/** The hub that all parties are connected to. */
export const makeNetwork = ({ seed, time, record, onArrival }: NetworkOptions): Hub => {
  const links = new Map<string, Link>()
  const hub = makeHub({
    carry: (delivery, arrive) => {
      const { subject, data } = delivery
      const link = links.get(subject) ?? { seed: hashOf(`${seed} way ${subject}`), sent: 0, busyUntilMs: 0 }
      links.set(subject, link)
      const [least, most] = transitMs
      const ownMs = least + (most - least) * draws(link.seed, link.sent++)()
      link.busyUntilMs = Math.max(link.busyUntilMs, time.nowMs() + ownMs)
      time.after(link.busyUntilMs - time.nowMs(), () => {
        record.messages++
        record.trace(`${time.nowMs()} ${subject} ${data.length} `)
        arrive()
        onArrival?.(delivery, hub.inject)
      })
    }
  })
  return hub
}
