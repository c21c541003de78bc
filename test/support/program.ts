/** The built program as a user has it: a process of its own, with what it says and what it leaves behind. */
import { execFile, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { Effect } from "effect"

/** The entry of the built program. */
export const program = fileURLToPath(new URL("../../dist/program/main.js", import.meta.url))

export interface Ended {
  /** The exit status, or the signal that ended it. */
  readonly status: number | string | null
  readonly printed: string
  readonly complained: string
}

export interface Running {
  readonly signal: (signal: NodeJS.Signals) => void
  /** Closes the reading end of its standard output, as `head` does when it has enough. */
  readonly leave: () => void
}

/**
 * Runs `bicameral` to its end, in an environment without any broker's but what `env` adds. `onPrinted` receives all that it
 * has printed when it starts and whenever it prints; whatever is still running when the wait is given up is ended.
 * It writes to the descriptor `stdout` where one is given, and to a pipe that is read here otherwise.
 */
export const bicameral = (
  words: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  onPrinted: (printed: string, running: Running) => void = () => {},
  stdout: number | "pipe" = "pipe"
) => ran(process.execPath, [program, ...words], env, onPrinted, stdout)

/** The same of any program. */
export const ran = (
  command: string,
  words: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  onPrinted: (printed: string, running: Running) => void = () => {},
  stdout: number | "pipe" = "pipe"
) =>
  Effect.async<Ended>((resume) => {
    const { PATH, HOME } = process.env
    const child = spawn(command, words, {
      env: { ...(PATH === undefined ? {} : { PATH }), ...(HOME === undefined ? {} : { HOME }), ...env },
      stdio: ["ignore", stdout, "pipe"]
    })
    let printed = ""
    let complained = ""
    const running = {
      signal: (signal: NodeJS.Signals) => void child.kill(signal),
      leave: () => void child.stdout?.destroy()
    }
    child.on("spawn", () => onPrinted("", running))
    child.stdout?.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
      onPrinted(printed, running)
    })
    child.stderr?.on("data", (chunk: Buffer) => {
      complained += chunk.toString()
    })
    child.on("close", (code, signal) =>
      resume(Effect.succeed({ status: code ?? signal, printed, complained }))
    )
    return Effect.sync(() => child.kill("SIGTERM"))
  })

/** Command lines of all processes of this machine that name a folder. */
export const processesNaming = async (folder: string): Promise<ReadonlyArray<string>> => {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-ww", "-o", "args="], {
    maxBuffer: 16 * 2 ** 20
  })
  return stdout.split("\n").filter((line) => line.includes(folder) && !line.startsWith("ps "))
}
