/**
 * The connections of parties to the network of a simulated run: observed, disturbed by faults, and as mortal
 * as they.
 */
import { Effect, type Scope } from "effect"
import type { DirectoryService } from "../../actors/party/directory.ts"
import { decodeEnvelope } from "../../protocol/messages/envelope.ts"
import { parseSubject } from "../../protocol/messages/subjects.ts"
import { hashOf, type LinkFaults, withFaults } from "../../runtime/transport/faulty.ts"
import { withSeals } from "../../runtime/transport/sealed.ts"
import type { TransportService } from "../../runtime/transport/transport.ts"
import { ratesOf } from "../faults-injected/plan.ts"
import type { World } from "./world.ts"

/** The faults that the plan has for a link, each link looked up once. */
const linkRates = ({ plan }: World) => {
  const rates = new Map<string, LinkFaults | undefined>()
  return (from: string, to: string): LinkFaults | undefined => {
    const key = `${from} ${to}`
    if (!rates.has(key)) rates.set(key, ratesOf(plan, from, to))
    return rates.get(key)
  }
}

/** Receivers by subject, each parsed once. */
const receiversOf = () => {
  const receivers = new Map<string, string>()
  return (subject: string): string => {
    const known = receivers.get(subject)
    if (known !== undefined) return known
    const { to } = parseSubject(subject)!
    receivers.set(subject, to)
    return to
  }
}

/** A report of this process's peak memory, which no seed decides. */
const reportsPeakMemory = (envelope: ReturnType<typeof decodeEnvelope>): boolean =>
  envelope._tag === "Right" && envelope.right.kind === "reply" && envelope.right.tag === "Report"

/** Sees each frame that a party sends. */
export type OnSent = (from: string, envelope: ReturnType<typeof decodeEnvelope>) => void

/** Connects parties to the network, through its faults. */
export const makeConnections = (world: World, onSent: OnSent) => {
  const { seed, time, conditions, record, watch, hub } = world
  const ratesOfLink = linkRates(world)
  const receiverOf = receiversOf()
  const faults = {
    seed: hashOf(`${seed} faults`),
    faultsOf: (from: string, to: string) => (conditions.healed ? undefined : ratesOfLink(from, to)),
    cut: (from: string, to: string) => conditions.isCut(from, to),
    count: record.countFault,
    after: time.after
  }
  /** A dead party neither sends nor receives; a paused one receives later. */
  const mortal = (actor: string, life: { readonly dead: boolean }): TransportService => {
    const real = hub.transport(actor)
    return {
      ...real,
      send: (subject, data, headers) => (life.dead ? undefined : real.send(subject, data, headers)),
      subscribe: (subject, onDelivery, queue) =>
        real.subscribe(
          subject,
          (delivery) => {
            const waitMs = conditions.pausedUntilMs(actor) - time.nowMs()
            if (waitMs > 0) time.after(waitMs, () => !life.dead && onDelivery(delivery))
            else if (!life.dead) onDelivery(delivery)
          },
          queue
        )
    }
  }
  /** What a party sends is observed before it is sealed, and before any fault happens to it. */
  return (
    actor: string,
    life: { readonly dead: boolean },
    directory: DirectoryService
  ): Effect.Effect<TransportService, never, Scope.Scope> =>
    withFaults(faults, mortal(actor, life)).pipe(
      Effect.flatMap((faulty) => (world.sealed ? withSeals(directory, faulty) : Effect.succeed(faulty))),
      Effect.map((way) => ({
        ...way,
        send: (subject, data, headers) => {
          if (life.dead) return undefined
          const envelope = decodeEnvelope(data)
          watch.see({ from: actor, to: receiverOf(subject), data }, envelope)
          record.trace(`${time.nowMs()} ${subject} `)
          if (!reportsPeakMemory(envelope)) record.trace(data)
          onSent(actor, envelope)
          return way.send(subject, data, headers)
        }
      }))
    )
}
