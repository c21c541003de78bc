/**
 * Which HTTP requests are none of the gateway's business. Whoever reaches it uses the asker's quota and reads its answers, so it
 * listens on the loopback unless told otherwise, and answers only what was meant for it: a page in a browser on this machine
 * can send requests to any name that leads here, and the headers tell. Pure.
 */
import type { Refusal } from "../../runtime/http/server.ts"

/** Where the gateway listens. */
export interface Place {
  readonly host: string
  readonly port: number
}

/** `8080`, `127.0.0.1:8080`, `[::1]:8080`, `0.0.0.0:8080`; undefined for what is no such place. */
export const placeOf = (text: string): Place | undefined => {
  const [, host = "127.0.0.1", digits = ""] = /^(?:(\[[0-9a-f:]+\]|[\w.-]+):)?(\d{1,5})$/i.exec(text) ?? []
  const port = Number(digits)
  return digits === "" || port > 65_535 ? undefined : { host: host.replace(/^\[|\]$/g, ""), port }
}

const loopback = ["localhost", "127.0.0.1", "::1"]
/** Addresses that stand for all of a machine's, so that no client asks for them. */
const any = ["0.0.0.0", "::"]

export const isLoopback = (host: string): boolean =>
  loopback.includes(host) || /^127(\.\d{1,3}){3}$/.test(host)

/** The names by which a gateway may be asked, as its `Host` header has them. */
export const hostsOf = ({ host, port }: Place, names: ReadonlyArray<string>): ReadonlySet<string> => {
  const own = isLoopback(host) ? [...loopback, host] : any.includes(host) ? [] : [host]
  return new Set(
    [...own, ...names].flatMap((name) => {
      const written = name.includes(":") ? `[${name}]` : name.toLowerCase()
      return port === 80 ? [written, `${written}:80`] : [`${written}:${port}`]
    })
  )
}

/** Refuses what was sent to another name, or by a page of another origin. */
export const refusalOf = (hosts: ReadonlySet<string>, headers: Headers): Refusal | undefined => {
  const host = headers.get("host")?.toLowerCase() ?? ""
  const refused = (status: number, _tag: string, message: string) => ({ status, body: { _tag, message } })
  if (!hosts.has(host))
    return refused(
      421,
      "OtherHost",
      "the gateway answers requests to its own address only; start it with --name for another name"
    )
  const origin = headers.get("origin")
  return origin === null || origin === `http://${host}`
    ? undefined
    : refused(
        403,
        "OtherOrigin",
        "the gateway answers no pages of other origins; send requests from a program"
      )
}
