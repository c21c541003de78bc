import { Writable } from "node:stream"
import { describe, expect, it } from "@effect/vitest"
import { Console, Deferred, Effect, Exit, FiberId } from "effect"
import {
  OutputUnwritable,
  ReaderGone,
  showsColours,
  watchOutput,
  withPlainText
} from "../../../runtime/processes/standard-output.ts"

const failure = (code: string, errno: number) => Object.assign(new Error(`${code}, write`), { code, errno })
const epipe = failure("EPIPE", -32)
const enospc = failure("ENOSPC", -28)

/** An output that fails from some write on, as a pipe or a file of the system does, and never by an exception. */
const failing = (error: Error | undefined, from = 0) => {
  let writes = 0
  const output = new Writable({
    autoDestroy: false,
    write: (_chunk, _encoding, done) => done(error !== undefined && writes++ >= from ? error : null)
  })
  const errors = new Writable({ write: (_chunk, _encoding, done) => done(enospc) })
  return { output, errors, watched: watchOutput(output, errors) }
}

describe("standard output", () => {
  it.effect("lets work through whose output all arrives", () =>
    Effect.gen(function* () {
      const { output, watched } = failing(undefined)
      const printing = Effect.sync(() => output.write("a line\n"))
      expect(yield* watched.during(Effect.as(printing, 7))).toBe(7)
    })
  )

  it.live("ends work at once when its reader goes away, and closes its scopes", () =>
    Effect.gen(function* () {
      const { output, watched } = failing(epipe)
      const closed = Deferred.unsafeMake<boolean>(FiberId.none)
      const endless = Effect.sync(() => output.write("a line\n")).pipe(
        Effect.zipRight(Effect.never),
        Effect.ensuring(Deferred.succeed(closed, true))
      )
      const error = yield* Effect.flip(watched.during(endless))
      expect(error).toBeInstanceOf(ReaderGone)
      expect(error).toMatchObject({ exitStatus: 141, message: "" })
      expect(yield* Deferred.await(closed)).toBe(true)
    })
  )

  it.live("finds out about a last line that nobody read", () =>
    Effect.gen(function* () {
      const { output, watched } = failing(epipe)
      const error = yield* Effect.flip(watched.during(Effect.sync(() => output.write("the result\n"))))
      expect(error).toBeInstanceOf(ReaderGone)
    })
  )

  it.live(
    "does not stop work whose log has no room, and fails after it, naming the cause and the remedy",
    () =>
      Effect.gen(function* () {
        const { output, watched } = failing(enospc)
        let finished = false
        const work = Effect.sync(() => output.write("a line\n")).pipe(
          // After the loss has been reported.
          Effect.zipRight(Effect.exit(watched.lost)),
          Effect.zipRight(
            Effect.sync(() => {
              finished = true
            })
          )
        )
        const error = yield* Effect.flip(watched.during(work))
        expect(finished).toBe(true)
        expect(error).toBeInstanceOf(OutputUnwritable)
        expect(error.message).toMatch(
          /^standard output can't be written: no space left on device \(ENOSPC\); make room or print elsewhere/
        )
      })
  )

  it.live("stops work that gives nothing but its output", () =>
    Effect.gen(function* () {
      const { output, watched } = failing(enospc)
      output.write("a line\n")
      expect(yield* Effect.flip(Effect.raceFirst(Effect.never, watched.lost))).toBeInstanceOf(
        OutputUnwritable
      )
    })
  )

  it.effect("tells the work's own error rather than that of the output", () =>
    Effect.gen(function* () {
      const { output, watched } = failing(enospc)
      const work = Effect.zipRight(
        Effect.sync(() => output.write("a line\n")),
        Effect.fail("its own")
      )
      expect(yield* Effect.exit(watched.during(work))).toEqual(Exit.fail("its own"))
    })
  )

  it.effect("lets complaints fail in silence", () =>
    Effect.gen(function* () {
      const { errors, watched } = failing(undefined)
      expect(yield* watched.during(Effect.sync(() => errors.write("a complaint\n")))).toBeTypeOf("boolean")
    })
  )
})

describe("colours", () => {
  it("are for terminals that have them, and for people who want them", () => {
    const terminal = { isTTY: true }
    expect(showsColours(terminal, { TERM: "xterm-256color" })).toBe(true)
    expect(showsColours(terminal, { NO_COLOR: "" })).toBe(true)
    expect(showsColours(terminal, { NO_COLOR: "1" })).toBe(false)
    expect(showsColours(terminal, { TERM: "dumb" })).toBe(false)
    expect(showsColours({}, { TERM: "xterm-256color" })).toBe(false)
  })

  it.effect("are taken out of what is printed elsewhere", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const console = {
        ...(yield* Console.consoleWith(Effect.succeed)),
        log: (...words: ReadonlyArray<unknown>) => Effect.sync(() => void said.push(`out ${words}`)),
        error: (...words: ReadonlyArray<unknown>) => Effect.sync(() => void said.push(`err ${words}`))
      }
      const bold = "\u001b[0;1mUSAGE\u001b[0m"
      yield* Effect.zipRight(Console.log(bold), Console.error(bold)).pipe(
        withPlainText({ output: false, errors: true }),
        Effect.withConsole(console)
      )
      expect(said).toEqual(["out USAGE", `err ${bold}`])
    })
  )
})
