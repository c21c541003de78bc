/** What tests of JSON Schemas share. */

/** The width of a line, as the formatter has it. */
const lineWidth = 110

/** A schema as its file lays it out: a list stands on one line if it fits. */
export const laidOut = (schema: object): string =>
  `${JSON.stringify(schema, null, 2).replace(
    /^(.*)\[\n\s+([^[\]{}]*?)\n\s+\](,?)$/gm,
    (whole, before: string, items: string, after: string) => {
      const line = `${before}[${items.split(/,\n\s+/).join(", ")}]${after}`
      return line.length <= lineWidth ? line : whole
    }
  )}\n`

/** Paths of the objects that take keys which the schema does not know. */
export const openObjects = (node: unknown, path = ""): ReadonlyArray<string> => {
  if (typeof node !== "object" || node === null) return []
  const object = node as Record<string, unknown>
  const takesAny = typeof object.additionalProperties === "object"
  const closed = object.additionalProperties === false || takesAny || "patternProperties" in object
  const below = Object.entries(object).flatMap(([key, child]) => openObjects(child, `${path}/${key}`))
  return object.type === "object" && !closed ? [path, ...below] : below
}
