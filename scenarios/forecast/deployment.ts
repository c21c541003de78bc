/** A run's deployment: its hosts, their links, and what the machine of each takes. */
import type { Calibration } from "../description/calibration.ts"
import type { Hosts, Link } from "../description/hosts.ts"
import { greatest, type Load, mega, type Part } from "./time.ts"

/** The hosts of a run, as far as its times depend on them. */
export class Deployment {
  readonly #hosts: Hosts
  readonly calibration: Calibration

  constructor(hosts: Hosts, calibration: Calibration) {
    this.#hosts = hosts
    this.calibration = calibration
  }

  get placement() {
    return this.#hosts.placement
  }

  host(name: string) {
    return this.#hosts.hosts.find((host) => host.name === name)!
  }

  /** Threads of a process on this host that have a core. */
  threads(host: string): number {
    return Math.max(1, Math.floor(Math.min(this.host(host).cores, this.#hosts.threads)))
  }

  user(index: number): string {
    const { users } = this.placement
    return users[index % users.length]!
  }

  /** The link between two hosts; none within one. */
  link(from: string, to: string): Link | undefined {
    if (from === to) return undefined
    return this.host(from).site === this.host(to).site ? this.#hosts.links.lan : this.#hosts.links.wan
  }

  /** The host of the broker that a host connects to: its site's own, or the central one. */
  broker(host: string): string {
    const { broker, siteBrokers } = this.placement
    return siteBrokers.find((each) => this.host(each).site === this.host(host).site) ?? broker
  }

  /** The links by which a message goes from one host to another, with their ends. */
  #way(from: string, to: string) {
    const [near, far] = [this.broker(from), this.broker(to)]
    const stations = [from, near, ...(near === far ? [] : [this.placement.broker, far]), to]
    return stations.slice(1).flatMap((next, i) => {
      const link = this.link(stations[i]!, next)
      return link === undefined ? [] : [{ link, ends: `${stations[i]} – ${next}` }]
    })
  }

  /** Milliseconds from one host to another by way of the brokers. */
  delayMs(from: string, to: string): number {
    return this.#way(from, to).reduce((sum, { link }) => sum + link.delayMs, 0)
  }

  /** The time that bytes take from one host to another, on the slowest of the links. */
  transfer(from: string, to: string, bytes: number): Part {
    return greatest(
      this.#way(from, to).map(({ link, ends }) => ({
        seconds: (8 * bytes) / mega / link.megabitsPerSecond,
        by: `the link ${ends}`
      }))
    )
  }

  /** The time of work side by side: that of the busiest host, or of the busiest process. */
  work(loads: ReadonlyArray<Load>): Part {
    const { sharedCores } = this.#hosts
    const busy = loads.filter(({ ms }) => ms > 0)
    const groups = new Map<string, Array<Load>>()
    for (const load of busy) {
      const machine = sharedCores === undefined ? load.host : "all hosts"
      groups.set(machine, [...(groups.get(machine) ?? []), load])
    }
    const hosts = Array.from(groups, ([machine, own]) => {
      const cores = sharedCores ?? this.host(machine).cores
      const most = own.reduce((x, y) => (y.ms > x.ms ? y : x))
      const ms = own.reduce((sum, load) => sum + load.ms, 0)
      return { seconds: ms / cores / 1000, by: `the cores of ${machine} (${most.who} most)` }
    })
    const processes = busy.map(({ who, host, ms, threads }) => ({
      seconds: ms / Math.min(threads, sharedCores ?? this.host(host).cores) / 1000,
      by: threads === 1 ? `${who}, one thread` : who
    }))
    return greatest([...hosts, ...processes])
  }

  /** The time of sequential requests from one host to another, each answered immediately. */
  requests(from: string, to: string, count: number): Part {
    const { end, broker, waitMs } = this.calibration.messages
    const own = 4 * end.messageMs + 2 * broker.messageMs + 2 * waitMs
    const ms = own + this.delayMs(from, to) + this.delayMs(to, from)
    return { seconds: (count * ms) / 1000, by: `the delay between ${from} and ${to}` }
  }
}
