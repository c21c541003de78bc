/**
 * Who there is, where messages to each go, and who may write to whom. A subject is
 * `bicameral.<run>.<to>.<from>.<channel>`; the broker lets an actor write only its own name as `<from>`, so the sender is
 * read off the subject. `nats.conf` states the same permissions for the broker, and a test holds the two together.
 */

export type Role = "kgc" | "cloud0" | "cloud1" | "director" | "user"

export const channels = ["ask", "tell", "reply", "round"] as const
export type Channel = (typeof channels)[number]

/** The most users a run may have: as many as `nats.conf` has entries for. */
export const maxUsers = 16

/** Every actor that may exist, by its name on the wire. */
export const actorNames: ReadonlyArray<string> = [
  "kgc",
  "cloud0",
  "cloud1",
  "director",
  ...Array.from({ length: maxUsers }, (_, k) => `user${k + 1}`)
]

/** The role of an actor, or nothing where nobody has that name. */
export const roleOf = (name: string): Role | undefined => {
  if (!actorNames.includes(name)) return undefined
  return name.startsWith("user") ? "user" : (name as Role)
}

export interface Address {
  readonly run: string
  readonly to: string
  readonly from: string
  readonly channel: Channel
}

/** What a run may be called: it is a part of subjects. */
export const isRunName = (run: string): boolean => /^[A-Za-z0-9-]{1,64}$/.test(run)

export const subjectOf = ({ run, to, from, channel }: Address): string =>
  `bicameral.${run}.${to}.${from}.${channel}`

/** Everything that is sent to an actor in a run: its one subscription. */
export const inboxOf = (run: string, self: string): string => `bicameral.${run}.${self}.>`

/** The parts of a subject, or nothing where it is not one of ours. */
export const parseSubject = (subject: string): Address | undefined => {
  const parts = subject.split(".")
  if (parts.length !== 5 || parts[0] !== "bicameral") return undefined
  const [, run, to, from, channel] = parts as [string, string, string, string, string]
  if (!isRunName(run) || roleOf(to) === undefined || roleOf(from) === undefined) return undefined
  return channels.includes(channel as Channel) ? { run, to, from, channel: channel as Channel } : undefined
}

/**
 * Whom each role asks: the director everybody; users the KGC, both clouds and each other; the clouds the KGC and each other. The
 * KGC asks nobody. C0, who holds the master key, can do no more towards users than reply.
 */
const asks = (from: Role, to: Role): boolean => {
  switch (from) {
    case "director":
      return true
    case "user":
      return to !== "director"
    case "cloud0":
    case "cloud1":
      return to === "kgc" || (to !== from && (to === "cloud0" || to === "cloud1"))
    case "kgc":
      return false
  }
}

/** Whether an actor's role needs to write to another on a channel. Whoever is asked may reply; the director is asked by nobody. */
export const mayPublish = (from: string, to: string, channel: Channel): boolean => {
  const [sender, receiver] = [roleOf(from), roleOf(to)]
  if (sender === undefined || receiver === undefined) return false
  switch (channel) {
    case "ask":
      return asks(sender, receiver)
    case "reply":
      return sender !== "director"
    case "tell":
      return receiver === "director" && (sender === "user" || sender === "cloud0" || sender === "cloud1")
    case "round":
      return (sender === "cloud0" && receiver === "cloud1") || (sender === "cloud1" && receiver === "cloud0")
  }
}

/** Whether an actor may publish on a subject. */
export const mayPublishOn = (self: string, subject: string): boolean => {
  const address = parseSubject(subject)
  return address !== undefined && address.from === self && mayPublish(self, address.to, address.channel)
}

/** Whether an actor may subscribe to a subject, which may hold the wildcards `*` and `>`: only to what is sent to itself. */
export const maySubscribe = (self: string, subject: string): boolean => {
  if (roleOf(self) === undefined) return false
  const [first, run, to, ...rest] = subject.split(".")
  if (first === inboxPrefixOf(self)) return run !== undefined
  return first === "bicameral" && run !== ">" && to === self && rest.length > 0
}

/** The first token of the subjects on which the NATS client itself gets replies; each actor has its own. */
export const inboxPrefixOf = (self: string): string => `_INBOX_${self}`
