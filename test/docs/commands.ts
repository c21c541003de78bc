/** The command reference, from the help texts that the program itself prints. */
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Console, Effect } from "effect"
import { commandLine } from "../../scenarios/command/commands.ts"
import { table } from "./markdown.ts"

const nothing = () => Effect.void

/** What the program prints for these words. */
const printed = async (...words: ReadonlyArray<string>): Promise<string> => {
  const lines: Array<string> = []
  const log = (...parts: ReadonlyArray<unknown>) => void lines.push(parts.join(" "))
  const console: Console.Console = {
    ...Effect.runSync(Console.consoleWith(Effect.succeed)),
    log: (...parts) => Effect.sync(() => log(...parts)),
    unsafe: { ...globalThis.console, log }
  }
  const program = commandLine({
    run: nothing,
    deal: nothing,
    train: nothing,
    archive: nothing,
    resume: nothing,
    view: nothing,
    report: () => Effect.succeed({ text: "", value: null }),
    simulate: nothing,
    check: () => Effect.succeed({ text: "", value: null }),
    tune: nothing,
    predict: nothing,
    export: nothing,
    inspect: nothing,
    inspectRun: nothing,
    init: nothing,
    audit: nothing,
    identity: () => Effect.succeed({ text: "", value: null }),
    nkeys: () => Effect.succeed({ text: "", value: null }),
    serve: nothing,
    ask: nothing,
    gateway: nothing,
    admit: () => Effect.succeed({ text: "", value: null }),
    invite: nothing,
    join: nothing,
    doctor: nothing,
    actor: nothing,
    servingActor: nothing,
    member: nothing
  })
  await Effect.runPromise(program(words).pipe(Effect.provide(nodeContext), Effect.withConsole(console)))
  // The library colours its help; documents do not.
  // biome is satisfied by building the control character instead of writing it.
  return lines.join("\n").replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g"), "")
}

/** Sentences of the library that say nothing to a reader. */
const filler = new Set([
  "A user-defined piece of text.",
  "A true or false value.",
  "This setting is optional."
])

/** The paragraphs of a help text by their headings: `USAGE`, `DESCRIPTION`, `ARGUMENTS`, `OPTIONS`, `COMMANDS`. */
const sections = (help: string): ReadonlyMap<string, ReadonlyArray<string>> => {
  const found = new Map<string, Array<string>>()
  let heading = ""
  for (const paragraph of help.split(/\n\n+/).map((each) => each.trimEnd())) {
    if (/^[A-Z]+$/.test(paragraph)) heading = paragraph
    else found.set(heading, [...(found.get(heading) ?? []), paragraph])
  }
  return found
}

/** The entries of a section, each with what is said of it. */
const entries = (paragraphs: ReadonlyArray<string> = []): ReadonlyArray<readonly [string, string]> => {
  const found: Array<[string, Array<string>]> = []
  for (const paragraph of paragraphs) {
    if (!paragraph.startsWith(" ")) found.push([paragraph, []])
    else if (!filler.has(paragraph.trim())) found.at(-1)?.[1].push(paragraph.trim())
  }
  return found.map(([name, said]) => [name.replace(/^\((.*)\)$/, "$1"), said.join(" ")])
}

/** The commands of the program, in the order of its own help. */
const commands = async (): Promise<ReadonlyArray<string>> =>
  (sections(await printed("--help")).get("COMMANDS") ?? []).map(
    (line) => /^ *- (\S+)/.exec(line)?.[1] ?? line
  )

/** One section a command: its usage, what it does, its arguments and options. */
export const commandReference = async (): Promise<string> => {
  const parts: Array<string> = []
  for (const command of await commands()) {
    const help = sections(await printed(command, "--help"))
    const usage = (help.get("USAGE") ?? []).join(" ").replace(/^\$ /, "bicameral ")
    const rows = [...entries(help.get("ARGUMENTS")), ...entries(help.get("OPTIONS"))]
    parts.push(
      `## ${command}`,
      `${(help.get("DESCRIPTION") ?? []).join(" ")}.`,
      `\`\`\`text\n${usage.replaceAll(/\((--\w+), (--\w+)\)/g, "$1|$2")}\n\`\`\``,
      table(
        ["argument or option", "meaning"],
        rows.map(([name, said]) => [`\`${name}\``, said])
      )
    )
  }
  return parts.join("\n\n")
}
