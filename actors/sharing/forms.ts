/** The choice between the forms of sharing. */
import { type Agreement, trainsOnCiphertexts } from "../party/agreement.ts"
import { hybrid } from "./hybrid.ts"
import { integers } from "./integers.ts"
import { packed } from "./packed.ts"
import type { Sharing } from "./sharing.ts"

/** Both forms, by their names in a scenario. */
const forms: Readonly<Record<"packed" | "hybrid", Sharing>> = { packed, hybrid }

/** The forms that the parties have agreed on. */
export const sharingOf = (agreement: Pick<Agreement, "security" | "training">): Sharing => {
  const { fractionalBits, output, upload } = agreement.security
  return {
    upload: trainsOnCiphertexts(agreement) ? integers(fractionalBits) : forms[upload].upload,
    output: forms[output].output
  }
}
