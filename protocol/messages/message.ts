/**
 * The form of a message: a tag and the schema of its content, made into functions between values and bytes.
 * The other files of this folder declare the messages of each phase with `ask` and `tell`; both ends share
 * the declaration.
 */
import { Either } from "effect"
import { plainBytes } from "../bytes.ts"
import { ArrayFormatter, ParseResult, Schema } from "../schema.ts"
import { decode, encode, MalformedMessage } from "./codec.ts"

/** Values of one type to bytes and back; both ways check the schema. */
export interface Format<A> {
  readonly encode: (value: A) => Either.Either<Uint8Array, MalformedMessage>
  readonly decode: (bytes: Uint8Array) => Either.Either<A, MalformedMessage>
  /**
   * Whether the result of `encode` has a buffer of its own, which is freed once it is sent, or lies in the
   * memory offered for it.
   */
  readonly ownBuffer?: boolean
}

/** A request that is answered with an `R`. */
export interface Ask<A, R> {
  readonly kind: "ask"
  readonly tag: string
  readonly payload: Format<A>
  readonly reply: Format<R>
}

/** A message without an answer. */
export interface Tell<A> {
  readonly kind: "tell"
  readonly tag: string
  readonly payload: Format<A>
}

/** Bytes on the wire. Every other typed array is refused, since the packer would cut it. */
export const Bytes: Schema.Schema<Uint8Array> = Schema.declare([], {
  decode: () => (input, _, ast) => checkBytes(input, ast),
  encode: () => (input, _, ast) => checkBytes(input, ast)
}).annotations({ identifier: "Bytes" })

const checkBytes = (input: unknown, ast: ConstructorParameters<typeof ParseResult.Type>[0]) =>
  input instanceof Uint8Array
    ? ParseResult.succeed(plainBytes(input))
    : ParseResult.fail(new ParseResult.Type(ast, input, "only a Uint8Array carries bytes"))

/** Bytes of exactly this length. */
export const BytesOf = (length: number): Schema.Schema<Uint8Array> =>
  Bytes.pipe(Schema.filter((bytes) => bytes.length === length || `${bytes.length} bytes, expected ${length}`))

/** A whole number from 0: sizes, indices, counts. */
export const Count = Schema.Int.pipe(Schema.nonNegative())

/** Declares a request and its reply. `tag` is unique in the project: letters, digits and hyphens. */
export const ask = <A, IA, R, IR>(
  tag: string,
  payload: Schema.Schema<A, IA>,
  reply: Schema.Schema<R, IR>
): Ask<A, R> => ({ kind: "ask", tag, payload: format(tag, payload), reply: format(`reply to ${tag}`, reply) })

/** Declares a message without an answer. */
export const tell = <A, IA>(tag: string, payload: Schema.Schema<A, IA>): Tell<A> => ({
  kind: "tell",
  tag,
  payload: format(tag, payload)
})

/**
 * Where a value does not fit its schema, and how. Never the value itself: it may be secret, and errors
 * travel.
 */
const withoutValues = (error: ParseResult.ParseError): string =>
  ArrayFormatter.formatErrorSync(error)
    .map(({ _tag, path, message }) => {
      // The library's own texts end in the actual value; ours do not.
      const misfit = message.includes("actual ") ? misfits[_tag] : message
      return `${path.length === 0 ? "the message" : path.join(".")}: ${misfit}`
    })
    .join("; ")

const misfits: Readonly<Record<ArrayFormatter.Issue["_tag"], string>> = {
  Type: "is not of its type",
  Missing: "is missing",
  Unexpected: "is not known",
  Forbidden: "is not allowed",
  Pointer: "does not fit",
  Refinement: "is out of its range",
  Transformation: "can't be read",
  Composite: "does not fit"
}

/** Bytes of values of a schema; fields that the schema does not know are refused. */
export const format = <A, I>(what: string, schema: Schema.Schema<A, I>): Format<A> => {
  const options = { onExcessProperty: "error" } as const
  const toWire = Schema.encodeEither(schema, options)
  const fromWire = Schema.decodeUnknownEither(schema, options)
  const refuse = (error: ParseResult.ParseError) =>
    new MalformedMessage({ what, reason: withoutValues(error) })
  return {
    encode: (value) => Either.flatMap(Either.mapLeft(toWire(value), refuse), (wire) => encode(what, wire)),
    decode: (bytes) => Either.flatMap(decode(what, bytes), (wire) => Either.mapLeft(fromWire(wire), refuse))
  }
}
