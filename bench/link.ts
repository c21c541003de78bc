/**
 * A link with a delay and a bandwidth, between parties and a broker: hands on what comes over TCP after so long and no faster. It
 * stands in for `tc netem` where the kernel has none, and knows nothing of what it carries.
 * `node dist/bench/link.js LISTEN TO DELAY_MS [MEGABITS]` runs it alone, LISTEN and TO as host:port; it listens when it says so.
 */
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { pathToFileURL } from "node:url"
import { Worker } from "node:worker_threads"

export interface LinkOptions {
  readonly listen?: { readonly host: string; readonly port: number }
  readonly to: { readonly host: string; readonly port: number }
  /** One way. */
  readonly delayMs: number
  readonly megabitsPerSecond?: number
}

export interface RunningLink {
  readonly port: number
  readonly close: () => void
}

/** What may be on its way in one direction; a sender that is ahead of it is not read from meanwhile. */
const mostUnderWay = 64 * 2 ** 20

const now = (): number => Number(process.hrtime.bigint()) / 1e6

/**
 * Wakes its owner at a time that is given, to a tenth of a millisecond: Node's own timers count whole ones. A thread of its own sleeps
 * on shared memory, and sleeps anew when a time changes.
 */
class Alarm {
  readonly #flag = new Int32Array(new SharedArrayBuffer(8))
  readonly #due = new Float64Array(new SharedArrayBuffer(8))
  readonly #thread: Worker

  constructor(wake: () => void) {
    const sleep = `
      const { parentPort, workerData: { flag, due } } = require("node:worker_threads")
      const now = () => Number(process.hrtime.bigint()) / 1e6
      for (let seen = 0; ; ) {
        const left = due[0] - now()
        if (left > 0 && Atomics.wait(flag, 0, seen, left) !== "timed-out") { seen = Atomics.load(flag, 0); continue }
        parentPort.postMessage(0)
        Atomics.wait(flag, 0, seen)
        seen = Atomics.load(flag, 0)
      }`
    this.#due[0] = Number.POSITIVE_INFINITY
    this.#thread = new Worker(sleep, { eval: true, workerData: { flag: this.#flag, due: this.#due } })
    this.#thread.on("message", wake)
    this.#thread.unref()
  }

  at(due: number): void {
    this.#due[0] = due
    Atomics.add(this.#flag, 0, 1)
    Atomics.notify(this.#flag, 0)
  }

  close(): void {
    void this.#thread.terminate()
  }
}

/** One direction of a connection. */
class Direction {
  readonly #waiting: Array<{ readonly due: number; readonly chunk: Buffer }> = []
  readonly #to: Socket
  readonly #from: Socket
  readonly #delayMs: number
  readonly #msPerByte: number
  #sentAt = 0
  #bytes = 0

  constructor(from: Socket, to: Socket, { delayMs, megabitsPerSecond }: LinkOptions) {
    this.#from = from
    this.#to = to
    this.#delayMs = delayMs
    this.#msPerByte = megabitsPerSecond === undefined ? 0 : 8 / (megabitsPerSecond * 1000)
  }

  take(chunk: Buffer): void {
    this.#sentAt = Math.max(now(), this.#sentAt) + chunk.length * this.#msPerByte
    this.#waiting.push({ due: this.#sentAt + this.#delayMs, chunk })
    this.#bytes += chunk.length
    if (this.#bytes > mostUnderWay) this.#from.pause()
  }

  /** Hands on what is due; says when the next is. */
  deliver(): number {
    const at = now()
    for (;;) {
      const next = this.#waiting[0]
      if (next === undefined || next.due > at) return next?.due ?? Number.POSITIVE_INFINITY
      this.#waiting.shift()
      this.#bytes -= next.chunk.length
      this.#to.write(next.chunk)
      if (this.#bytes <= mostUnderWay) this.#from.resume()
    }
  }
}

/** Opens a link; at a free port of this machine unless told. */
export const openLink = async (options: LinkOptions): Promise<RunningLink> => {
  const directions = new Set<Direction>()
  const sockets = new Set<Socket>()
  let next = Number.POSITIVE_INFINITY
  const deliver = () => {
    let due = Number.POSITIVE_INFINITY
    for (const direction of directions) due = Math.min(due, direction.deliver())
    next = due
    alarm.at(due)
  }
  const alarm = new Alarm(deliver)
  const pass = (from: Socket, to: Socket) => {
    const direction = new Direction(from, to, options)
    directions.add(direction)
    sockets.add(from)
    from.setNoDelay(true)
    from.on("data", (chunk: Buffer) => {
      direction.take(chunk)
      const due = direction.deliver()
      if (due < next) {
        next = due
        alarm.at(due)
      }
    })
    from.on("error", () => {})
    from.on("close", () => {
      directions.delete(direction)
      sockets.delete(from)
      to.destroy()
    })
  }
  const server = createServer((inside) => {
    const outside = connect(options.to.port, options.to.host)
    pass(inside, outside)
    pass(outside, inside)
  })
  server.listen(options.listen?.port ?? 0, options.listen?.host ?? "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      alarm.close()
    }
  }
}

const address = (text: string) => {
  const [host = "", port = ""] = text.split(":")
  return { host, port: Number(port) }
}

const [, script, listen, to, delayMs, megabits] = process.argv
if (script !== undefined && import.meta.url === pathToFileURL(script).href && delayMs !== undefined) {
  await openLink({
    listen: address(listen!),
    to: address(to!),
    delayMs: Number(delayMs),
    ...(megabits === undefined ? {} : { megabitsPerSecond: Number(megabits) })
  })
  console.log(`${listen} – ${to}: ${delayMs} ms one way`)
}
