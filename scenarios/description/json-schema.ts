/** JSON Schemas (draft 7) of the files of this project, by which editors check them. Pure. */
import { JSONSchema, type Schema } from "../../protocol/schema.ts"

/** The JSON Schema of what a file may hold, under a title for people. */
export const jsonSchemaOf = <A, I>(title: string, schema: Schema.Schema<A, I>): object => {
  const { $schema, ...rest } = withoutTitles(JSONSchema.make(schema)) as Record<string, unknown>
  return { $schema, title, ...rest }
}

/**
 * The generator titles every section "Struct (Encoded side)", which would be all that an editor shows of it.
 */
const withoutTitles = (node: unknown): unknown => {
  if (Array.isArray(node)) return node.map(withoutTitles)
  if (typeof node !== "object" || node === null) return node
  const kept = Object.entries(node).filter(([key, child]) => !(key === "title" && typeof child === "string"))
  return Object.fromEntries(kept.map(([key, child]) => [key, withoutTitles(child)]))
}
