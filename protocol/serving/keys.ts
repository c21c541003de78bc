/**
 * The keys of a session of a served model. The KGC draws two new ones for each session, hands each cloud its own, and
 * forgets both when it ends: after any crash there are other masks, and none is ever used for two values.
 */
import { Prg } from "../ring/prg.ts"

/** The generator of a cloud for a session. */
export const sessionPrg = (key: Uint8Array, session: Uint8Array): Prg =>
  Prg.ofRun(key, `serving ${Buffer.from(session).toString("hex")}`)
