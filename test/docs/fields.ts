/** Tables of the fields of the files that people write, from the schemas that check them. */
import { Option } from "effect"
import { AST, JSONSchema, type Schema } from "../../protocol/schema.ts"
import { table } from "./markdown.ts"

type Json = Readonly<Record<string, unknown>>

interface Field {
  readonly path: string
  readonly type: string
  readonly byDefault: string
  readonly meaning: string
}

/** What is known of the fields by their paths besides the JSON Schema, which describes no section that has defaults. */
interface Known {
  /** As the decoder fills them in; fields that may be left out without any are not there. */
  readonly defaults: Map<string, unknown>
  readonly descriptions: Map<string, string>
}

const knownOf = (
  ast: AST.AST,
  path = "",
  found: Known = { defaults: new Map(), descriptions: new Map() }
): Known => {
  const description = AST.getDescriptionAnnotation(ast)
  if (Option.isSome(description)) found.descriptions.set(path, description.value)
  switch (ast._tag) {
    case "Refinement":
      return knownOf(ast.from, path, found)
    case "Transformation": {
      if (ast.transformation._tag === "TypeLiteralTransformation")
        for (const { from, decode } of ast.transformation.propertySignatureTransformations) {
          const byDefault = decode(Option.none())
          if (Option.isSome(byDefault)) found.defaults.set(below(path, String(from)), byDefault.value)
        }
      return knownOf(ast.from, path, found)
    }
    case "TypeLiteral":
      for (const { name, type } of ast.propertySignatures) knownOf(type, below(path, String(name)), found)
      return found
    case "TupleType":
      for (const { type } of ast.rest) knownOf(type, `${path}[]`, found)
      return found
    case "Union":
      for (const type of ast.types) knownOf(type, path, found)
      return found
    default:
      return found
  }
}

const below = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`)

const number = (value: unknown): string => {
  if (value === Number.MAX_SAFE_INTEGER) return "2^53 − 1"
  if (value === 2 ** 31) return "2^31"
  return typeof value === "number" && value >= 1e4 ? value.toLocaleString("en") : String(value)
}

const bounds = (schema: Json): string => {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema
  const from = exclusiveMinimum === undefined ? minimum : undefined
  const parts = [
    from === undefined ? undefined : maximum === undefined ? `from ${number(from)}` : number(from),
    exclusiveMinimum === undefined ? undefined : `above ${number(exclusiveMinimum)}`,
    maximum === undefined ? undefined : `${from === undefined ? "up " : ""}to ${number(maximum)}`,
    exclusiveMaximum === undefined ? undefined : `to below ${number(exclusiveMaximum)}`
  ].filter((part) => part !== undefined)
  return parts.length === 0 ? "" : `, ${parts.join(" ")}`
}

/** Names are the texts that begin with a small letter. */
const isName = ({ pattern }: Json): boolean => typeof pattern === "string" && pattern.startsWith("^[a-z]")

/** What a field may be, in a few words. */
const typeOf = (schema: Json): string => {
  const { type, enum: choices, anyOf, items, properties } = schema
  if (Array.isArray(choices)) return choices.map((each) => `\`${each}\``).join(", ")
  if (Array.isArray(anyOf)) return anyOf.map((each) => typeOf(each as Json)).join(" or ")
  if (type === "integer") return `whole number${bounds(schema)}`
  if (type === "number") return `number${bounds(schema)}`
  if (type === "string") return isName(schema) ? "name" : "text"
  if (type === "boolean") return "`true` or `false`"
  if (type === "array")
    return Array.isArray(items)
      ? `[${items.map((each) => typeOf(each as Json)).join(", ")}]`
      : `list${items === undefined ? "" : ` of ${length(schema)}${plural(items as Json)}`}`
  if (type === "object") return properties === undefined || isInline(schema) ? inline(schema) : "section"
  return "text"
}

/** How many entries a list may have, where that has an upper bound. */
const length = ({ minItems, maxItems }: Json): string =>
  maxItems === undefined
    ? ""
    : minItems === 0
      ? `at most ${number(maxItems)} `
      : `${number(minItems)} to ${number(maxItems)} `

const plural = (items: Json): string => {
  const { type, properties } = items
  if (type === "array") return `lists of ${plural(items.items as Json)}`
  if (Array.isArray(items.enum)) return typeOf(items)
  if (properties !== undefined) return "sections"
  if (type === "string") return isName(items) ? "names" : "texts"
  if (type === "integer") return `whole numbers${bounds(items)}`
  return typeOf(items)
}

const propertiesOf = (schema: Json): ReadonlyArray<readonly [string, Json]> =>
  Object.entries((schema.properties ?? {}) as Readonly<Record<string, Json>>)

/** A choice among sections, which a table shows in braces and not field by field. */
const isInline = (schema: Json): boolean => propertiesOf(schema).length <= 3 && schema.inline === true
const inline = (schema: Json): string =>
  propertiesOf(schema).length === 0
    ? "section"
    : `\`{ ${propertiesOf(schema)
        .map(([name]) => name)
        .join(", ")} }\``

/** Marks the sections among which a field chooses. */
const withInline = (schema: Json): Json =>
  Array.isArray(schema.anyOf)
    ? {
        ...schema,
        anyOf: schema.anyOf.map((each: Json) => (each.type === "object" ? { ...each, inline: true } : each))
      }
    : schema

const shown = (value: unknown): string => {
  if (Array.isArray(value)) return `\`[${value.map(String).join(", ")}]\``
  if (typeof value === "object" && value !== null) return "its fields' defaults"
  if (value === "") return "empty"
  return `\`${String(value)}\``
}

const fieldsOf = (schema: Json, known: Known, path: string): ReadonlyArray<Field> => {
  const required = new Set((schema.required ?? []) as ReadonlyArray<string>)
  return propertiesOf(schema).flatMap(([name, given]) => {
    const child = withInline(given)
    const at = below(path, name)
    const items = child.type === "array" && !Array.isArray(child.items) ? (child.items as Json) : undefined
    const byDefault = required.has(name)
      ? "required"
      : known.defaults.has(at)
        ? shown(known.defaults.get(at))
        : "optional"
    const field = {
      path: at,
      type: typeOf(child),
      byDefault,
      meaning: meaningOf(child) || (known.descriptions.get(at) ?? "")
    }
    const inner =
      child.type === "object"
        ? fieldsOf(child, known, at)
        : items?.type === "object"
          ? fieldsOf(items, known, `${at}[]`)
          : []
    return [field, ...inner]
  })
}

/** What a field says of itself, without the default that has a column of its own. */
const meaningOf = (schema: Json): string => {
  const said = schema.description ?? (schema.items as Json | undefined)?.description ?? ""
  return String(said).replace(/[;,.] [Dd]efault (?!of)[^;]*$/, "")
}

/** The table of a schema's fields: those of the file itself, or all that are in one of its sections. */
export const fieldTable = <A, I>(schema: Schema.Schema<A, I>, section?: string): string => {
  const known = knownOf(schema.ast)
  const isIn = (path: string) =>
    section === undefined
      ? !/[.[]/.test(path)
      : path.startsWith(`${section}.`) || path.startsWith(`${section}[`)
  return table(
    ["field", "value", "default", "meaning"],
    fieldsOf(JSONSchema.make(schema) as unknown as Json, known, "")
      .filter(({ path }) => isIn(path))
      .map(({ path, type, byDefault, meaning }) => [`\`${path}\``, type, byDefault, meaning])
  )
}
