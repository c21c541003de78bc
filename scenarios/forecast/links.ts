/**
 * Between which kinds of parties the messages of a run travel: measured, by their sender and receiver; predicted, by the
 * tag. Requests and replies count for the same link. Pure.
 */
import type { SentTraffic } from "../../actors/director.ts"
import type { PredictedTraffic } from "./tally.ts"

/** Links between kinds of parties, in the order in which they are shown. */
export const links = [
  "cloud 0 and cloud 1",
  "users and cloud 0",
  "users and cloud 1",
  "users among each other",
  "KGC and clouds",
  "KGC and users",
  "director and all others",
  "within a party"
] as const
export type Link = (typeof links)[number]

type Kind = "user" | "kgc" | "cloud0" | "cloud1" | "director"

const kindOf = (actor: string): Kind => (actor.startsWith("user") ? "user" : (actor as Kind))

/** The link that a message takes. Lanes and workers count as their party: `cloud0.l-1` is cloud 0. */
export const linkBetween = (from: string, to: string): Link => {
  const [one, other] = [from, to].map((name) => kindOf(name.replace(/\..*$/, "")))
  const isOf = (...kinds: ReadonlyArray<Kind>) => kinds.includes(one!) && kinds.includes(other!)
  if (one === "director" || other === "director") return "director and all others"
  if (one === other) return one === "user" ? "users among each other" : "within a party"
  if (isOf("cloud0", "cloud1")) return "cloud 0 and cloud 1"
  if (isOf("user", "cloud0")) return "users and cloud 0"
  if (isOf("user", "cloud1")) return "users and cloud 1"
  return isOf("kgc", "user") ? "KGC and users" : "KGC and clouds"
}

/** How many of the messages of a tag take each of its links, where it has several. */
type Shares = ReadonlyMap<Link, number>

const one = (link: Link): Shares => new Map([[link, 1]])
const director = one("director and all others")
const amongUsers = one("users among each other")
const [withCloud0, withCloud1] = [one("users and cloud 0"), one("users and cloud 1")]
const kgcAndClouds = one("KGC and clouds")

const sharesOf = (tag: string, users: number): Shares => {
  // Rounds of training and dealing, of whatever strand.
  if (tag.startsWith("round:")) return one("cloud 0 and cloud 1")
  switch (tag) {
    case "hello":
      // Each party tells all others and the director.
      return new Map<Link, number>([
        ["cloud 0 and cloud 1", 2],
        ["users and cloud 0", 2 * users],
        ["users and cloud 1", 2 * users],
        ["users among each other", users * (users - 1)],
        ["KGC and clouds", 4],
        ["KGC and users", 2 * users],
        ["director and all others", users + 3]
      ])
    case "Enrolment":
      return new Map<Link, number>([
        ["KGC and clouds", 2],
        ["KGC and users", users]
      ])
    case "OpenUpload":
      return new Map<Link, number>([
        ["users and cloud 0", 1],
        ["users and cloud 1", 1]
      ])
    default:
      return sharesByTag.get(tag) ?? director
  }
}

const sharesByTag: ReadonlyMap<string, Shares> = new Map([
  ...["RowSalt", "CommitIds", "RaiseIds", "Declaration", "MaskSecret", "MaskedSums"].map(
    (tag) => [tag, amongUsers] as const
  ),
  ...["PartialDecryptions", "HeldOutCells"].map((tag) => [tag, amongUsers] as const),
  ...["UploadShare0", "UploadRandomness", "ModelDigest"].map((tag) => [tag, withCloud0] as const),
  ...["UploadShare1", "UploadWords1", "FetchModel"].map((tag) => [tag, withCloud1] as const),
  ...["Join", "Reencrypt", "UnifiedShare0", "ModelShare"].map(
    (tag) => [tag, one("cloud 0 and cloud 1")] as const
  ),
  ["Deal", kgcAndClouds]
])

/** Bytes of one link. */
export interface LinkBytes {
  readonly link: Link
  readonly predicted: number
  readonly measured: number
}

/** Predicted and measured bytes of all links that have any, in a run of so many users. */
export const bytesByLink = (
  predicted: ReadonlyArray<PredictedTraffic>,
  measured: ReadonlyArray<SentTraffic>,
  users: number
): ReadonlyArray<LinkBytes> => {
  const found = new Map<Link, { predicted: number; measured: number }>()
  const of = (link: Link) => {
    const bytes = found.get(link) ?? { predicted: 0, measured: 0 }
    found.set(link, bytes)
    return bytes
  }
  for (const { tag, bytes } of predicted) {
    const shares = sharesOf(tag, users)
    const messages = [...shares.values()].reduce((sum, each) => sum + each, 0)
    for (const [link, share] of shares) of(link).predicted += (bytes * share) / messages
  }
  for (const { from, to, bytes } of measured) of(linkBetween(from, to)).measured += bytes
  return links.flatMap((link) => {
    const bytes = found.get(link)
    return bytes === undefined ? [] : [{ link, ...bytes, predicted: Math.round(bytes.predicted) }]
  })
}
