/** The agreement for a training on a part of the rows. */
import { type Agreement, sizesFor } from "../../actors/party/agreement.ts"

/**
 * All of these rows are trained on, in batches that they can fill. What the scenario leaves to the number of rows follows
 * from `of`: the rows of which they are a part, where trainings on several parts are compared.
 */
export const forPart = (
  { validation: _, ...agreement }: Agreement,
  rows: number,
  of: number = rows
): Agreement => {
  const batch = Math.min(sizesFor(agreement, of).batch, rows)
  return { ...agreement, training: { ...agreement.training, batch } }
}
