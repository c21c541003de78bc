/** What a scenario has predicted: classes of a column, or numbers. */
import { Either } from "effect"
import type { Label as Described } from "../../protocol/data/description.ts"
import { ParseResult, Schema } from "../../protocol/schema.ts"
import { exactText, interval, list, oneOf, optional, struct } from "./fields.ts"

const Section = struct(
  {
    column: optional(exactText("The column to predict")),
    columns: optional(
      list(
        exactText("A column"),
        1,
        1024,
        "a list of at least one column",
        "Several columns of numbers to predict"
      )
    ),
    values: optional(
      list(
        exactText("A label"),
        2,
        65_536,
        "a list of at least two labels",
        "All labels that the column may have, for classes; the k-th is output k of the network (one-hot). Quote numbers, true and false"
      )
    ),
    range: optional(
      interval("The public [minimum, maximum] of numbers to predict, by which they are scaled")
    ),
    scale: optional(
      oneOf(
        ["standard"],
        "Numbers to predict are scaled by their mean and deviation, which the users find together"
      )
    ),
    type: optional(
      oneOf(
        ["boolean"],
        "The classes no and yes, of a column with words for them, such as true, y or 1, perhaps others at each user"
      )
    )
  },
  (column) => `such as { column: ${column}, values: [no, yes] }`
).annotations({ description: "The label column and its classes; or the numbers to predict" })

type Section = typeof Section.Type

/** The label that a section says, or what is wrong with it. */
const labelOf = ({ column, columns, values, type, range, scale }: Section): Described | string => {
  const names = columns ?? (column === undefined ? [] : [column])
  if (names.length === 0) return "has no column; name the column to predict"
  if (column !== undefined && columns !== undefined)
    return "has both column and columns; leave one of them out"
  if (type !== undefined) {
    if (values !== undefined || range !== undefined || scale !== undefined)
      return "has type boolean, whose classes are no and yes; leave values, range and scale out"
    if (column === undefined)
      return "has classes of several columns; only numbers are predicted several at a time"
    return { column, values: ["no", "yes"], kind: type }
  }
  if (values !== undefined) {
    if (range !== undefined || scale !== undefined)
      return "has both values, as classes have, and a range or scale, as numbers have; leave one of them out"
    if (column === undefined)
      return "has classes of several columns; only numbers are predicted several at a time"
    return { column, values }
  }
  if (range === undefined && scale === undefined)
    return "has no values; list the labels of the classes, or, to predict a number, give its range or say scale: standard"
  const scaled = { ...(range === undefined ? {} : { range }), ...(scale === undefined ? {} : { scale }) }
  return { numbers: names.map((name) => ({ name, ...scaled })) }
}

export const Label = Schema.transformOrFail(
  Section,
  Schema.declare((input): input is Described => typeof input === "object" && input !== null),
  {
    strict: true,
    decode: (section, _, ast) => {
      const label = labelOf(section)
      return typeof label === "string"
        ? Either.left(new ParseResult.Type(ast, section, label))
        : Either.right(label)
    },
    encode: (label) =>
      ParseResult.succeed(
        "numbers" in label
          ? { columns: label.numbers.map(({ name }) => name) }
          : label.kind === undefined
            ? { column: label.column, values: label.values }
            : { column: label.column, type: label.kind }
      )
  }
)
