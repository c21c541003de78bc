/** The questions of `bicameral init`, each with an answer that Enter takes. */
import * as Prompt from "@effect/cli/Prompt"
import { Effect } from "effect"
import { isUserName } from "./user-names.ts"

/** Where the data are. */
export const askFiles = Prompt.text({
  message: "Data files, with commas between them, or their folder",
  default: ".",
  validate: (text) => (text.trim() === "" ? Effect.fail("name a file or a folder") : Effect.succeed(text))
})

/** One of several texts. */
export const askOne = (message: string, choices: ReadonlyArray<string>): Prompt.Prompt<string> =>
  Prompt.select({ message, choices: choices.map((choice) => ({ title: choice, value: choice })) })

/** Names of owners, as many as there are files. */
export const askOwners = (files: ReadonlyArray<string>, names: ReadonlyArray<string>) =>
  Prompt.text({
    message: `Owners of ${files.join(", ")}`,
    default: names.join(", "),
    validate: (text) => {
      const own = namesIn(text)
      const wrong = own.find((name) => !isUserName(name))
      if (own.length !== names.length)
        return Effect.fail(`give ${names.length} names, with commas between them`)
      if (new Set(own).size < own.length) return Effect.fail("give each owner a name of its own")
      return wrong === undefined ? Effect.succeed(text) : Effect.fail(nameRule(wrong))
    }
  }).pipe(Prompt.map(namesIn))

const nameRule = (wrong: string): string =>
  `${wrong} can't be a name: it has at most 40 small letters, digits and hyphens, a letter first`

export const namesIn = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "")

const askNumber = (message: string, proposed: number, must: string, fits: (x: number) => boolean) =>
  Prompt.text({
    message,
    default: String(proposed),
    validate: (text) => (fits(Number(text)) && text.trim() !== "" ? Effect.succeed(text) : Effect.fail(must))
  }).pipe(Prompt.map(Number))

/** To how many owners the rows of a single file are dealt. */
export const askParts = (most: number) =>
  askNumber(
    "A study has two owners or more, and this is one file. To try things out: owners to deal its rows to",
    2,
    `give a whole number from 2 to ${most}`,
    (x) => Number.isInteger(x) && x >= 2 && x <= most
  )

export const askHeldOut = askNumber(
  "Share of the rows to hold out for the test",
  0.2,
  "give a number from 0 to below 1",
  (x) => x >= 0 && x < 1
)

export const askName = (proposed: string) =>
  Prompt.text({
    message: "Name of the scenario",
    default: proposed,
    validate: (text) => (isUserName(text) ? Effect.succeed(text) : Effect.fail(nameRule(text)))
  })
