/** Control over the processes of a run from outside: what the injected faults and the tests need of it. */
export interface ProcessControl {
  /** Signals the process of an actor, the `director` or the `broker`. Returns whether one was up. */
  readonly signal: (actor: string, signal: NodeJS.Signals) => boolean
}
