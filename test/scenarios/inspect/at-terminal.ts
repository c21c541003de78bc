/** `bicameral init` at a terminal that is a list of keys. */
import { QuitException, Terminal, type UserInput } from "@effect/platform/Terminal"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Console, Effect, Exit, Layer, Mailbox, Option } from "effect"
import type { InitRequest } from "../../../scenarios/command/commands.ts"
import { initScenario } from "../../../scenarios/command/init.ts"

export const key = (name: string, input?: string): UserInput => ({
  input: Option.fromNullable(input),
  key: { name, ctrl: false, meta: false, shift: false }
})
export const enter = key("enter")
export const typed = (text: string) => [...Array.from(text, (letter) => key(letter, letter)), enter]

/** A terminal at which these keys are pressed, one question after another; then the person leaves. */
const terminalWith = (keys: ReadonlyArray<UserInput>) =>
  Layer.effect(
    Terminal,
    Effect.sync(() => {
      const left = [...keys]
      return Terminal.of({
        columns: Effect.succeed(80),
        rows: Effect.succeed(24),
        isTTY: Effect.succeed(true),
        display: () => Effect.void,
        readLine: Effect.fail(new QuitException()),
        readInput: Effect.gen(function* () {
          const box = yield* Mailbox.make<UserInput>()
          // A question takes keys up to its Enter, and the next one those behind.
          const end = left.findIndex(({ key: { name } }) => name === "enter")
          yield* box.offerAll(end === -1 ? left.splice(0) : left.splice(0, end + 1))
          if (end === -1) yield* box.end
          return box
        })
      })
    })
  )

const nothing: InitRequest = {
  files: [],
  written: {},
  numberRows: false,
  missing: Option.none(),
  leaveOut: Option.none(),
  asText: Option.none(),
  id: Option.none(),
  label: Option.none(),
  users: Option.none(),
  owners: Option.none(),
  heldOut: Option.none(),
  name: Option.none(),
  out: Option.none(),
  yes: false,
  part: false,
  ranges: false,
  join: false
}

/** Runs `init`; gives what it printed, and how it ended. */
export const given = (request: Partial<InitRequest>, keys: ReadonlyArray<UserInput> = []) =>
  Effect.gen(function* () {
    const printed: Array<string> = []
    const console: Console.Console = {
      ...(yield* Console.consoleWith(Effect.succeed)),
      log: (...said) => Effect.sync(() => void printed.push(said.join(" ")))
    }
    const exit = yield* initScenario({ ...nothing, ...request }).pipe(
      Effect.provide(Layer.merge(nodeContext, terminalWith(keys))),
      Effect.withConsole(console),
      Effect.either,
      Effect.exit
    )
    const outcome = Exit.isSuccess(exit) ? exit.value : Exit.isInterrupted(exit) ? "interrupted" : exit.cause
    return { printed: printed.join("\n"), outcome }
  })

export const enters = Array.from({ length: 10 }, () => enter)
