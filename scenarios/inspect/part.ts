/**
 * One owner's part of a scenario: what its file is called and what its columns are, for the others, without
 * the file. It has no rows, no counts and no means, and ranges only if the owner says so.
 */
import { encodings } from "../../protocol/data/characters.ts"
import { dateFormats, defaultMissing } from "../../protocol/data/description.ts"
import { Schema } from "../../protocol/schema.ts"
import {
  exactText,
  interval,
  list,
  name,
  oneOf,
  optional,
  struct,
  text,
  yesOrNo
} from "../description/fields.ts"
import { Dialect } from "../description/schema.ts"
import { yamlList, yamlText } from "../text/yaml-text.ts"
import { kindsOfColumns } from "./column-profile.ts"
import type { ColumnType } from "./column-type.ts"

const Column = struct({
  name: exactText("The column"),
  type: oneOf(kindsOfColumns, "What it holds"),
  values: optional(list(exactText("A value"), 1, 65_536, "a list of values", "All values, in order")),
  other: optional(yesOrNo("Whether there are further values")),
  missing: optional(yesOrNo("Whether cells are missing")),
  format: optional(oneOf([...dateFormats, "unclear"], "How dates are written")),
  range: optional(interval("The least and the greatest number")),
  holds: optional(text("What can't be read"))
})

const Whole = struct({
  owner: name("The owner, a user of the scenario"),
  file: text("The file, as the owner's machine has it"),
  encoding: optional(oneOf(encodings, "Its character encoding")),
  dialect: optional(Dialect),
  missing: optional(
    list(
      exactText("A text"),
      1,
      1_000,
      "a list of texts",
      "Texts that mark missing cells besides the usual ones"
    )
  ),
  further: optional(yesOrNo("Whether the file has further columns")),
  columns: list(Column, 1, 1_048_576, "a list of columns", "What the file holds")
})

export type Part = typeof Whole.Type

export const decodePart = Schema.decodeUnknownEither(Whole, { errors: "all", onExcessProperty: "error" })

/** The text of a part. */
export const partText = ({ columns, dialect = {}, encoding, file, further, missing, owner }: Part): string =>
  [
    `# What ${owner} holds, for a scenario with other owners: bicameral init --join puts parts together.`,
    `# It tells the names and types of columns, the values of categories${columns.some(({ range }) => range !== undefined) ? ", the ranges of numbers" : ""}, and which columns have missing cells.`,
    `owner: ${yamlText(owner)}`,
    `file: ${yamlText(file)}`,
    ...(encoding === undefined ? [] : [`encoding: ${encoding}`]),
    ...(Object.keys(dialect).length === 0
      ? []
      : [
          `dialect: { ${Object.entries(dialect)
            .map(([setting, value]) => `${setting}: ${value}`)
            .join(", ")} }`
        ]),
    ...(missing === undefined ? [] : [`missing: ${yamlList(missing)}`]),
    ...(further ? ["further: true"] : []),
    "columns:",
    ...columns.map(columnLine),
    ""
  ].join("\n")

/** All texts that mark missing cells of the owners' files; none where the usual ones are enough. */
export const missingOf = (parts: ReadonlyArray<Part>): ReadonlyArray<string> => {
  const own = parts.flatMap(({ missing = [] }) => missing)
  return own.length === 0 ? [] : [...new Set([...defaultMissing, ...own])]
}

const columnLine = ({ format, holds, missing, name, other, range, type, values }: ColumnType): string => {
  const fields = [
    `name: ${yamlText(name)}`,
    `type: ${type}`,
    ...(values === undefined ? [] : [`values: ${yamlList(values)}`]),
    ...(other ? ["other: true"] : []),
    ...(missing ? ["missing: true"] : []),
    ...(format === undefined ? [] : [`format: ${format}`]),
    ...(range === undefined ? [] : [`range: [${range[0]}, ${range[1]}]`]),
    ...(holds === undefined ? [] : [`holds: ${yamlText(holds)}`])
  ]
  return `  - { ${fields.join(", ")} }`
}
