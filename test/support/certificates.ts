/** Certificates for one test, made with the `openssl` of this machine: an authority and what it signs. */
import { execFile } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { Effect, type Scope } from "effect"

const run = promisify(execFile)
const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

export interface Signed {
  /** Paths of PEM files. */
  readonly certificate: string
  readonly key: string
}

export interface Authority {
  /** Path of its certificate, PEM. */
  readonly certificate: string
  /** Signs a certificate for names such as `DNS:broker.test` or `IP:127.0.0.1`, for so many days, of which there may be less than none. */
  readonly sign: (names: ReadonlyArray<string>, days?: number) => Effect.Effect<Signed>
}

/** An authority whose files are gone with the scope. */
export const authority: Effect.Effect<Authority, never, Scope.Scope> = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-certificates-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const path = (name: string) => join(folder, name)
  const own = ["-keyout", path("authority.key"), "-out", path("authority.pem")]
  yield* Effect.promise(() =>
    run("openssl", ["req", "-x509", ...newKey, ...own, "-days", "2", "-subj", "/CN=bicameral test authority"])
  )
  let signed = 0
  return {
    certificate: path("authority.pem"),
    sign: (names, days = 2) =>
      Effect.promise(async () => {
        const name = `broker${++signed}`
        const [certificate, key, request, extensions] = ["pem", "key", "csr", "ext"].map((end) =>
          path(`${name}.${end}`)
        ) as [string, string, string, string]
        await run("openssl", ["req", ...newKey, "-keyout", key, "-out", request, "-subj", "/CN=broker"])
        await writeFile(extensions, `subjectAltName=${names.join(",")}\n`)
        const by = ["-CA", path("authority.pem"), "-CAkey", path("authority.key"), "-CAcreateserial"]
        const asked = ["-in", request, "-out", certificate, "-days", `${days}`, "-extfile", extensions]
        await run("openssl", ["x509", "-req", ...by, ...asked])
        return { certificate, key }
      })
  }
})
