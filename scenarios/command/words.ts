/**
 * The words of a command line, looked at before they are parsed: a parser calls an option without its value, or given twice, an
 * unknown argument, and takes the name of an option for a file. Here each of these is called what it is.
 */
import type { Usage } from "@effect/cli/Usage"
import { Data, Option } from "effect"
import { closest } from "../../protocol/data/near-names.ts"
import { beginsWithHome } from "../description/data-path.ts"

/** The words are not those of a command; nothing was done. */
export class WrongWords extends Data.TaggedError("WrongWords")<{
  readonly reason: string
  /** `bicameral`, or with a command, `bicameral run`. */
  readonly help: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.reason}; see ${this.help} --help`
  }
}

/** A value of a word is not understood. The parser has said so on standard error. */
export class ValueRefused extends Data.TaggedError("ValueRefused")<{
  /** What the parser said. */
  readonly said: string
  /** As of `WrongWords`. */
  readonly help: string
}> {
  readonly retryable = false
  override get message(): string {
    return `see ${this.help} --help`
  }
}

interface OptionSyntax {
  /** All that it goes by, `--worker` and `--join`. */
  readonly names: ReadonlyArray<string>
  /** What stands for its value in the help; a flag has none. */
  readonly value: string | undefined
  readonly required: boolean
}

/** A word that is no option. */
interface PlaceSyntax {
  /** `FILE` */
  readonly name: string
  readonly required: boolean
  /** Whether several may stand there; then it is the last. */
  readonly repeats: boolean
}

/** What a command takes, read off its usage. */
interface Syntax {
  readonly options: ReadonlyArray<OptionSyntax>
  readonly places: ReadonlyArray<PlaceSyntax>
}

const syntaxOf = (usage: Usage, required = true): Syntax => {
  switch (usage._tag) {
    case "Named": {
      const { names, acceptedValues } = usage
      if (names[0]?.startsWith("--"))
        return { options: [{ names, value: Option.getOrUndefined(acceptedValues), required }], places: [] }
      const name = /^<(.*)>$/.exec(names[0] ?? "")?.[1]
      return { options: [], places: name === undefined ? [] : [{ name, required, repeats: false }] }
    }
    case "Optional":
      return syntaxOf(usage.usage, false)
    case "Repeated": {
      const { options, places } = syntaxOf(usage.usage, required)
      return { options, places: places.map((place) => ({ ...place, repeats: true })) }
    }
    case "Concat": {
      const [left, right] = [syntaxOf(usage.left, required), syntaxOf(usage.right, required)]
      return { options: [...left.options, ...right.options], places: [...left.places, ...right.places] }
    }
    default:
      return { options: [], places: [] }
  }
}

/** Options that the parser answers itself, with the values that they take; those of any command. */
const builtIn: Readonly<Record<string, ReadonlyArray<string>>> = {
  "--completions": ["sh", "bash", "fish", "zsh"],
  "--log-level": ["all", "trace", "debug", "info", "warning", "error", "fatal", "none"]
}

const isHelp = (word: string): boolean => word === "--help" || word === "-h"

/** Whether the words ask for nothing but what the program says of itself. */
export const asksAboutItself = (words: ReadonlyArray<string>): boolean => {
  const end = words.indexOf("--")
  const before = words.slice(0, end === -1 ? undefined : end)
  return words.length === 0 || before.some((word) => isHelp(word) || word === "--version")
}

/** Who asks for help gets it, whatever else the words are: `run --bogus --help` is that of `run`. */
export const asHelp = (
  commands: ReadonlyArray<string>,
  words: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const end = words.indexOf("--")
  if (!words.slice(0, end === -1 ? undefined : end).some(isHelp)) return words
  return [...words.slice(0, 1).filter((word) => commands.includes(word)), "--help"]
}

/** What is wrong with the words, if anything that can be seen without knowing what the values mean. */
export const wrongWords = (
  usages: ReadonlyMap<string, Usage>,
  words: ReadonlyArray<string>
): WrongWords | undefined => {
  const wrong = (reason: string | undefined, command: string) =>
    reason === undefined ? undefined : new WrongWords({ reason, help: `bicameral${command}` })
  const builtInWrong = wrongBuiltIn(words)
  if (builtInWrong !== undefined) return wrong(builtInWrong, "")
  if (words.some((word) => /^--(help|version|wizard|completions)(=|$)/.test(word))) return undefined
  const [command, ...rest] = withoutLogLevel(words)
  if (command === undefined) return undefined
  const usage = usages.get(command)
  if (usage === undefined) {
    const commands = [...usages.keys()]
    const what = `${JSON.stringify(command)} is no command${orMeant(command, commands)}`
    return wrong(`${what}; choose one of ${commands.join(", ")}`, "")
  }
  return wrong(wrongWith(command, syntaxOf(usage), rest), ` ${command}`)
}

const wrongBuiltIn = (words: ReadonlyArray<string>): string | undefined => {
  if (words.includes("--wizard") && !process.stdin.isTTY)
    return "--wizard asks questions, and standard input is no terminal that could answer"
  for (const [i, word] of words.entries()) {
    const [name = "", value = words[i + 1]] = word.split("=")
    const values = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined
    if (values !== undefined && !values.includes(value ?? ""))
      return `${name} must be one of ${values.join(", ")}`
  }
  return undefined
}

/** The parser takes it out wherever it is. */
const withoutLogLevel = (words: ReadonlyArray<string>): ReadonlyArray<string> =>
  words.filter((word, i) => !/^--log-level(=|$)/.test(word) && words[i - 1] !== "--log-level")

/** Every command has it, and `json.ts` takes it out before the words are parsed. */
const jsonOption: OptionSyntax = { names: ["--json"], value: undefined, required: false }

const wrongWith = (command: string, syntax: Syntax, words: ReadonlyArray<string>) => {
  const { places } = syntax
  const options = [...syntax.options, jsonOption]
  const given = new Set<OptionSyntax>()
  const placed: Array<string> = []
  const rest = words.values()
  for (const word of rest) {
    if (word === "--") {
      placed.push(...rest)
    } else if (!/^-./.test(word)) {
      placed.push(word)
    } else {
      const [name = "", ...value] = word.split("=")
      const option = options.find(({ names }) => names.includes(name))
      if (option === undefined)
        return `${command} has no option ${name}${orMeant(name, namesOf(options))}; it takes ${known(options)}`
      if (given.has(option)) return `${name} is given twice; take one out`
      given.add(option)
      if (option.value === undefined) continue
      const text = value.length > 0 ? value.join("=") : rest.next().value
      if (text === undefined || (value.length === 0 && text.startsWith("--")))
        return `${name} has no value; write ${name} ${option.value}`
      if (text === "") return `the value of ${name} is empty; write ${name} ${option.value}`
      if (paths.has(option.value) && beginsWithHome(text)) return unexpanded(`the value of ${name}`)
    }
  }
  const lacking = options.find((option) => option.required && !given.has(option))
  const misplaced = wrongPlaces(command, places, placed)
  if (misplaced !== undefined) return misplaced
  if (lacking !== undefined) return `${command} needs ${lacking.names[0]} ${lacking.value ?? ""}`.trimEnd()
  return undefined
}

const wrongPlaces = (command: string, places: ReadonlyArray<PlaceSyntax>, placed: ReadonlyArray<string>) => {
  const lacking = places[placed.length]
  if (lacking?.required) return `${command} needs ${lacking.name}`
  if (placed.length > places.length && !places.at(-1)?.repeats)
    return `${JSON.stringify(placed[places.length])} is one word too many: ${command} takes one ${places.map(({ name }) => name).join(" and one ")}; put quotes around a name with spaces`
  const nameOf = (index: number) => places[Math.min(index, places.length - 1)]!.name
  const empty = placed.indexOf("")
  if (empty !== -1) return `${nameOf(empty)} is empty`
  const home = placed.findIndex((word, index) => paths.has(nameOf(index)) && beginsWithHome(word))
  return home === -1 ? undefined : unexpanded(nameOf(home))
}

/** What stands for a path in the help. */
const paths: ReadonlySet<string> = new Set(["FILE", "DIR", "HOSTS"])

const unexpanded = (what: string): string =>
  `${what} begins with ~, which a shell replaces by the home folder only without quotes and behind a space; write the whole path`

const known = (options: ReadonlyArray<OptionSyntax>): string => namesOf(options).join(", ")

const namesOf = (options: ReadonlyArray<OptionSyntax>): ReadonlyArray<string> =>
  options.flatMap(({ names }) => names)

const orMeant = (word: string, words: ReadonlyArray<string>): string => {
  const meant = closest(word, words)
  return meant === undefined ? "" : ` (did you mean ${meant}?)`
}
