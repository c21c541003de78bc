/**
 * The BCP key of every simulated run: 512 bits and public, so that no seed spends its time on a search for
 * primes. Only the simulator uses it.
 */
import { Effect } from "effect"
import { bytesFrom } from "../../protocol/bcp/integers.ts"
import { shortRandomizerBits } from "../../protocol/bcp/keys.ts"
import { parametersFromPrimes } from "../../protocol/bcp/parameters.ts"
import { ciphertextBytes, plaintextBytes } from "../../protocol/bcp/wire.ts"
import { jobs } from "../../protocol/sharing/jobs.ts"
import type { JobInput, JobName, JobOutput, Work } from "../../protocol/sharing/work.ts"
import { makeVirtualPools } from "../../runtime/virtual/pool.ts"
import type { VirtualRandomness } from "../../runtime/virtual/randomness.ts"
import type { JobFailed } from "../../runtime/work/pool.ts"

const p = 0xc47f836746a457ed1798adfe9e5bc7306a83582d2f25692f079ed5eea3a930f3n
const q = 0xf4e7935a6998de4c0ead71d94a787b67c90243ee9660bc9facd26f5e531cec77n
const g = BigInt(
  "0x5f204d4d4b3cb4203d27cb7363bbb48a75c3435455f31ea67b43157756c58e7b24b4e6c1e6484269ec23897d260635354efb59a15859872480aa6e6539c75e12bb4936e0b68b0099a1379917b00f04f34fd290625dc70011f1f8bc8216ebae8180dc6d505e090b6189e06376cccaba3b2b37d7f9aa5254056c9fd046397f1d8e"
)

/** Bits of the simulated modulus. Simulated agreements ask for it and declare it insecure. */
export const simulatedModulusBits = 512

const key = parametersFromPrimes(p, q, g)

const pools = makeVirtualPools({ ...jobs, newParameters: () => key })

/** The worker pool of one simulated run, which returns this key in place of a new one. */
export const simulatedPool = (
  randomness: VirtualRandomness,
  onDrawn: (bytes: Uint8Array) => void
): Work<JobFailed> => {
  const pool = pools(randomness, onDrawn) as Work<JobFailed>
  return {
    run: (job, input) =>
      Effect.tap(pool.run(job, input), (output) =>
        Effect.sync(() => {
          for (const bytes of derivedIn(job, input, output)) onDrawn(bytes)
        })
      )
  }
}

/** The blinds and randomizers of a job that follow from a key and are not drawn. */
const derivedIn = (job: JobName, input: unknown, output: unknown): ReadonlyArray<Uint8Array> => {
  if (job === "addBlinds") {
    const { blinds } = output as JobOutput<"addBlinds">
    return cut(blinds, plaintextBytes({ bits: simulatedModulusBits }))
  }
  const { randomness } = input as Partial<JobInput<"encryptPacked">>
  if (job !== "encryptPacked" || randomness === undefined) return []
  const { ciphertexts } = output as JobOutput<"encryptPacked">
  const count = ciphertexts.length / ciphertextBytes({ bits: simulatedModulusBits })
  return cut(bytesFrom(randomness)(count * randomizerBytes), randomizerBytes)
}

const randomizerBytes = shortRandomizerBits / 8

const cut = (bytes: Uint8Array, each: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: bytes.length / each }, (_, i) => bytes.slice(i * each, (i + 1) * each))
