/** Checks `NATS_URL`: the address of one broker, without anything secret. */
import { Data, Effect } from "effect"

/** The given text is not a broker's address. `given` omits what may be a password. */
export class BrokerAddressInvalid extends Data.TaggedError("BrokerAddressInvalid")<{
  readonly given: string
  readonly reason: string
  readonly remedy: string
}> {
  readonly retryable = false
  override get message(): string {
    return `NATS_URL=${this.given} is no address of a NATS broker: ${this.reason}; ${this.remedy}`
  }
}

const howToWrite = "write it as nats://HOST:PORT, or as tls://HOST:PORT for a broker with a certificate"

/** An address for people to read, without what stands before an `@`. */
const shown = (given: string): string => given.replace(/^([a-z0-9+.-]*:\/\/)?.*@/i, "$1…@")

/** Other protocols than that of a NATS client, by the scheme of an address. */
const otherSchemes: Readonly<Record<string, string>> = {
  ws: "a websocket is for browsers",
  wss: "a websocket is for browsers",
  http: "that is a web address; the broker's page on port 8222 is for people",
  https: "that is a web address; the broker's page on port 8222 is for people",
  mqtt: "MQTT is another protocol",
  mqtts: "MQTT is another protocol"
}

/** Why a text is not a broker's address, and the remedy; undefined if it is one. */
const wrongWith = (given: string): { readonly reason: string; readonly remedy?: string } | undefined => {
  if (given.trim() === "") return { reason: "it is blank" }
  if (/\s/.test(given)) return { reason: "it has a space in it" }
  if (given.includes(","))
    return { reason: "it names several", remedy: "name one; brokers can be joined (docs/how-to/deploy.md)" }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(given)?.[1]?.toLowerCase()
  if (scheme === undefined) return { reason: "it has no scheme" }
  if (scheme !== "nats" && scheme !== "tls")
    return { reason: otherSchemes[scheme] ?? `"${scheme}" is no scheme of a broker` }
  if (given.includes("@"))
    return {
      reason: "it holds a name or a password",
      remedy:
        "take them out: a party is let in by the NKEY of its identity, which the broker has to know (nats.conf)"
    }
  if (!URL.canParse(given)) return { reason: "its host or port can't be read" }
  const { hostname, pathname, port, search, hash } = new URL(given)
  if (hostname === "") return { reason: "it names no host" }
  if (port === "0") return { reason: "0 is no port to connect to" }
  if ((pathname !== "" && pathname !== "/") || search !== "" || hash !== "")
    return { reason: "something follows the port" }
  return undefined
}

/** The address in the form used from here on, if the text is one. */
export const checkedAddress = (given: string): Effect.Effect<URL, BrokerAddressInvalid> => {
  const wrong = wrongWith(given)
  if (wrong === undefined) return Effect.succeed(new URL(given))
  return new BrokerAddressInvalid({ given: shown(given), remedy: howToWrite, ...wrong })
}
