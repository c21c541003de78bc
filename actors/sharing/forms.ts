/** The choice between the two forms of sharing. */
import type { Agreement } from "../party/agreement.ts"
import { hybrid } from "./hybrid.ts"
import { packed } from "./packed.ts"
import type { Sharing } from "./sharing.ts"

/** Both forms, by their names in a scenario. */
const forms: Readonly<Record<"packed" | "hybrid", Sharing>> = { packed, hybrid }

/** The forms that the parties have agreed on. */
export const sharingOf = ({ security }: Agreement): Sharing => ({
  upload: forms[security.upload].upload,
  output: forms[security.output].output
})
