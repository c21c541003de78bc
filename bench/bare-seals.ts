/** What sealing alone takes: AES-128-GCM of a step's messages, with nothing of ours around it. */
import { createCipheriv, createDecipheriv } from "node:crypto"
import { planOf } from "../actors/party/agreement.ts"
import { stepCost } from "../protocol/computation/cost.ts"
import { ownProcessorMs } from "./measure.ts"
import { agreementOf, type MeasuredNetwork } from "./networks.ts"

const cipher = "aes-128-gcm"
const key = new Uint8Array(16).fill(1)
const nonce = new Uint8Array(12)
const pieceBytes = 64 * 1024

/** The messages of a step, in bytes: each round both ways, and what the KGC deals. */
const messagesOf = (measured: MeasuredNetwork): ReadonlyArray<number> => {
  const { bytesEachWay, dealtBytes, rounds } = stepCost(planOf(agreementOf(measured), measured.rows))
  return [...new Array<number>(2 * rounds).fill(Math.ceil(bytesEachWay / rounds)), dealtBytes]
}

/** As long as V8 takes to compile what is repeated, and again to measure it. */
const spellMs = 1_000

/** Milliseconds of processor time to seal and open each message of a step once. */
export const bareSealsMs = (measured: MeasuredNetwork): number => {
  const messages = messagesOf(measured)
  const memory = new Uint8Array(Math.max(...messages))
  const once = () => {
    for (const bytes of messages) {
      const message = memory.subarray(0, bytes)
      const sealing = createCipheriv(cipher, key, nonce)
      for (let from = 0; from < bytes; from += pieceBytes)
        message.set(sealing.update(message.subarray(from, from + pieceBytes)), from)
      sealing.final()
      const opening = createDecipheriv(cipher, key, nonce).setAuthTag(sealing.getAuthTag())
      for (let from = 0; from < bytes; from += pieceBytes)
        message.set(opening.update(message.subarray(from, from + pieceBytes)), from)
      opening.final()
    }
  }
  const spell = () => {
    const [begun, before] = [performance.now(), ownProcessorMs()]
    let steps = 0
    for (; performance.now() < begun + spellMs; steps++) once()
    return (ownProcessorMs() - before) / steps
  }
  spell()
  return spell()
}
