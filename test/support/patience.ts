/** Milliseconds that a test lets something take that is sure to come: a bound for what hangs, which a busy machine does not reach. */
export const patienceMs = 120_000
