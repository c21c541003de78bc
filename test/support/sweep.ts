/**
 * How much of a generated corpus is tried, and from which seed: the only place in which the sweeps read the environment.
 * `SWEEP=full` takes all of a corpus, `SWEEP_SEED=7` draws its random part from another seed than the usual one, and
 * `SWEEP_CASE=…` tries only the cases whose name has these words, to look at a failure again.
 */

/** Whether all is to be tried, however long it takes, instead of a slice. */
export const full = process.env.SWEEP === "full"

/** What the random part of a corpus is drawn from. */
export const seed = Number(process.env.SWEEP_SEED ?? 1)
if (!Number.isSafeInteger(seed)) throw new Error(`SWEEP_SEED=${process.env.SWEEP_SEED} is no whole number`)

const only = process.env.SWEEP_CASE

/** The command that tries a failed case again, for its message. */
export const again = (script: string, name: string): string =>
  `${full ? "SWEEP=full " : ""}SWEEP_SEED=${seed} SWEEP_CASE='${name.replaceAll("'", "'\\''")}' ${script}`

/** Of the cases those that are asked for: all of a full sweep, else about `most` of them, evenly spread. */
export const slice = <C extends { readonly name: string }>(cases: ReadonlyArray<C>, most: number) => {
  if (only !== undefined) return cases.filter(({ name }) => name.includes(only))
  if (full || cases.length <= most) return cases
  return Array.from({ length: most }, (_, i) => cases[Math.floor((i * cases.length) / most)]!)
}

/** Numbers from 0 to 1 that a seed repeats (mulberry32), and draws from them. */
export const randomOf = (start: number) => {
  let state = start >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let word = Math.imul(state ^ (state >>> 15), 1 | state)
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  const pick = <A>(list: ReadonlyArray<A>): A => list[below(list.length)]!
  const shuffled = <A>(list: ReadonlyArray<A>): ReadonlyArray<A> => {
    const left = [...list]
    return list.map(() => left.splice(below(left.length), 1)[0]!)
  }
  return { next, below, pick, shuffled }
}
