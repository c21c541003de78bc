/**
 * The phases of a run, in order. Their names appear in progress bars, errors, spans, results and fault plans.
 */
export const phases = ["setup", "upload", "transform", "train", "output"] as const
export type Phase = (typeof phases)[number]
