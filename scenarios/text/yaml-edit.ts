/** Changes single values of a text in YAML and leaves the rest as it is, comments included. */
import { parseDocument } from "yaml"
import type { Path } from "./yaml.ts"

/** The text with these values at these paths, each in place of what is there. The text has been read before. */
export const withValues = (text: string, values: ReadonlyArray<readonly [Path, string]>): string => {
  const document = parseDocument(text)
  for (const [path, value] of values) document.setIn(path, value)
  return document.toString({ lineWidth: 0 })
}
