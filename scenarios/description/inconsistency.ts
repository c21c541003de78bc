/** What a scenario may not say although each of its parts is valid: a field and what is wrong with it. */
export interface Inconsistency {
  readonly path: ReadonlyArray<PropertyKey>
  /** What is wrong and how to remedy it. */
  readonly message: string
}
