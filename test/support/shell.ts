/** The built program among a shell's other words: pipes, redirections, terminals, another PATH. */
import { spawn } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import type { Ended } from "./program.ts"

const program = fileURLToPath(new URL("../../dist/program/main.js", import.meta.url))

/** Where a command is on this machine. */
export const commandOf = (name: string): string | undefined =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })

/**
 * Runs a line of bash, in which `$bicameral` is the program, without any broker's environment but what `env` adds. All that it
 * has started is ended with the scope.
 */
export const shell = (line: string, env: Readonly<Record<string, string>> = {}) =>
  Effect.async<Ended>((resume) => {
    const { PATH = "", HOME = "/" } = process.env
    const child = spawn("/bin/bash", ["-c", line], {
      env: { PATH, HOME, node: process.execPath, bicameral: `${process.execPath} ${program}`, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true
    })
    let printed = ""
    let complained = ""
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
    })
    child.stderr.on("data", (chunk: Buffer) => {
      complained += chunk.toString()
    })
    child.on("close", (code, signal) =>
      resume(Effect.succeed({ status: code ?? signal, printed, complained }))
    )
    return Effect.sync(() => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
    })
  })
