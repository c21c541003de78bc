/**
 * The powers of the private join as jobs of a worker pool: about a twentieth of a millisecond for each id. The secret
 * of a user is in its own jobs only.
 */
import { Raiser } from "./points.ts"

/** The points of a user's own ids, raised to its secret: coordinates, one after the other. User. */
const raiseIds = (input: { readonly secret: Uint8Array; readonly ids: ReadonlyArray<string> }) => ({
  points: new Raiser(input.secret).raiseIds(input.ids)
})

/** Points from another user, raised to the own secret. Throws `NoPoint` with the index. User. */
const raisePoints = (input: { readonly secret: Uint8Array; readonly points: Uint8Array }) => ({
  points: new Raiser(input.secret).raiseAll(input.points)
})

/** The jobs of this module, for a worker pool. */
export const jobs = { raiseIds, raisePoints }
