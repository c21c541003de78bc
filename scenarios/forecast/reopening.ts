/** What a training from an archive sends until it trains: keys anew, and the shares back from the archive. */
import { ciphertextBytes, plaintextBytes } from "../../protocol/bcp/wire.ts"
import { Begin, Enrol, Transform } from "../../protocol/messages/control.ts"
import { markBytes, NewPrgKey } from "../../protocol/messages/enrolment.ts"
import { ArchivedShare0, OpenArchive, Reopen } from "../../protocol/messages/transformation.ts"
import type { Scenario } from "../description/schema.ts"
import type { Tally } from "./tally.ts"

/** Whether the KGC is started again, to deal. */
export const kgcReturns = ({ security }: Scenario): boolean => security.dealing !== "clouds"

/** SHA-256, and a key of the PRG. */
const [digestBytes, prgKeyBytes] = [32, 16]

/** Keys: users come for the output alone. */
export const predictNewKeys = (tally: Tally, scenario: Scenario): void => {
  const users = scenario.users.length
  const others = kgcReturns(scenario) ? 3 : 2
  const parties = users + others
  // Each tells all others and the director that it is there, when it comes.
  tally.tell("setup", "hello", parties * parties)
  tally.ask("setup", Begin, others, { requests: 64 * others })
  tally.ask("setup", Enrol, 2)
  if (kgcReturns(scenario))
    tally.ask("setup", NewPrgKey, 2, { requests: 2 * markBytes, replies: 2 * prgKeyBytes })
}

/** The shares of both clouds: so many ciphertexts of each, in so many messages. */
export const predictReopening = (
  tally: Tally,
  { security, users }: Scenario,
  { ciphertexts, messages }: { readonly ciphertexts: number; readonly messages: number }
): void => {
  const pp = { bits: security.modulusBits }
  const bytes = ciphertexts * ciphertextBytes(pp)
  tally.ask("transform", Transform, 2)
  tally.ask("transform", OpenArchive, 1, { requests: digestBytes + 6 * users.length, replies: 0 })
  tally.ask("transform", ArchivedShare0, messages, { requests: bytes })
  if (security.upload === "packed")
    tally.ask("transform", Reopen, messages, {
      requests: bytes,
      replies: ciphertexts * plaintextBytes(pp)
    })
}
