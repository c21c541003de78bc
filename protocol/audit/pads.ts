/**
 * The pads of the training as an audit knows them: words of a generator under k_0 or k_1, by their address. Written
 * after section 5 of docs/concepts/protocol.md and not with `protocol/ring/prg.ts` or
 * `protocol/computation/streams.ts`, whose use of the generator is what is audited: with them, a stream that the
 * program reads twice would be named twice, and rightly so each time.
 */
import { createCipheriv } from "node:crypto"
import { derive } from "../aead.ts"
import { plainBytes, wordBytes } from "../bytes.ts"
import { describeOperation, type Operation } from "../learning/operations.ts"
import { computationVersion } from "../version.ts"

/**
 * What a stream is for; its number in the counter block. What is told to both clouds is a stream of its own, and no pad:
 * each part covers the other, and together they are what is told.
 */
export const padKinds = { told: 0, mask: 1, rounding: 2, "bit masks": 3, dealt: 4, part: 5 } as const
export type PadKind = keyof typeof padKinds

/** One stream of pads. `step` 0 is what is opened once a run. */
export interface PadStream {
  readonly step: number
  readonly operation: Operation
  readonly kind: PadKind
}

/** `mask of openInput of layer 0 in step 0`. */
export const describeStream = ({ step, operation, kind }: PadStream): string =>
  `${kind} of ${describeOperation(operation)} in step ${step}`

const blockBytes = 16

/** The pads of one cloud in a run. */
export class Generator {
  readonly #key: Uint8Array

  /** @param partyKey k_0 or k_1, 16 bytes; `computation` is the name of `Recording` */
  constructor(partyKey: Uint8Array, computation: string) {
    this.#key = derive(partyKey, "", `bicameral prg ${computationVersion} ${computation}`, 16)
  }

  /** `words` words of a stream, little-endian, from the `first`-th. */
  words({ step, operation, kind }: PadStream, words: number, first = 0): Uint8Array {
    const block = new Uint8Array(blockBytes)
    const counter = new DataView(block.buffer)
    const before = first % 2
    ;[step, operation, padKinds[kind], (first - before) / 2].forEach((part, i) => {
      counter.setUint32(4 * i, part)
    })
    const cipher = createCipheriv("aes-128-ctr", this.#key, block)
    return plainBytes(cipher.update(new Uint8Array((before + words) * wordBytes))).subarray(
      before * wordBytes
    )
  }
}

/** The generators of cloud 0 and cloud 1. */
export type Generators = readonly [Generator, Generator]
