import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { add, InvalidCiphertext } from "../../../protocol/bcp/ciphertext.ts"
import { ciphertextBytes, decodeCiphertexts, encodeCiphertexts } from "../../../protocol/bcp/wire.ts"
import { Cloud1 } from "../../../protocol/ciphertexts/cloud1.ts"
import {
  openCellsAtC0,
  openCellsAtC1,
  splitCells,
  uploadSlotsOf
} from "../../../protocol/ciphertexts/data.ts"
import { PackedRefused } from "../../../protocol/ciphertexts/errors.ts"
import { CiphertextParty } from "../../../protocol/ciphertexts/party.ts"
import {
  initialShares,
  layerBytes,
  layersOf,
  outputAtC0,
  sealAtC1
} from "../../../protocol/ciphertexts/state.ts"
import { uploadedIntegers } from "../../../protocol/ciphertexts/uploaded.ts"
import { operation } from "../../../protocol/learning/operations.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import { runPrepared } from "../../../protocol/learning/run.ts"
import { networkOf } from "../learning/example.ts"
import { bytesOf } from "../oblivious-transfer/parties.ts"
import { modelOf, sealed, trainingOf } from "./clouds.ts"

const plan = trainingPlan({
  ...{ network: networkOf([3, 2, 2], "identity"), rows: 6, batch: 4, epochs: 2, learningRate: 0.1 },
  ...{ fractionalBits: 20, momentum: 0.5 }
})
const training = trainingOf(plan)
const parties = async (step = 0) => {
  const { draws, sessions } = await training
  return [new CiphertextParty({ ...sessions[0], step }), new Cloud1({ ...sessions[1], step }, draws)] as const
}

describe("uploaded cells", () => {
  it("are shares over the integers that add up under the encryption, and both clouds get parts of them", async () => {
    const [cloud0, cloud1] = await parties()
    const { parameters } = cloud0.slots
    const slots = uploadSlotsOf(parameters, cloud0.sizes)
    const most = 1n << BigInt(cloud0.sizes.valueBits)
    const cells = fc.sample(fc.array(fc.bigInt(-most, most), { minLength: 5, maxLength: 5 }), {
      numRuns: 3,
      seed: 1
    })
    for (const [user, given] of [...cells, [most, -most, 0n]].entries()) {
      const source = bytesOf(user)
      const shares = splitCells(slots, uploadedIntegers(plan.fractionalBits), given, source)
      const encrypted = await Promise.all(
        shares.map(async (plaintexts) =>
          decodeCiphertexts(parameters, await cloud0.work.encrypt({ plaintexts, key: source(16) }))
        )
      )
      const sums = encrypted[0]!.map((x, i) => add(parameters, x, encrypted[1]![i]!))
      const uploaded = { user, cells: given.length }
      const { results } = await runPrepared(
        openCellsAtC0(cloud0, uploaded),
        openCellsAtC1(cloud1, uploaded, encodeCiphertexts(parameters, sums))
      )
      expect(results[0].values.map((part, i) => part + results[1].values[i]!)).toEqual(given)
    }
  })
})

describe("what rests at C1", () => {
  it("is stored and read again, and is the sum of both clouds' first shares", async () => {
    const given = await training
    const shares = [0, 1].map((i) => initialShares(plan, new Uint8Array(16).fill(i)))
    const layers = await sealed(given, [shares[0]!, shares[1]!])
    const bytes = await layerBytes(layers[1])
    const [, cloud1] = await parties()
    const again = layersOf(cloud1, plan, bytes)!
    expect(again.map(({ velocity }) => velocity !== undefined)).toEqual([true, true])
    expect(layersOf(cloud1, plan, bytes.subarray(1))).toBeUndefined()
    const words = shares.map((each) =>
      each.flatMap(({ weights, bias }) => [...weights.values, ...bias.values])
    )
    expect(await modelOf(given, { layers: [layers[0], again] })).toEqual(
      words[0]!.map((word, i) => word + words[1]![i]!)
    )
  })
})

describe("what a peer sends", () => {
  it("is refused where it has another length", async () => {
    const [cloud0] = await parties()
    const output = outputAtC0(cloud0, plan.network)
    output.next([])
    expect(() => output.next([new Uint8Array(7)])).toThrow(PackedRefused)
    expect(
      new PackedRefused({ step: 3, operation: operation("openWeights", 1), expectedBytes: 8, actualBytes: 7 })
        .message
    ).toContain("in step 3: expected 8 bytes")
  })

  it("is refused where it is no ciphertext", async () => {
    const [, cloud1] = await parties()
    const layers = initialShares(plan, new Uint8Array(16))
    const sealing = sealAtC1(cloud1, layers)
    const awaited = sealing.next([])
    if (awaited.done) throw new Error("nothing is awaited")
    const bytes = awaited.value[0]!.receives!
    expect(bytes % ciphertextBytes(cloud1.slots.parameters)).toBe(0)
    const end = sealing.next([new Uint8Array(bytes)])
    if (!end.done) throw new Error("more is awaited")
    await expect(layerBytes(end.value)).rejects.toThrow(InvalidCiphertext)
  })
})
