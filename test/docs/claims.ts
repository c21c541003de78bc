/** The table of what each party and coalition learns, from the claims that the audit holds runs against. */
import { claims } from "../../protocol/audit/claims.ts"
import { table } from "./markdown.ts"

export const claimTable = (): string =>
  table(
    ["who", "learns at most", "shown by"],
    claims.map(({ who, learns, shownBy }) => [who, learns, shownBy.map(shown).join(", ")])
  )

/** Tests and commands as code, words as they are. */
const shown = (by: string): string => (/^(test\/|npm )/.test(by) ? `\`${by}\`` : by)
