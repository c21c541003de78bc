/** Where the NATS server's program is: on the PATH, or where the installation put it. */
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { projectRoot } from "../../protocol/artifact.ts"

const root = fileURLToPath(projectRoot)

/** The configuration every broker of a run is started with. */
export const brokerConfiguration = join(root, "nats.conf")

/** The same for one that stores the clouds' checkpoints. */
export const storingConfiguration = join(root, "nats-jetstream.conf")

/** Where the installation puts a server. */
export const cachedServer = join(root, "node_modules", ".cache", "bicameral", "nats-server")

export const howToGetOne =
  "Get nats-server from https://nats.io/download and put it on the PATH, or set NATS_URL to a broker that runs with nats.conf."

/** The program to start a broker with, if this machine has one. */
export const findServer = (path = process.env.PATH ?? ""): string | undefined =>
  [
    ...path
      .split(delimiter)
      .filter((folder) => folder !== "")
      .map((folder) => join(folder, "nats-server")),
    cachedServer
  ].find(isExecutable)

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
