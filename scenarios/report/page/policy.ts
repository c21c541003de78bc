/** What a page's policy permits by its content. */
import { createHash } from "node:crypto"

/** A source of a policy: the digest of a text within the page. */
export const digestSource = (text: string): string =>
  `'sha256-${createHash("sha256").update(text).digest("base64")}'`
