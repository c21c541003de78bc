/** What a scenario may not say although each of its parts is valid: a field and what is wrong with it. */
export interface Inconsistency {
  readonly path: ReadonlyArray<PropertyKey>
  /** What is wrong and how to remedy it. */
  readonly message: string
}

/** Indices of the entries that occurred before. */
export const repeated = (names: ReadonlyArray<string>): ReadonlyArray<number> => {
  const seen = new Set<string>()
  return names.flatMap((name, index) => {
    if (seen.has(name)) return [index]
    seen.add(name)
    return []
  })
}
