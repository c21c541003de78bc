/** Faults of a dealing that give something of a key away, put into the program for one test. */
import { vi } from "vitest"
import { DealingParty } from "../../../protocol/dealing/party.ts"
import { Samples } from "../../../protocol/lattice/sampling.ts"
import { Prg } from "../../../protocol/ring/prg.ts"
import { Ring } from "../../../protocol/ring/ring.ts"

type Kernels = Ring["kernels"]

/** Puts kernels in the place of the program's, in every ring that is loaded. */
const withKernels = (change: (real: Kernels, ring: Ring) => Partial<Kernels>): void => {
  const load = Ring.load
  vi.spyOn(Ring, "load").mockImplementation(async () => {
    const ring = await load.call(Ring)
    Object.defineProperty(ring, "kernels", { value: { ...ring.kernels, ...change(ring.kernels, ring) } })
    return ring
  })
}

/** Draws the same for each result: a polynomial of one number everywhere for u, and no flood. */
const withZerosFor = (purpose: "zero" | "flood"): void => {
  const { words } = Samples.prototype
  const { fill } = Prg.prototype
  let zeros = false
  vi.spyOn(Samples.prototype, "words").mockImplementation(function (this: Samples, at, n, of, place, from) {
    zeros = of === purpose
    words.call(this, at, n, of, place, from)
    zeros = false
  })
  vi.spyOn(Prg.prototype, "fill").mockImplementation(function (this: Prg, ring, at, n, stream, place) {
    if (zeros) ring.memory.fill(0, at, at + 8 * n)
    else fill.call(this, ring, at, n, stream, place)
  })
}

export const mutants = {
  "no encryption of zero": {
    make: () => withZerosFor("zero"),
    finds: /^cloud[01]: bytes of the dealing that follow from both keys alone.*; in round 2 of the dealing/
  },
  "no flood": {
    make: () => withZerosFor("flood"),
    finds: /^cloud[01]: noise of a result that is not flooded, and so masks of cloud[01]/
  },
  "no first hash": {
    make: () =>
      withKernels((real, ring) => {
        // Rows under their tweaks are the keys themselves.
        let rows: number | undefined
        return {
          tweakedRows: (inputs, ...of) => {
            rows = inputs
            real.tweakedRows(inputs, ...of)
          },
          tweakedRowPairs: (inputs, ...of) => {
            rows = inputs
            real.tweakedRowPairs(inputs, ...of)
          },
          xor: (out, x, y, words) => {
            if (y === rows) ring.memory.copyWithin(out, y, y + 8 * words)
            else real.xor(out, x, y, words)
            rows = undefined
          }
        }
      }),
    finds: /^cloud[01]: other messages of a transfer than the chosen one; in transfers \d+ of the dealing/
  },
  "no tweak": {
    make: () =>
      withKernels((real) => ({
        padInputs: (inputs, bits, choiceBits, from, n, _number, _place, blocks) =>
          real.padInputs(inputs, bits, choiceBits, from, n, 0n, 0n, blocks),
        chosenPadInputs: (inputs, values, bits, choiceBits, from, n, _number, _place, blocks) =>
          real.chosenPadInputs(inputs, values, bits, choiceBits, from, n, 0n, 0n, blocks)
      })),
    finds: /^cloud[01]: messages of two transfers under one pad; in transfers \d+ of the dealing/
  },
  "a mask used twice": {
    make: () => {
      const { fill } = DealingParty.prototype
      vi.spyOn(DealingParty.prototype, "fill").mockImplementation(function (this: DealingParty, ...of) {
        const [at, words, place, kind] = of
        fill.call(this, at, words, place, kind, 0)
      })
    },
    finds:
      /^cloud[01]: (a mask of the dealing twice.* in word 0 of cloud[01]'s|chosen messages under one mask)/
  },
  "no masks of what goes both ways": {
    make: () => {
      const { fill } = DealingParty.prototype
      vi.spyOn(DealingParty.prototype, "fill").mockImplementation(function (this: DealingParty, ...of) {
        const [at, words, place, kind, from] = of
        if (kind === "crossed") this.ring.memory.fill(0, at, at + 8 * words)
        else fill.call(this, at, words, place, kind, from)
      })
    },
    finds: /^cloud0: a chosen message without a mask of its own/
  }
} as const
