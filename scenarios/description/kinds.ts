/** Fields that are one of several kinds, some of them sections with fields of their own. */
import { Either } from "effect"
import { closest } from "../../protocol/data/near-names.ts"
import { AST, JSONSchema, ParseResult, Schema } from "../../protocol/schema.ts"

/** A section among the kinds, and the names of its fields. */
interface Section {
  readonly ast: AST.AST
  readonly fields: ReadonlyArray<string>
}

const sectionsOf = (ast: AST.AST): ReadonlyArray<Section> =>
  (AST.isUnion(ast) ? ast.types : []).flatMap((kind) => {
    const written = AST.isTransformation(kind) ? kind.from : kind
    if (!AST.isTypeLiteral(written)) return []
    return [{ ast: kind, fields: written.propertySignatures.map(({ name }) => String(name)) }]
  })

/** The section that has most of these fields, spelt nearly so: of two the smaller one; the only one there is. */
const nearest = (sections: ReadonlyArray<Section>, names: ReadonlyArray<string>): Section | undefined => {
  if (sections.length === 1) return sections[0]
  const likeness = ({ fields }: Section) =>
    names.reduce((sum, name) => {
      if (fields.includes(name)) return sum + 2
      return closest(name, fields) === undefined ? sum : sum + 1
    }, 0)
  return sections
    .filter((section) => likeness(section) > 0)
    .sort((a, b) => likeness(b) - likeness(a) || a.fields.length - b.fields.length)[0]
}

/**
 * A union that tells what is wrong within a section, a misspelt field or the value of one: of the section that was most
 * likely meant. Of anything else it tells in the union's own sentence what must be there.
 */
export const tellingSections = <A, I>(union: Schema.Schema<A, I>): Schema.Schema<A, I> => {
  const sections = sectionsOf(union.ast)
  const { $schema: _, ...jsonSchema } = JSONSchema.make(union)
  return Schema.transformOrFail(
    Schema.declare((input): input is I => input !== undefined, { jsonSchema }),
    Schema.typeSchema(union),
    {
      strict: true,
      decode: (input, options) => {
        const decoded = ParseResult.decodeUnknownEither(union)(input, options)
        if (Either.isRight(decoded) || typeof input !== "object" || input === null || Array.isArray(input))
          return decoded
        const meant = nearest(sections, Object.keys(input))
        if (meant === undefined) return decoded
        return ParseResult.decodeUnknownEither(Schema.make<A, I>(meant.ast))(input, options)
      },
      encode: (value, options) => ParseResult.encodeEither(union)(value, options)
    }
  )
}
