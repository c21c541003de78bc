/**
 * The parties of the sharing tests: keys from the known-answer vectors, and jobs run in place. Every input and output of a
 * job is cloned, as on its way to a worker thread and back.
 */
import { readFileSync } from "node:fs"
import { Data, Effect, Redacted } from "effect"
import { toBytes } from "../../../protocol/bcp/integers.ts"
import { parametersFromPrimes } from "../../../protocol/bcp/parameters.ts"
import { elementBytes, encodeMasterKey, secretKeyBytes } from "../../../protocol/bcp/wire.ts"
import { jobs } from "../../../protocol/sharing/jobs.ts"
import type { Cloud0Keys, Cloud1Keys } from "../../../protocol/sharing/transformation.ts"
import type { JobInput, JobName, JobOutput, Work } from "../../../protocol/sharing/work.ts"

/** A job threw; the error is inside, as a pool would report it. */
export class JobFailed extends Data.TaggedError("JobFailed")<{
  readonly job: string
  readonly cause: unknown
}> {
  override get message() {
    return `${this.job}: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

/** Runs jobs where it is called. `seen` hears of every job before it runs. */
export const localWork = (seen?: (name: JobName, input: unknown) => void): Work<JobFailed> => ({
  run: <K extends JobName>(name: K, input: JobInput<K>) =>
    Effect.try({
      try: () => {
        seen?.(name, input)
        const job = jobs[name] as (input: JobInput<K>) => JobOutput<K>
        return structuredClone(job(structuredClone(input)))
      },
      catch: (cause) => new JobFailed({ job: name, cause })
    })
})

/** The error a job threw, by its tag. */
export const jobError = (error: unknown): { readonly _tag: string; readonly index?: number } =>
  (error as JobFailed).cause as { readonly _tag: string; readonly index?: number }

export interface TestUser {
  readonly name: string
  readonly publicKey: Uint8Array
  readonly secretKey: Redacted.Redacted<Uint8Array>
}

/** Everybody's keys at a size. 512 bits is insecure, and fast. */
export const parties = (bits: 512 | 2048) => {
  const file = new URL(`../../vectors/bcp-${bits}.json`, import.meta.url)
  const vectors = JSON.parse(readFileSync(file, "utf8")) as {
    readonly p: string
    readonly q: string
    readonly g: string
    readonly userKeys: ReadonlyArray<string>
    readonly userPublicKeys: ReadonlyArray<string>
    readonly unifiedPublicKey: string
  }
  const { parameters, masterKey } = parametersFromPrimes(
    BigInt(vectors.p),
    BigInt(vectors.q),
    BigInt(vectors.g)
  )
  const element = (hex: string) => toBytes(BigInt(hex), elementBytes(parameters))
  const users: ReadonlyArray<TestUser> = vectors.userKeys.map((secretKey, i) => ({
    name: `user${i + 1}`,
    publicKey: element(vectors.userPublicKeys[i]!),
    secretKey: Redacted.make(toBytes(BigInt(secretKey), secretKeyBytes(parameters)))
  }))
  const cloud1: Cloud1Keys = {
    parameters,
    unifiedPublicKey: element(vectors.unifiedPublicKey),
    mode: "short"
  }
  const cloud0: Cloud0Keys = { ...cloud1, masterKey: Redacted.make(encodeMasterKey(parameters, masterKey)) }
  return { parameters, users, cloud0, cloud1 }
}

/** Words as little-endian bytes. */
export const wordsOf = (values: Iterable<bigint>): Uint8Array =>
  new Uint8Array(BigUint64Array.from([...values].map((value) => BigInt.asUintN(64, value))).buffer)

/** Little-endian bytes as words. */
export const valuesOf = (words: Uint8Array): ReadonlyArray<bigint> =>
  Array.from(new BigUint64Array(new Uint8Array(words).buffer))
