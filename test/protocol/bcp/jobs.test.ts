import { randomBytes } from "node:crypto"
import { describe, expect, it } from "vitest"
import { fromBytes, toBytes } from "../../../protocol/bcp/integers.ts"
import { jobs } from "../../../protocol/bcp/jobs.ts"
import {
  ciphertextBytes,
  elementBytes,
  encodeMasterKey,
  firstComponents
} from "../../../protocol/bcp/wire.ts"
import { concatenate } from "../../../protocol/bytes.ts"
import { knownAnswers } from "./known-answers.ts"

const { parameters, masterKey } = knownAnswers(512)
const keyOfC0 = encodeMasterKey(parameters, masterKey)
const unit = ciphertextBytes(parameters)
const half = elementBytes(parameters)
const uploadSlots = { slotBits: 66 }
const outputSlots = { slotBits: 106 }
const count = 100
const randomWords = () => new Uint8Array(randomBytes(8 * count))

/** What a job sees in a worker thread: structured clones. */
const cloned = <A>(value: A): A => structuredClone(value)

const sumOfWords = (...lists: ReadonlyArray<Uint8Array>): Uint8Array => {
  const sum = new Uint8Array(8 * count)
  const view = new DataView(sum.buffer)
  for (let at = 0; at < sum.length; at += 8) {
    const word = lists.reduce((total, list) => total + new DataView(list.buffer).getBigUint64(at, true), 0n)
    view.setBigUint64(at, BigInt.asUintN(64, word), true)
  }
  return sum
}

describe.each(["short", "full"] as const)("jobs, %s exponents", (mode) => {
  const keys = jobs.generateKeys({ parameters, count: 3, mode })
  const [userKey] = keys.publicKeys as [Uint8Array]
  const pk = keys.unifiedPublicKey
  const openJointly = (ciphertexts: Uint8Array, slots: { slotBits: number }) => {
    const partials = keys.secretKeys.map(
      (secretKey) => jobs.partialDecrypt(cloned({ parameters, secretKey, ciphertexts })).partials
    )
    return jobs.combinePartials(cloned({ parameters, ciphertexts, partials, ...slots, count })).words
  }

  it("upload, KeyProd and the archive: words under pk_i become words under pk, and both shares add up", () => {
    const [share0, share1] = [randomWords(), randomWords()]
    const c0 = jobs.encryptPacked(
      cloned({ parameters, publicKey: userKey, mode, words: share0, ...uploadSlots })
    )
    const c1 = jobs.encryptPacked(
      cloned({ parameters, publicKey: userKey, mode, words: share1, ...uploadSlots })
    )
    const opened = jobs.openMaster(
      cloned({ parameters, masterKey: keyOfC0, publicKey: userKey, mode, ...c0, ...uploadSlots, count })
    )
    expect(opened.words).toEqual(share0)
    const kept0 = jobs.encryptPacked(
      cloned({ parameters, publicKey: pk, mode, ...opened, ...uploadSlots, masterKey: keyOfC0 })
    )
    const key = new Uint8Array(randomBytes(16))
    const { blinded, blinds } = jobs.addBlinds(cloned({ parameters, ...c1, key }))
    const { digest: randomness } = jobs.randomnessOf(cloned({ parameters, ...c1 }))
    const request = { parameters, masterKey: keyOfC0, fromKey: userKey, toKey: pk, mode, blinded, randomness }
    const returned = jobs.reencryptUploaded(cloned(request))
    const kept1 = jobs.stripBlind(cloned({ parameters, ...returned, blinds, ...uploadSlots, count }))
    expect(kept1.words).toEqual(share1)
    const sum = jobs.addCiphertexts(cloned({ parameters, left: kept0.ciphertexts, right: kept1.ciphertexts }))
    expect(openJointly(sum.ciphertexts, uploadSlots)).toEqual(sumOfWords(share0, share1))
    // Opening the archive again: C0 sees a blinded value only, and nothing needs encrypting.
    const other = new Uint8Array(randomBytes(16))
    const again = jobs.addBlinds(cloned({ parameters, ciphertexts: kept1.ciphertexts, key: other }))
    const given = jobs.randomnessOf(cloned({ parameters, ciphertexts: returned.ciphertexts }))
    const asked = { parameters, masterKey: keyOfC0, publicKey: pk, mode, blinded: again.blinded }
    const plaintexts = jobs.openBlinded(cloned({ ...asked, randomness: [randomness, given.digest] }))
    expect(() => jobs.openBlinded({ ...asked, randomness: [randomness] })).toThrow(
      expect.objectContaining({ _tag: "OtherRandomness" })
    )
    const words = jobs.stripPlaintexts(
      cloned({ parameters, ...plaintexts, blinds: again.blinds, ...uploadSlots, count })
    )
    expect(words.words).toEqual(share1)
  })

  it("TransDec: words under pk become words under one user's key", () => {
    const words = randomWords()
    const sealed = jobs.encryptPacked({ parameters, publicKey: pk, mode, words, ...uploadSlots })
    const { blinded, blinds } = jobs.blind({ parameters, publicKey: pk, mode, ...sealed })
    const { ciphertexts } = jobs.reencryptBlinded({
      parameters,
      masterKey: keyOfC0,
      fromKey: pk,
      toKey: userKey,
      mode,
      blinded
    })
    const handed = jobs.stripCiphertexts({ parameters, ciphertexts, blinds })
    const partials = [jobs.partialDecrypt({ parameters, secretKey: keys.secretKeys[0]!, ...handed }).partials]
    expect(jobs.combinePartials({ parameters, ...handed, partials, ...uploadSlots, count }).words).toEqual(
      words
    )
  })

  it("output: C1's share and a mask on top of C0's sealed share open to the sum", () => {
    const [share0, share1] = [randomWords(), randomWords()]
    const sealed = jobs.encryptPacked({ parameters, publicKey: pk, mode, words: share0, ...outputSlots })
    const output = jobs.addPacked({
      parameters,
      ...sealed,
      words: share1,
      ...outputSlots,
      maskBits: 40
    })
    expect(openJointly(output.ciphertexts, outputSlots)).toEqual(sumOfWords(share0, share1))
    expect(firstComponents(parameters, output.ciphertexts)).toEqual(
      firstComponents(parameters, sealed.ciphertexts)
    )
    expect(output.ciphertexts.subarray(half, unit)).not.toEqual(sealed.ciphertexts.subarray(half, unit))
  })
})

describe("jobs", () => {
  const mode = "short"
  const keys = jobs.generateKeys({ parameters, count: 2, mode })
  const publicKey = keys.publicKeys[0]!
  const { ciphertexts } = jobs.encryptPacked({
    parameters,
    publicKey,
    mode,
    words: randomWords(),
    ...uploadSlots
  })
  const spoiled = (index: number, at: number, value: bigint) => {
    const copy = ciphertexts.slice()
    copy.set(toBytes(value, half), index * unit + at)
    return copy
  }
  const every = {
    openMaster: (received: Uint8Array) =>
      jobs.openMaster({
        parameters,
        masterKey: keyOfC0,
        publicKey,
        mode,
        ciphertexts: received,
        ...uploadSlots
      }),
    addBlinds: (received: Uint8Array) =>
      jobs.addBlinds({ parameters, ciphertexts: received, key: new Uint8Array(16) }),
    blind: (received: Uint8Array) => jobs.blind({ parameters, publicKey, mode, ciphertexts: received }),
    reencryptBlinded: (received: Uint8Array) =>
      jobs.reencryptBlinded({
        parameters,
        masterKey: keyOfC0,
        fromKey: publicKey,
        toKey: keys.unifiedPublicKey,
        mode,
        blinded: received
      }),
    openBlinded: (received: Uint8Array) =>
      jobs.openBlinded({
        parameters,
        masterKey: keyOfC0,
        publicKey,
        mode,
        blinded: received,
        randomness: []
      }),
    stripCiphertexts: (received: Uint8Array) =>
      jobs.stripCiphertexts({ parameters, ciphertexts: received, blinds: new Uint8Array() }),
    addCiphertexts: (received: Uint8Array) =>
      jobs.addCiphertexts({ parameters, left: ciphertexts, right: received }),
    addPacked: (received: Uint8Array) =>
      jobs.addPacked({
        parameters,
        ciphertexts: received,
        words: randomWords(),
        ...outputSlots,
        maskBits: 40
      }),
    partialDecrypt: (received: Uint8Array) =>
      jobs.partialDecrypt({ parameters, secretKey: keys.secretKeys[0]!, ciphertexts: received }),
    combinePartials: (received: Uint8Array) =>
      jobs.combinePartials({ parameters, ciphertexts: received, partials: [], ...uploadSlots })
  }

  it.each(Object.entries(every))("%s names the index of a ciphertext outside the group", (_, job) => {
    const refusal = expect.objectContaining({ _tag: "InvalidCiphertext", index: 4 })
    expect(() => job(spoiled(4, 0, parameters.N2))).toThrow(refusal)
    expect(() => job(spoiled(4, half, 1n))).toThrow(refusal)
    expect(() => job(spoiled(4, half, masterKey.p * 12n))).toThrow(refusal)
  })

  it.each(Object.entries(every))("%s refuses a message that was cut short", (_, job) => {
    expect(() => job(ciphertexts.subarray(0, ciphertexts.length - 1))).toThrow(
      expect.objectContaining({ _tag: "MalformedBytes", unitBytes: unit })
    )
  })

  it("opening names the index of a ciphertext that gives ⊥", () => {
    const refusal = expect.objectContaining({ _tag: "Undecryptable", index: 3 })
    const noSquare = spoiled(3, 0, parameters.N2 - fromBytes(ciphertexts.subarray(3 * unit, 3 * unit + half)))
    expect(() => every.openMaster(noSquare)).toThrow(refusal)
    expect(() => every.reencryptBlinded(noSquare)).toThrow(refusal)
    const { partials } = every.partialDecrypt(ciphertexts)
    const combine = (list: Uint8Array) =>
      jobs.combinePartials({ parameters, ciphertexts, partials: [list], ...uploadSlots })
    expect(() => combine(partials)).not.toThrow()
    const wrong = partials.slice()
    wrong[3 * half + 20]! ^= 1
    expect(() => combine(wrong)).toThrow(refusal)
    expect(() => combine(partials.subarray(half))).toThrow(RangeError)
  })

  it("encrypting and blinding under a key gives the same bytes again, and others under another key", () => {
    const words = randomWords()
    const encrypt = (randomness: Uint8Array) =>
      jobs.encryptPacked({ parameters, publicKey, mode, words, randomness, ...uploadSlots }).ciphertexts
    const blinded = (key: Uint8Array) => jobs.addBlinds({ parameters, ciphertexts, key }).blinded
    const [one, other] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)]
    for (const make of [encrypt, blinded]) {
      expect(make(one)).toEqual(make(one))
      expect(make(one)).not.toEqual(make(other))
    }
  })

  it("C0 re-encrypts what has the randomness of an upload, and nothing else", () => {
    const { digest: randomness } = jobs.randomnessOf({ parameters, ciphertexts })
    const reencrypt = (blinded: Uint8Array) =>
      jobs.reencryptUploaded({
        parameters,
        masterKey: keyOfC0,
        fromKey: publicKey,
        toKey: keys.unifiedPublicKey,
        mode,
        blinded,
        randomness
      })
    const { blinded } = jobs.addBlinds({ parameters, ciphertexts, key: new Uint8Array(16) })
    expect(() => reencrypt(blinded)).not.toThrow()
    expect(() => reencrypt(ciphertexts)).not.toThrow()
    const others = [
      // Another randomness, one ciphertext or all of them; two in the other order; one fewer; another B.
      every.blind(ciphertexts).blinded,
      spoiled(4, 0, fromBytes(every.blind(ciphertexts).blinded.subarray(4 * unit, 4 * unit + half))),
      concatenate([
        ciphertexts.subarray(unit, 2 * unit),
        ciphertexts.subarray(0, unit),
        ciphertexts.subarray(2 * unit)
      ]),
      ciphertexts.subarray(unit),
      spoiled(4, half, fromBytes(ciphertexts.subarray(half, unit)))
    ]
    for (const other of others)
      expect(() => reencrypt(other)).toThrow(expect.objectContaining({ _tag: "OtherRandomness" }))
  })

  it("a plaintext that is no packing is refused by its index", () => {
    const { blinded } = every.blind(ciphertexts)
    expect(() => every.openMaster(blinded)).toThrow(expect.objectContaining({ _tag: "PlaintextTooWide" }))
  })

  it("masks must be whole bytes and leave the slot two bits for carries", () => {
    const add = (slotBits: number, maskBits: number) =>
      jobs.addPacked({ parameters, ciphertexts, words: randomWords(), slotBits, maskBits })
    expect(() => add(66, 8)).toThrow(RangeError)
    expect(() => add(106, 39)).toThrow(RangeError)
    expect(() => add(128, 56)).toThrow(RangeError)
  })
})
