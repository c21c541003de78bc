/**
 * The names of a run, the subjects of messages to each, and who may write to whom. A subject is
 * `bicameral.<run>.<to>.<toMember>.<from>.<fromMember>.<channel>`; the broker lets an actor write only its
 * own name as `<from>`, so the subject tells the sender. `nats.conf` states the same permissions for the
 * broker, and a test compares the two.
 *
 * The KGC and the clouds have process groups: in addition to the main process, called `cloud0`, each may have
 * members, `cloud0.w-3f2a`, with the same identity. On subjects the main process is the member `main`.
 * Everywhere else a name is one string.
 */

export type Role = "kgc" | "cloud0" | "cloud1" | "director" | "user" | "asker"

export const channels = ["ask", "tell", "reply", "round"] as const
export type Channel = (typeof channels)[number]

/** Most users of a run: the number of entries in `nats.conf`. */
export const maxUsers = 16

/** Most askers of a served model that are no users of its run: the number of their entries in `nats.conf`. */
export const maxAskers = 8

/** Every possible actor, by its name on the wire. */
export const actorNames: ReadonlyArray<string> = [
  "kgc",
  "cloud0",
  "cloud1",
  "director",
  ...Array.from({ length: maxUsers }, (_, k) => `user${k + 1}`),
  ...Array.from({ length: maxAskers }, (_, k) => `asker${k + 1}`)
]

/** Whether a name is that of an asker that is no user. */
export const isAsker = (name: string): boolean => name.startsWith("asker") && actorNames.includes(name)

/** The actors whose process group may have members. */
export const actorsWithMembers: ReadonlyArray<string> = ["kgc", "cloud0", "cloud1"]

/** The address of all processes that deal; each request goes to one of them. */
export const dealers = "kgc.deal"

/** An address of several processes of a process group; each request goes to one of them. */
export const isGroup = (name: string): boolean => name === dealers

const main = "main"

/** A name in its two parts; undefined if it is not a possible name. */
const partsOf = (name: string): { readonly actor: string; readonly member: string } | undefined => {
  const dot = name.indexOf(".")
  const [actor, member] = dot === -1 ? [name, main] : [name.slice(0, dot), name.slice(dot + 1)]
  if (!actorNames.includes(actor)) return undefined
  if (dot === -1) return { actor, member }
  const known = isGroup(name) || (actorsWithMembers.includes(actor) && member !== main && isMember(member))
  return known ? { actor, member } : undefined
}

/** `w-` a worker's, `l-` a lane's. */
const isMember = (member: string): boolean => /^[wl]-[a-z0-9]{1,32}$/.test(member)

const nameOf = (actor: string, member: string): string => (member === main ? actor : `${actor}.${member}`)

/** The name of a member of a process group; `id` has 1 to 32 small letters and digits. */
export const memberNamed = (actor: string, kind: "worker" | "lane", id: string): string =>
  `${actor}.${kind[0]}-${id}`

/** The actor of a name, its own or a member's: it has this actor's identity. */
export const actorOf = (name: string): string => {
  const dot = name.indexOf(".")
  return dot === -1 ? name : name.slice(0, dot)
}

/** The role of an actor or member; undefined if the name is not possible. */
const roleOf = (name: string): Role | undefined => {
  const actor = partsOf(name)?.actor
  if (actor === undefined) return undefined
  return actor.startsWith("user") ? "user" : actor.startsWith("asker") ? "asker" : (actor as Role)
}

export interface Address {
  readonly run: string
  readonly to: string
  readonly from: string
  readonly channel: Channel
}

export const longestRunName = 64

/** Whether a text may name a run: the name is a part of subjects. */
export const isRunName = (run: string): boolean => /^[A-Za-z0-9-]+$/.test(run) && run.length <= longestRunName

const onSubject = (name: string): string => (name.includes(".") ? name : `${name}.${main}`)

export const subjectOf = ({ run, to, from, channel }: Address): string =>
  `bicameral.${run}.${onSubject(to)}.${onSubject(from)}.${channel}`

/** All subjects to a name in a run. */
export const inboxOf = (run: string, self: string): string => `bicameral.${run}.${onSubject(self)}.>`

/**
 * The subscriptions of a name in a run, which together match the same. Names that exchange rounds, a cloud's
 * main process or a lane, subscribe to each channel separately, since rounds have a connection of their own.
 */
export const inboxesOf = (run: string, self: string): ReadonlyArray<string> =>
  exchangesRounds(self)
    ? channels.map((channel) => `bicameral.${run}.${onSubject(self)}.*.*.${channel}`)
    : [inboxOf(run, self)]

const exchangesRounds = (self: string): boolean => {
  const { actor, member = "" } = partsOf(self) ?? {}
  return (actor === "cloud0" || actor === "cloud1") && !member.startsWith("w-")
}

/** Whether a subject is one of rounds. */
export const isOfRounds = (subject: string): boolean => subject.endsWith(".round")

/** The parts of a subject; undefined if it is not one of ours. */
export const parseSubject = (subject: string): Address | undefined => {
  const parts = subject.split(".")
  if (parts.length !== 7 || parts[0] !== "bicameral") return undefined
  const [run = "", toActor = "", toMember = "", fromActor = "", fromMember = "", channel = ""] =
    parts.slice(1)
  const [to, from] = [nameOf(toActor, toMember), nameOf(fromActor, fromMember)]
  if (!isRunName(run) || roleOf(to) === undefined || roleOf(from) === undefined || isGroup(from))
    return undefined
  return channels.includes(channel as Channel) ? { run, to, from, channel: channel as Channel } : undefined
}

/**
 * Whether the main process of a role sends requests to that of another: the director to all; users to the
 * KGC, both clouds and each other; askers to both clouds; the clouds to the KGC and each other. The KGC sends
 * none. C0, which holds the master key, asks users nothing. Nobody has anything to ask an asker.
 */
const asks = (from: Role, to: Role): boolean => {
  switch (from) {
    case "director":
      return true
    case "user":
      return to !== "director"
    case "asker":
      return to === "cloud0" || to === "cloud1"
    case "cloud0":
    case "cloud1":
      return to === "kgc" || areClouds(from, to)
    case "kgc":
      return false
  }
}

const areClouds = (one: Role, other: Role): boolean =>
  (one === "cloud0" && other === "cloud1") || (one === "cloud1" && other === "cloud0")

/**
 * Whether a name needs to write to another on a channel. Within a process group all may. Between groups,
 * members reply and exchange rounds, ask the other cloud's members, and C1's members ask the dealing
 * processes of the KGC. A name that receives requests may reply; the director and askers receive none.
 */
export const mayPublish = (from: string, to: string, channel: Channel): boolean => {
  const [sender, receiver] = [partsOf(from), partsOf(to)]
  const [own, other] = [roleOf(from), roleOf(to)]
  if (sender === undefined || receiver === undefined || own === undefined || other === undefined) return false
  if (sender.actor === receiver.actor && actorsWithMembers.includes(sender.actor)) return true
  const mains = sender.member === main && receiver.member === main
  switch (channel) {
    case "ask":
      return areClouds(own, other) || (own === "cloud1" && other === "kgc") || (mains && asks(own, other))
    case "reply":
      return own !== "director" && own !== "asker"
    case "tell":
      return mains && other === "director" && (own === "user" || own === "cloud0" || own === "cloud1")
    case "round":
      return areClouds(own, other)
  }
}

/** Whether an actor, through its main process or a member, may publish on a subject. */
export const mayPublishOn = (self: string, subject: string): boolean => {
  const address = parseSubject(subject)
  return (
    address !== undefined &&
    actorOf(address.from) === actorOf(self) &&
    mayPublish(address.from, address.to, address.channel)
  )
}

/**
 * Whether an actor may subscribe to a subject, which may hold the wildcards `*` and `>`: only to messages to
 * its process group.
 */
export const maySubscribe = (self: string, subject: string): boolean => {
  if (roleOf(self) === undefined) return false
  const [first, run, to, ...rest] = subject.split(".")
  if (first === inboxPrefixOf(self)) return run !== undefined
  return first === "bicameral" && run !== ">" && to === actorOf(self) && rest.length > 0
}

/** The first token of the subjects on which the NATS client itself gets replies; each actor has its own. */
export const inboxPrefixOf = (self: string): string => `_INBOX_${actorOf(self)}`
