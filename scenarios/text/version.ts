/** The version of the program, from `package.json`, the one place that states it. */
import { readFileSync } from "node:fs"
import { projectRoot } from "../../protocol/artifact.ts"

export const version = (): string => {
  const text = readFileSync(new URL("package.json", projectRoot), "utf8")
  return (JSON.parse(text) as { readonly version: string }).version
}
