/** The warnings and errors that parties log, with whom they are about. */
import { HashMap, Logger } from "effect"

export interface Warning {
  readonly text: string
  /** The party that it names. */
  readonly from: unknown
}

/** A logger in place of the one that prints, and what it has heard. */
export const warnings = () => {
  const heard: Array<Warning> = []
  const logger = Logger.make(({ annotations, logLevel, message }) => {
    if (logLevel.ordinal < 30_000) return
    const from = HashMap.get(annotations, "from")
    heard.push({ text: [message].flat().join(" "), from: from._tag === "Some" ? from.value : undefined })
  })
  return {
    heard,
    layer: Logger.replace(Logger.defaultLogger, logger),
    /** For what is not to be heard: what an attacker logs. */
    unheard: Logger.remove(logger)
  }
}
