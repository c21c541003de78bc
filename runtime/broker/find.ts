/**
 * Finds the NATS server's program: on the PATH, or where the installation put it; and checks that it is one.
 */
import { execFile } from "node:child_process"
import { accessSync, constants, statSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { projectRoot } from "../../protocol/artifact.ts"
import { environment } from "../environment.ts"
import { isLateEnough, leastVersion } from "../transport/assumptions.ts"

const root = fileURLToPath(projectRoot)

/** The configuration of every broker that a run starts. */
export const brokerConfiguration = join(root, "nats.conf")

/** The configuration of a broker that stores the clouds' checkpoints. */
export const storingConfiguration = join(root, "nats-jetstream.conf")

/** Where the installation puts a server. */
export const cachedServer = join(root, "node_modules", ".cache", "bicameral", "nats-server")

export const howToGetOne =
  "Get nats-server from https://nats.io/download and put it on the PATH, or set NATS_URL to a broker that runs with nats.conf."

const candidates = (path: string): ReadonlyArray<string> => [
  ...path
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, "nats-server")),
  cachedServer
]

/** The program to start a broker with, if this machine has one. */
export const findServer = (path = environment().PATH ?? ""): string | undefined =>
  candidates(path).find((file) => obstacleAt(file) === undefined)

/** Files with the program's name that are not it, each with the reason. */
export const passedOver = (path = environment().PATH ?? ""): ReadonlyArray<string> =>
  candidates(path).flatMap((file) => {
    const obstacle = obstacleAt(file)
    return obstacle === undefined || obstacle === absent ? [] : [`${file} ${obstacle}`]
  })

const absent = "is not there"

/** Why a file is not an executable program; undefined if it is one. */
const obstacleAt = (file: string): string | undefined => {
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined) return absent
  if (stats.isDirectory()) return "is a folder"
  try {
    accessSync(file, constants.X_OK)
    return undefined
  } catch {
    return "may not be executed"
  }
}

const versionWithinMs = 3_000

/** Why a program is not a usable NATS server, from the version it reports; undefined if it is one. */
export const unfitProgram = (server: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    const options = { timeout: versionWithinMs, killSignal: "SIGKILL", maxBuffer: 64 * 1024 } as const
    execFile(server, ["--version"], options, (error, stdout, stderr) => {
      const version = /nats-server: v(\S+)/.exec(stdout)?.[1]
      if (version !== undefined)
        return resolve(
          isLateEnough(version)
            ? undefined
            : `${server} is nats-server ${version}, and ${leastVersion} or later is needed`
        )
      if (typeof error?.code === "string") return resolve(`${server} can't be run (${error.code})`)
      const said = (stdout + stderr)
        .split(/[^ -~]/)[0]!
        .trim()
        .slice(0, 60)
      resolve(`${server} is no nats-server: to --version it says ${said === "" ? "nothing" : `"${said}"`}`)
    })
  })
