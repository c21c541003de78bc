/**
 * What proofs of partial decryptions cost beside the partial decryptions themselves: making one and verifying one, for a
 * small model in the packed form and for any model in the hybrid form, on one core.
 */
import { randomBytes } from "node:crypto"
import { type ExponentMode, secretKeyBits } from "../protocol/bcp/keys.ts"
import { outputSlotBits, plaintextsFor } from "../protocol/bcp/packing.ts"
import { generateParameters, type Parameters } from "../protocol/bcp/parameters.ts"
import { firstComponents } from "../protocol/bcp/wire.ts"
import { wordBytes } from "../protocol/bytes.ts"
import { modelWords } from "../protocol/learning/model.ts"
import { challengeBytes, responseBytes, statementDigest } from "../protocol/proofs/equal-logarithms.ts"
import { keyWords } from "../protocol/sharing/hybrid-output.ts"
import { jobs } from "../protocol/sharing/jobs.ts"
import { announceMachine, ratioOf, type Spread, spreadOf, writeFigures } from "./measure.ts"
import { measuredNetworks } from "./networks.ts"

const bits = 2048
const repetitions = 9
const modes: ReadonlyArray<ExponentMode> = ["short", "full"]

interface Row {
  readonly model: string
  readonly mode: ExponentMode
  readonly ciphertexts: number
  /** Milliseconds, for all ciphertexts of the model. */
  readonly partialDecryptions: Spread
  readonly proving: Spread
  readonly verifying: Spread
  /** Of the time of the partial decryptions. */
  readonly provingRatio: Spread
  readonly verifyingRatio: Spread
  readonly proofBytes: number
}

const timed = <A>(work: () => A): readonly [ms: number, result: A] => {
  const start = performance.now()
  const result = work()
  return [performance.now() - start, result]
}

const measure = (parameters: Parameters, model: string, words: number, mode: ExponentMode): Row => {
  const { secretKeys, publicKeys, unifiedPublicKey } = jobs.generateKeys({ parameters, count: 2, mode })
  const secretBits = secretKeyBits(parameters, mode)
  const { ciphertexts } = jobs.encryptPacked({
    parameters,
    publicKey: unifiedPublicKey,
    mode,
    words: new Uint8Array(randomBytes(words * wordBytes)),
    slotBits: outputSlotBits
  })
  const [secretKey, publicKey] = [secretKeys[0]!, publicKeys[0]!]
  const bases = firstComponents(parameters, ciphertexts)
  const product = (statement: Uint8Array, elements: Uint8Array) =>
    jobs.productOfProof({ parameters, statement, first: 0, elements }).product!
  const turn = () => {
    const [decrypting, { partials }] = timed(() =>
      jobs.partialDecrypt({ parameters, secretKey, ciphertexts })
    )
    const claim = { context: new Uint8Array(32), publicKey, bases, powers: partials }
    const [proving, proof] = timed(() => {
      const statement = statementDigest(parameters, claim)
      return jobs.provePartials({
        parameters,
        secretBits,
        statement,
        bases: product(statement, bases),
        secretKey
      })
    })
    const [verifying, { holds }] = timed(() => {
      const statement = statementDigest(parameters, claim)
      const products = { bases: product(statement, bases), powers: product(statement, partials) }
      return jobs.verifyPartials({ parameters, secretBits, statement, publicKey, ...products, proof })
    })
    if (!holds) throw new Error("a proof does not hold")
    return { decrypting, proving, verifying }
  }
  turn()
  const turns = Array.from({ length: repetitions }, turn)
  const decrypting = turns.map((each) => each.decrypting)
  const proving = turns.map((each) => each.proving)
  const verifying = turns.map((each) => each.verifying)
  return {
    model,
    mode,
    ciphertexts: plaintextsFor(words, bits, outputSlotBits),
    partialDecryptions: spreadOf(decrypting),
    proving: spreadOf(proving),
    verifying: spreadOf(verifying),
    provingRatio: ratioOf(proving, decrypting),
    verifyingRatio: ratioOf(verifying, decrypting),
    proofBytes: challengeBytes + responseBytes(secretBits)
  }
}

const print = (rows: ReadonlyArray<Row>): void => {
  console.log(
    `\n${"model".padEnd(14)}${"exponents".padEnd(11)}${"ciphertexts".padStart(11)}${"partial, ms".padStart(20)}${"prove, ms".padStart(20)}${"×".padStart(6)}${"verify, ms".padStart(20)}${"×".padStart(6)}${"bytes".padStart(7)}`
  )
  const spread = ({ median, least, most }: Spread) =>
    `${median.toFixed(1)} (${least.toFixed(1)}–${most.toFixed(1)})`.padStart(20)
  for (const row of rows)
    console.log(
      row.model.padEnd(14) +
        row.mode.padEnd(11) +
        String(row.ciphertexts).padStart(11) +
        spread(row.partialDecryptions) +
        spread(row.proving) +
        row.provingRatio.median.toFixed(2).padStart(6) +
        spread(row.verifying) +
        row.verifyingRatio.median.toFixed(2).padStart(6) +
        String(row.proofBytes).padStart(7)
    )
}

/** Measures at 2048 bits, prints the table, and writes `out/bench/proofs.json`. */
export const run = async (): Promise<void> => {
  const machine = announceMachine()
  console.log(`${bits} bits, one core, medians and spread of ${repetitions} repetitions`)
  const { parameters } = await generateParameters(bits)
  const [small] = measuredNetworks
  const models = [
    [small!.name, modelWords(small!.network)],
    ["hybrid", keyWords]
  ] as const
  const rows = models.flatMap(([name, words]) => modes.map((mode) => measure(parameters, name, words, mode)))
  print(rows)
  writeFigures("proofs", { machine, bits, repetitions, rows })
}
