/** The identities of parties as their processes have them in the environment, and as scenarios list them. */
import { readFile, writeFile } from "node:fs/promises"
import { Effect, Redacted } from "effect"
import { type Identities, identityIn } from "../../actors/party/identities.ts"
import { publicTextOf } from "../../protocol/channels/identity.ts"
import { identityVariable } from "../../scenarios/run/identities.ts"

export const identitiesGiven = (identities: Identities): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(identities).map(([actor, secret]) => [identityVariable(actor), Redacted.value(secret)])
  )

/** The section `parties` of a scenario. */
export const partiesListed = (identities: Identities) =>
  Object.fromEntries(
    ["kgc", "cloud0", "cloud1", "director"].map((actor) => [
      actor,
      publicTextOf(identityIn(identities, actor))
    ])
  )

/** Writes the identities of its users into the file of the small scenario, but of those left out. */
export const listUsers = (file: string, identities: Identities, without: ReadonlyArray<string> = []) =>
  Effect.promise(async () => {
    let text = await readFile(file, "utf8")
    for (const [i, name] of ["north", "south", "west"].entries())
      if (!without.includes(name))
        text = text.replace(new RegExp(`^( *- )name: ${name}$`, "m"), (line, dash: string) =>
          [line, `identity: ${publicTextOf(identityIn(identities, `user${i + 1}`))}`].join(
            `\n${" ".repeat(dash.length)}`
          )
        )
    await writeFile(file, text)
  })
