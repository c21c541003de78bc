/** The rounds of a training session. */
import {
  CorrectionsRefused,
  MaskReused,
  OpeningRefused,
  RescaleOutOfRange
} from "../../../../protocol/computation/errors.ts"
import type { drivenBy } from "../../../party/driven.ts"

export const computationErrors = [CorrectionsRefused, MaskReused, OpeningRefused, RescaleOutOfRange] as const

/**
 * The phase of a session's rounds; its name tells the rounds of one session from those of another. `epoch` is
 * its number.
 */
export const phaseOf = (epoch: number): string => (epoch === 1 ? "train" : `train.${epoch}`)

export type Drive = ReturnType<typeof drivenBy<typeof computationErrors>>["drive"]
