/** The JSON Schemas (draft 7) by which editors complete and check the files that people write, from the schemas that decode them. */
import { JSONSchema, type Schema } from "../../protocol/schema.ts"
import { Faults } from "./faults.ts"
import { HostsFile } from "./hosts.ts"
import { Whole } from "./schema.ts"

const jsonSchemaOf = <A, I>(title: string, schema: Schema.Schema<A, I>): object => {
  const { $schema, ...rest } = withoutTitles(JSONSchema.make(schema)) as Record<string, unknown>
  return { $schema, title, ...rest }
}

/** The generator titles every section "Struct (Encoded side)", which would be all an editor shows of it. */
const withoutTitles = (node: unknown): unknown => {
  if (Array.isArray(node)) return node.map(withoutTitles)
  if (typeof node !== "object" || node === null) return node
  const kept = Object.entries(node).filter(([key, child]) => !(key === "title" && typeof child === "string"))
  return Object.fromEntries(kept.map(([key, child]) => [key, withoutTitles(child)]))
}

export const scenarioJsonSchema = (): object => jsonSchemaOf("bicameral scenario", Whole)
export const faultsJsonSchema = (): object => jsonSchemaOf("bicameral fault plan", Faults)
export const hostsJsonSchema = (): object => jsonSchemaOf("bicameral file of hosts", HostsFile)
