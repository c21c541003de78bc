/** All jobs of the worker pools: what a pool, its threads and the workers of a party run. */
import { jobs as ofBcp } from "../bcp/jobs.ts"
import { jobs as ofCiphertexts } from "../ciphertexts/jobs.ts"
import { jobs as ofJoin } from "../join/jobs.ts"
import { jobs as ofProofs } from "../proofs/jobs.ts"

export const jobs = { ...ofBcp, ...ofCiphertexts, ...ofJoin, ...ofProofs }

/** The jobs by name, for typed calls. */
export type Jobs = typeof jobs
