/** A run of parties that were invited, each started by one command from its own file, over a broker with TLS. */
import { copyFile, mkdir, readFile, unlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { authority } from "../../support/certificates.ts"
import { brokerFrom, freePort, ownConfiguration } from "../../support/configured-broker.ts"
import { withVariables } from "../../support/environment.ts"
import { command } from "../../support/in-process.ts"
import { bicameral } from "../../support/program.ts"
import { read, runInMemory, splits, writeScenario } from "../../support/small-scenario.ts"

const actors = ["kgc", "cloud0", "cloud1", "director", "user1", "user2", "user3"]
const growers = ["north", "south", "west"]
const fingerprint = /(?:[0-9a-f]{4} ){7}[0-9a-f]{4}/
/** The fingerprint behind these words. */
const behind = (words: string, text: string): string =>
  new RegExp(`${words}:? *(${fingerprint.source})`).exec(text)?.[1] ?? `no ${words} in ${text}`

/** What a command prints in this process, which has to end with this status. */
const said = (status: number, ...words: ReadonlyArray<string>) =>
  Effect.map(withVariables({})(command(...words)), (ended) => toldBy(status, words, ended))

const toldBy = (
  status: number,
  words: ReadonlyArray<string>,
  ended: { readonly status: unknown; readonly printed: string; readonly complained: string }
) => {
  expect(ended.status, `${words.join(" ")}: ${ended.printed}${ended.complained}`).toBe(status)
  return ended.printed + ended.complained
}

/** A folder for each party, as if on a machine of its own, with its data. */
const hosts = (folder: string) =>
  Effect.promise(async () => {
    for (const actor of actors) {
      await mkdir(join(folder, actor))
      const user = actor.startsWith("user") ? growers[Number(actor.slice(4)) - 1]! : undefined
      if (user !== undefined)
        await copyFile(join(folder, `${user}-0.csv`), join(folder, actor, `${user}-0.csv`))
    }
  })

/** Carries the inviter's files to the parties. */
const sent = (folder: string) =>
  Effect.promise(async () => {
    for (const actor of actors)
      await copyFile(join(folder, "out", `${actor}.invitation`), join(folder, actor, `${actor}.invitation`))
  })

describe("parties that are invited", () => {
  it.scopedLive("reply, are accepted, and take part with one command each", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* writeScenario(splits.rows, { seed: 5 })
      const out = join(folder, "out")
      const invitationOf = (actor: string) => join(folder, actor, `${actor}.invitation`)
      const replyOf = (actor: string) => join(folder, actor, `${actor}.reply`)
      yield* runInMemory(file, join(folder, "alone"))
      yield* hosts(folder)
      const { certificate, sign } = yield* authority
      const port = yield* freePort
      const broker = ["--broker", `tls://127.0.0.1:${port}`, "--ca", certificate]
      const invited = yield* said(0, "invite", file, "--out", out, ...broker, "--run", "leaves-1")
      const inviter = behind("such as by telephone", invited)
      expect(invited).toMatch(/user1\.invitation {2}for north: no reply yet/)
      yield* sent(folder)

      // Nobody is believed who was not compared.
      const unasked = yield* said(1, "join", invitationOf("user1"))
      expect(unasked).toMatch(/nobody has compared that: ask who invited you/)
      const wrong = yield* said(
        1,
        "join",
        invitationOf("user1"),
        "--inviter",
        inviter.replace(/^./, (digit) => (digit === "9" ? "8" : "9"))
      )
      expect(wrong).toMatch(/--inviter names another/)

      const replied = yield* Effect.forEach(
        actors,
        (actor) => said(0, "join", invitationOf(actor), "--inviter", inviter),
        { concurrency: 2 }
      )
      const fingerprints = replied.map((text) => behind("over another way", text))
      const unconfirmed = yield* said(1, "invite", file, "--out", out, "--accept", ...actors.map(replyOf))
      expect(unconfirmed).toMatch(/nobody has compared the fingerprints of kgc \(.*nothing was changed/)

      // The last party is late.
      const early = ["--fingerprints", fingerprints.join(","), "--accept"]
      const some = yield* said(0, "invite", file, "--out", out, ...early, ...actors.slice(0, -1).map(replyOf))
      expect(some).toMatch(/user3\.invitation {2}for west: no reply yet/)
      yield* sent(folder)
      expect(yield* said(0, "join", invitationOf("user1"))).toMatch(/waits for user3/)
      const all = yield* said(0, "invite", file, "--out", out, ...early, replyOf("user3"))
      yield* sent(folder)

      // An identity that was renewed has to be accepted again, and knowingly.
      const renewed = yield* said(0, "join", invitationOf("user2"), "--renew")
      const again = ["--fingerprints", behind("over another way", renewed), "--accept", replyOf("user2")]
      expect(yield* said(1, "invite", file, "--out", out, ...again)).toMatch(
        /gives another identity of user2/
      )
      const last = yield* said(0, "invite", file, "--out", out, "--renew", ...again)
      expect(behind("fingerprint of the run", last)).not.toBe(behind("fingerprint of the run", all))
      yield* sent(folder)

      const signed = yield* sign(["IP:127.0.0.1"])
      const tls = `tls { cert_file: "${signed.certificate}", key_file: "${signed.key}" }`
      const variables = (yield* read(out, "broker.env")).trim().split("\n")
      yield* brokerFrom(
        `${ownConfiguration}\n${tls}`,
        Object.fromEntries(variables.map((line) => line.split("=") as [string, string])),
        port
      )

      yield* Effect.promise(() => unlink(join(folder, "user3", "west-0.csv")))
      const examined = yield* said(1, "doctor", invitationOf("user3"), "--json", "--wait", "0")
      expect(examined).toMatch(/"check": "data",\s+"status": "fault"/)
      yield* Effect.promise(() => copyFile(join(folder, "west-0.csv"), join(folder, "user3", "west-0.csv")))
      expect(yield* said(0, "doctor", invitationOf("user3"), "--wait", "0")).toMatch(/ok +permissions/)

      const runs = yield* Effect.forEach(
        actors.map((actor) => ["join", invitationOf(actor)]),
        (words) => Effect.map(bicameral(words), (ended) => toldBy(0, words, ended)),
        { concurrency: "unbounded" }
      )
      for (const text of runs)
        expect(behind("over another way", text)).toBe(behind("fingerprint of the run", last))
      const model = yield* read(folder, "alone", "model.json")
      for (const user of ["user1", "user2", "user3"])
        expect(yield* read(folder, user, `${user}.runs`, "leaves-1", "model.json")).toBe(model)
    })
  )

  it.scopedLive("are refused a changed invitation, and a reply to another", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* writeScenario(splits.rows)
      const out = join(folder, "out")
      const broker = ["--broker", "tls://broker.test:4222"]
      yield* said(0, "invite", file, "--out", out, ...broker, "--format", "systemd")
      expect(yield* read(out, "bicameral-user1.service")).toMatch(/ExecStart=.* join user1\.invitation/)
      const invitation = join(out, "user1.invitation")
      const text = yield* Effect.promise(() => readFile(invitation, "utf8"))
      yield* Effect.promise(() => writeFile(invitation, text.replace("broker.test", "broker.evil")))
      expect(yield* said(1, "join", invitation)).toMatch(/was changed after the inviter signed it/)
      expect(yield* said(1, "doctor", invitation)).toMatch(/FAULT +scenario .*was changed after/)
      expect(yield* said(1, "invite", file, "--out", join(folder, "other"))).toMatch(
        /give --broker tls:\/\/HOST:PORT/
      )
    })
  )
})
