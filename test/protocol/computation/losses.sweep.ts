/** A million logits through the secure softmax and sigmoid, or a slice of them: how far their probabilities are off. */
import { expect, it } from "vitest"
import { full, seed } from "../../support/sweep.ts"
import { type Classified, fixedOf, floatOf, kinds, logitsOf, worstOf } from "./logits.ts"
import { Pair } from "./pair.ts"

const pair = await Pair.load(2)
const logits = full ? 1_000_000 : 20_000
const most = { sigmoid: 2 ** -14.5, softmax: 2 ** -12 }

for (const [loss, classes] of [
  ["sigmoid", 1],
  ["softmax", 2],
  ["softmax", 3],
  ["softmax", 10],
  ["softmax", 100]
] as const)
  it(`${loss} of ${classes}: probabilities of ${logits} logits are within the bound`, () => {
    const of: Classified = { loss, classes, f: 20 }
    const names = Object.keys(kinds)
    const rows = Math.ceil(logits / names.length / classes)
    const worst = Object.fromEntries(
      names.map((kind, i) => {
        // The reference with the masks of a run, which equals the clouds to the bit.
        let found = 0
        for (let from = 0, step = 1000 * i + 1; from < rows; from += 1000, step++) {
          const z = logitsOf(of, Math.min(1000, rows - from), kind, seed * 1_000_003 + step)
          found = Math.max(found, worstOf(of, fixedOf(pair, of, step, z), floatOf(of, z)))
        }
        return [kind, found]
      })
    )
    const text = Object.entries(worst).map(([kind, error]) => `${kind} 2^${Math.log2(error).toFixed(2)}`)
    console.log(`${loss} of ${classes}: ${text.join(", ")}`)
    for (const [kind, error] of Object.entries(worst)) expect(error, kind).toBeLessThan(most[loss])
  })
