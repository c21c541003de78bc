/** From `bicameral admit` to the answers: whom all users have signed for is answered by the clouds, and whom one has not by neither. */
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { drawIdentities, identityIn, usersOf } from "../../../actors/party/identities.ts"
import { artifact } from "../../../protocol/artifact.ts"
import { publicTextOf } from "../../../protocol/channels/identity.ts"
import { operator, startOwnBroker } from "../../../runtime/broker/start.ts"
import { startActor } from "../../../runtime/processes/process.ts"
import { stateKeyVariable } from "../../../runtime/storage/state-key.ts"
import { runGateway } from "../../../scenarios/command/ask.ts"
import { stateKeysIn } from "../../../scenarios/folders/kept-credentials.ts"
import { endedRunIn, partiesEntry } from "../../../scenarios/folders/out-folder.ts"
import { identityVariable } from "../../../scenarios/run/identities.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import { withEnvironment } from "../../support/environment.ts"
import { identitiesGiven, listUsers, partiesListed } from "../../support/identities-given.ts"
import { command } from "../../support/in-process.ts"
import { patienceMs } from "../../support/patience.ts"
import { silent, splits, writeScenario } from "../../support/small-scenario.ts"
import { started } from "./started.ts"

const identities = drawIdentities(operator)

/** A run of parties that their scenario lists, over a broker that knows them, and the files of those who sign and ask. */
const ended = Effect.gen(function* () {
  const { file, folder, out } = yield* writeScenario(splits.rows, {
    model: "both",
    parties: partiesListed(identities),
    training: { epochs: 2, batch: 8, rate: 0.25 }
  })
  yield* listUsers(file, identities)
  const { url } = yield* startOwnBroker({ credentials: usersOf(identities) })
  yield* withEnvironment({ NATS_URL: url, ...identitiesGiven(identities) })
  yield* runScenario({ file, out, transport: "nats", seed: Option.none(), display: silent })
  const { run } = yield* endedRunIn(out)
  const identity = (actor: string) => join(folder, `${actor}.identity`)
  yield* Effect.promise(async () => {
    for (const actor of ["user1", "user2", "user3", "asker1"]) {
      await writeFile(identity(actor), `${Redacted.value(identities[actor]!)}\n`)
      await chmod(identity(actor), 0o600)
    }
  })
  return { file, folder, identity, out, run, url }
})

/** A party of the served model, as its owner starts it. */
const party = (
  { file, out, run, url }: Effect.Effect.Success<typeof ended>,
  role: "kgc" | "cloud0" | "cloud1",
  admissions: string
) =>
  Effect.gen(function* () {
    const key = (yield* stateKeysIn(out))[role]
    return yield* startActor({
      party: role,
      entry: fileURLToPath(artifact("program/main.js")),
      args: [
        ...["actor", role, "--serve", "--scenario", file, "--run", run],
        ...["--state", join(out, partiesEntry, role), "--admissions", admissions]
      ],
      env: { NATS_URL: url },
      secrets: {
        [identityVariable(role)]: identities[role]!,
        ...(key !== undefined && { [stateKeyVariable(role)]: key })
      },
      readyTimeoutMs: patienceMs
    })
  })

describe("an asker that is no user", () => {
  it.scopedLive("is answered once all users have signed, over the gateway and by file", () =>
    Effect.gen(function* () {
      const served = yield* ended
      const { file, folder, identity, out, run } = served
      const admissions = join(folder, "admitted")
      yield* Effect.promise(() => mkdir(admissions))
      const admission = join(admissions, "clinic.json")
      const preparation = (user: string) => join(out, partiesEntry, user, "preparation.json")
      const admit = (user: string, ...words: ReadonlyArray<string>) =>
        command(
          ...["admit", admission, "--scenario", file, "--identity", identity(user)],
          ...["--preparation", preparation(user), ...words]
        )
      const asker = publicTextOf(identityIn(identities, "asker1"))
      yield* admit(
        "user1",
        ...["--run", run, "--as", "asker1", "--asker", asker, "--rows", "100", "--until", "2100-01-01"]
      )
      expect((yield* admit("user2")).printed).toMatch(/^missing {6}west: /m)
      const unsigned = (role: "cloud0" | "cloud1") => Effect.flip(party(served, role, admissions))
      const refusals = yield* Effect.all([unsigned("cloud0"), unsigned("cloud1")], { concurrency: 2 })
      for (const { message } of refusals)
        expect(message).toMatch(/clinic\.json: the asker asker1 is not admitted: user3 has not signed/)
      expect((yield* admit("user3")).printed).toContain("all users have signed")
      const own = join(folder, "clinic.json")
      yield* Effect.promise(async () => writeFile(own, await readFile(admission)))
      const roles = ["kgc", "cloud0", "cloud1"] as const
      yield* Effect.forEach(roles, (role) => party(served, role, admissions), { concurrency: 3 })

      const rows = join(folder, "north-0.csv")
      const labels = (csv: string) => csv.split("\n").map((line) => line.split(",").slice(0, 2))
      const [, ...expected] = labels((yield* command("predict", out, rows)).printed)
      const said = [
        ...["--scenario", file, "--preparation", preparation("user2")],
        ...["--identity", identity("asker1"), "--admission", own]
      ]
      const asked = yield* command("ask", rows, ...said)
      expect(asked).toMatchObject({ status: 0, complained: "" })
      expect(labels(asked.printed).slice(1)).toEqual(expected)

      const base = yield* started(
        runGateway({
          ...{ scenario: file, preparation: preparation("user2"), names: [], open: false },
          ...{ identity: Option.some(identity("asker1")), admission: Option.some(own) },
          ...{ as: Option.none(), run: Option.none(), seed: Option.none(), reopens: Option.none() },
          place: { host: "127.0.0.1", port: 0 }
        })
      )
      const [header = "", ...lines] = (yield* Effect.promise(() => readFile(rows, "utf8"))).trim().split("\n")
      const names = header.split(",")
      const answer = yield* Effect.promise(async () => {
        const response = await fetch(`${base}/predict`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            rows: lines.map((line) => Object.fromEntries(line.split(",").map((cell, i) => [names[i], cell])))
          })
        })
        return (await response.json()) as { predictions: ReadonlyArray<{ id: string; label: string }> }
      })
      expect(answer.predictions.map(({ id, label }) => [id, label])).toEqual(expected)
      const health = yield* Effect.promise(async () => (await fetch(`${base}/health`)).json())
      expect(health).toEqual({ clouds: "reachable", rowsLeft: 100 - 2 * lines.length })
    }).pipe(Effect.provide(nodeContext))
  )
})
