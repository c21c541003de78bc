/**
 * Standard output and standard error as what they are: writes that may fail. A reader goes away, a disk is
 * full, a terminal is closed. None of these is a fault of the program, and none may cost a run its results.
 */
import type { Writable } from "node:stream"
import { getSystemErrorMap, stripVTControlCharacters } from "node:util"
import { Console, Data, Deferred, Effect, FiberId } from "effect"

/** What shells report of a program that SIGPIPE ended. */
const brokenPipeStatus = 141

/** Nobody reads standard output any longer: the program ends without a word, as SIGPIPE would end it. */
export class ReaderGone extends Data.TaggedError("ReaderGone")<object> {
  readonly retryable = false
  readonly exitStatus = brokenPipeStatus
  override get message(): string {
    return ""
  }
}

/** Something that was printed is lost: the disk of a log is full, a terminal is gone. */
export class OutputUnwritable extends Data.TaggedError("OutputUnwritable")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return `standard output can't be written: ${this.reason}; make room or print elsewhere (a run's results are in its out folder all the same)`
  }
}

/** A standard output that is watched. */
export interface WatchedOutput {
  /** Fails as soon as printed output is lost. Never succeeds. */
  readonly lost: Effect.Effect<never, OutputUnwritable>
  /**
   * Interrupts work when the reader goes away. Other losses do not stop it, as its results go elsewhere: if
   * it succeeds, it fails afterwards, so that nobody takes truncated output for the whole.
   */
  readonly during: <A, E, R>(
    work: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | ReaderGone | OutputUnwritable, R>
}

/**
 * Watches standard output, and lets writes to standard error fail in silence: there is nowhere left to report
 * them.
 */
export const watchOutput = (output: Writable, errors: Writable): WatchedOutput => {
  const gone = Deferred.unsafeMake<never, ReaderGone>(FiberId.none)
  const lost = Deferred.unsafeMake<never, OutputUnwritable>(FiberId.none)
  errors.on("error", () => undefined)
  output.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") Deferred.unsafeDone(gone, Effect.fail(new ReaderGone()))
    else Deferred.unsafeDone(lost, Effect.fail(new OutputUnwritable({ reason: reasonOf(error) })))
  })
  const failed = Effect.raceFirst(Deferred.await(gone), Deferred.await(lost))
  return {
    lost: Deferred.await(lost),
    during: (work) =>
      Effect.raceFirst(work, Deferred.await(gone)).pipe(
        Effect.zipLeft(Effect.raceFirst(failed, written(output)))
      )
  }
}

/** In the system's words: `no space left on device (ENOSPC)`. */
const reasonOf = ({ errno, code, message }: NodeJS.ErrnoException): string => {
  const [, words] = (errno === undefined ? undefined : getSystemErrorMap().get(errno)) ?? []
  return words === undefined ? message : `${words} (${code})`
}

/** Waits until all printed output is written. After an error the stream may never report that. */
const written = (output: Writable): Effect.Effect<void> =>
  Effect.async((resume) => {
    output.write("", () => setImmediate(() => resume(Effect.void)))
  })

/** Whether a stream is a terminal with colours, and the user wants them (https://no-color.org). */
export const showsColours = (
  { isTTY = false }: { readonly isTTY?: boolean },
  { TERM, NO_COLOR = "" }: { readonly TERM?: string; readonly NO_COLOR?: string }
): boolean => isTTY && TERM !== "dumb" && NO_COLOR === ""

/** Removes colours from printed text where they would show as characters. */
export const withPlainText =
  (coloured: { readonly output: boolean; readonly errors: boolean }) =>
  <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Console.consoleWith((console) => {
      const plain = (words: ReadonlyArray<unknown>) =>
        words.map((word) => (typeof word === "string" ? stripVTControlCharacters(word) : word))
      return Console.withConsole(work, {
        ...console,
        log: (...words) => console.log(...(coloured.output ? words : plain(words))),
        error: (...words) => console.error(...(coloured.errors ? words : plain(words)))
      })
    })
