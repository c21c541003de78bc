/**
 * Scenario files as people write them, each with what has to come of it: accepted with these values, or refused with exactly these
 * problems, in the file's own words. Most are a small scenario with one change.
 */
import { classesOf } from "../../../protocol/data/description.ts"
import type { Scenario } from "../../../scenarios/description/schema.ts"

export const base = `name: plain
description: Two growers
data:
  id: id
  features:
    length: [0, 10]
    width: [-1, 1]
  label:
    column: kind
    values: [a, b]
  scaleTo: [-1, 1]
users:
  - name: north
    holds:
      - file: north.csv
        columns: [length, kind]
        rows: [n1, n2]
  - name: south
    holds:
      - file: south.csv
        part: { from: 1, to: 9 }
        ids: { prefix: s, first: 1 }
heldOut: 0.2
network:
  hidden: [8]
  output: identity
  initialVariance: 2
training:
  epochs: 2
  batch: 2
  rate: 0.1
security:
  modulusBits: 2048
  exponents: short
  fractionalBits: 20
  upload: packed
  output: packed
  insecure: false
seed: 1
placement:
  usersLeaveAfterUpload: false
  checkpoints: folder
  lanes: 1
  workers: { kgc: 0 }
  threads: { kgc: 1 }
reveal: [accuracy]
deadlines:
  replyTimeoutMs: 1000
expect:
  minAccuracy: 0.5
`

export interface ScenarioCase {
  readonly name: string
  readonly text: string
  /** How each problem begins after the file's name: `3: data.id: must be`; empty where the scenario is accepted. */
  readonly problems: ReadonlyArray<string>
  /** What an accepted scenario says. */
  readonly says?: (scenario: Scenario) => unknown
  readonly value?: unknown
}

/** The base with a part replaced; `\n` and all. */
const edited = (from: string, to: string): string => {
  if (base.split(from).length !== 2) throw new Error(`"${from}" is not there once`)
  return base.replace(from, () => to)
}

const lineOf = (part: string): number => base.slice(0, base.indexOf(part)).split("\n").length

/** [name, a part of the base, what stands there instead, how each problem begins: in the line of that part unless told]. */
type Change = readonly [name: string, from: string, to: string, ...problems: ReadonlyArray<string>]

const refused = (changes: ReadonlyArray<Change>): ReadonlyArray<ScenarioCase> =>
  changes.map(([name, from, to, ...problems]) => ({
    name,
    text: edited(from, to),
    problems: problems.map((problem) => (/^\d+: /.test(problem) ? problem : `${lineOf(from)}: ${problem}`))
  }))

const accepted = (
  name: string,
  text: string,
  says: (scenario: Scenario) => unknown,
  value: unknown
): ScenarioCase => ({ name, text, problems: [], says, value })

const width = "    width: [-1, 1]\n"
const features = `    length: [0, 10]\n${width}`

/** Columns after the first two. */
const columns = (name: string, written: ReadonlyArray<string>, value: ReadonlyArray<string>): ScenarioCase =>
  accepted(
    `columns: ${name}`,
    edited(width, `${width}${written.map((line) => `    ${line}\n`).join("")}`),
    ({ data }) => data.features.map((feature) => feature.name),
    ["length", "width", ...value]
  )

/** Columns of these names as YAML has them. */
const written = (...keys: ReadonlyArray<string>) => keys.map((key) => `${key}: [0, 1]`)

const numbers =
  "must be [minimum, maximum], two numbers, the first below the second; or standard, boolean or date; or a section with the fields type, range, values, other, scale, fill, indicator, outside, format, count, first"

const columnCases: ReadonlyArray<ScenarioCase> = [
  columns("numbers keep their order and their zeros", written("950", "850", "0750"), ["950", "850", "0750"]),
  columns(
    "what YAML reads as numbers, true, null or dates elsewhere",
    written("1e3", "0x10", "1.0", "true", "null", "~", ".inf", "2024-01-01", "yes"),
    ["1e3", "0x10", "1.0", "true", "null", "~", ".inf", "2024-01-01", "yes"]
  ),
  columns(
    "what every object has",
    written("__proto__", "constructor", "toString", "hasOwnProperty", "length1"),
    ["__proto__", "constructor", "toString", "hasOwnProperty", "length1"]
  ),
  columns(
    "spaces, dots, quotes, colons and line breaks",
    written("mean radius", "a.b", "a..b", "'x: y'", `'"'`, "it's", '"line\\nbreak"', '"[0]"', '"#"'),
    ["mean radius", "a.b", "a..b", "x: y", '"', "it's", "line\nbreak", "[0]", "#"]
  ),
  columns("a merge sign in quotes", written('"<<"'), ["<<"]),
  columns("upper and lower case apart", written("Width"), ["Width"]),
  columns("other scripts", written("größe", "身長", "température"), ["größe", "身長", "température"]),
  columns(
    "numbered ones whose name is a number",
    ["950: [0, 1]", "9: { count: 2, range: [0, 1], first: 7 }"],
    ["950", "97", "98"]
  ),
  ...refused([
    [
      "a column without a name",
      width,
      `${width}    "": [0, 1]\n`,
      '8: data.features[""]: is a column without a name'
    ],
    [
      "a column whose name is left out",
      width,
      `${width}    : [0, 1]\n`,
      '8: data.features[""]: is a column without a name'
    ],
    [
      "a column with spaces at its edges",
      "width:",
      '"width ":',
      'data.features["width "]: has spaces at the edges of its name'
    ],
    [
      "a column with half a character",
      "width:",
      '"\\ud800":',
      'data.features["\\ud800"]: has half a character in its name'
    ],
    [
      "a column that is there twice",
      width,
      `${width}${width}`,
      "8: data.features.width: is there twice; list it once"
    ],
    [
      "a column that is a numbered one too",
      width,
      `${width}    w: { count: 1, range: [0, 1] }\n    w1: [0, 1]\n`,
      '9: data.features.w1: names the column "w1" a second time'
    ],
    [
      "columns beyond all memory",
      width,
      `${width}    p: { count: 1048576, range: [0, 1] }\n`,
      "8: data.features.p: makes 1048578 columns; the most are 1048576"
    ],
    [
      "a column in two codings",
      width,
      `${width}    "\\u00e9": [0, 1]\n    "e\\u0301": [0, 1]\n`,
      '9: data.features["e\u0301"]: looks like "\u00e9", but'
    ],
    [
      "a feature that is the id too",
      width,
      `${width}    id: [0, 1]\n`,
      "8: data.features.id: is also the id column"
    ],
    [
      "a feature that is the label too",
      width,
      `${width}    kind: [0, 1]\n`,
      "8: data.features.kind: is also the label column"
    ],
    [
      "features as a list, of which two users hold each",
      features,
      "    - length\n    - width\n",
      "46: reveal: must have column-statistics: fewer than three users hold length, wid"
    ],
    [
      "features as a list of numbers",
      features,
      "    - 1\n    - [width]\n",
      "6: data.features[0]: must be the name of a column",
      "7: data.features[1]: must be the name of a column"
    ],
    ["no features", features, "", "5: data.features: must list each feature column, such as age: [0, 120]"],
    [
      "features in empty braces",
      `  features:\n${features}`,
      "  features: {}\n",
      "5: data.features: must have at least one feature",
      '14: users[0].holds[0].columns[0]: "length" is neither'
    ],
    [
      "a range with decimal commas",
      "[0, 10]",
      "[0,5, 1]",
      `data.features.length: ${numbers}; a comma separates numbers`
    ],
    ["a range in quotes", "[0, 10]", '["0", 10]', `data.features.length: ${numbers}; take the quotes away`],
    ["a range without an end", "[0, 10]", "[0, .inf]", `data.features.length: ${numbers}`],
    ["a range that is no number", "[0, 10]", "[.nan, 1]", `data.features.length: ${numbers}`],
    ["a range of no width", "[0, 10]", "[1, 1]", `data.features.length: ${numbers}`],
    ["a range of one number", "[0, 10]", "10", `data.features.length: ${numbers}`],
    ["a range left out", "[0, 10]", "", `data.features.length: ${numbers}`],
    [
      "a merge",
      width,
      `${width}    <<: { a: [0, 1] }\n`,
      '8: data.features["<<"]: a merge of sections is not understood'
    ],
    [
      "a scale in which nothing is left of a value",
      "scaleTo: [-1, 1]",
      "scaleTo: [0, 1e-9]",
      "data.scaleTo: is so narrow that different values become the same number of 20 fractional bits; use [-1, 1]"
    ],
    [
      "a user called as a party",
      "- name: north",
      "- name: kgc",
      'users[0].name: "kgc" is what another party is called; give the user a name of its own, or user1'
    ],
    [
      "a user called as another user",
      "- name: south",
      "- name: user1",
      'users[1].name: "user1" is what another party is called; give the user a name of its own, or user2'
    ],
    ...(
      [
        ["separator: ;", "dialect.separator: must be one of comma, semicolon, tab, bar, space, colon, "],
        [
          "decimal: comma, thousands: comma",
          "dialect: has the comma both as decimal mark and between thousands; say thousands: none"
        ],
        [
          "separator: comma, decimal: comma, quote: none",
          "dialect: has the comma both as separator and as decimal mark, without quotes"
        ],
        [
          "quote: single, thousands: apostrophe",
          "dialect: has the apostrophe both around fields and between thousands; say quote: double"
        ],
        [
          "header: false",
          "dialect.header: says that the file has no names; list the names of its columns as header"
        ],
        [
          "sep: comma",
          "dialect.sep: is not known here; what may be said is separator, decimal, thousands, quote, comment, header"
        ]
      ] as const
    ).map(
      ([written, problem]): Change => [
        `a dialect with ${written}`,
        "part: { from: 1, to: 9 }",
        `dialect: { ${written} }`,
        `users[1].holds[0].${problem}`
      ]
    ),
    [
      "a misspelt column",
      "[length, kind]",
      "[lenght, kind]",
      'users[0].holds[0].columns[0]: "lenght" is neither a feature nor the label of data; correct the name or add it there; did you mean length?'
    ],
    [
      "a column that is in every object",
      "[length, kind]",
      "[__proto__, constructor]",
      'users[0].holds[0].columns[0]: "__proto__" is neither',
      'users[0].holds[0].columns[1]: "constructor" is neither'
    ],
    [
      "the id among the columns",
      "[length, kind]",
      "[id, kind]",
      'users[0].holds[0].columns[0]: "id" is neither'
    ]
  ]),
  {
    name: "the beginning of a number is no column",
    text: edited(width, `${width}    950: [0, 1]\n`).replace("[length, kind]", '["95", kind]'),
    problems: ['17: users[0].holds[0].columns[0]: "95" is neither a feature nor the label of data']
  }
]

const unlabelled =
  "has no values; list the labels of the classes, or, to predict a number, give its range or say scale: standard"
const values = "    values: [a, b]\n"

const labelCases: ReadonlyArray<ScenarioCase> = [
  accepted(
    "labels: texts with tags",
    edited("[a, b]", "[!!str 1, !!str true]"),
    ({ data }) => classesOf(data),
    ["1", "true"]
  ),
  accepted(
    "labels: words of YAML 1.1",
    edited("[a, b]", "[yes, no, on, off, 1_000, 12:30:00, 2024-01-01]"),
    ({ data }) => classesOf(data),
    ["yes", "no", "on", "off", "1_000", "12:30:00", "2024-01-01"]
  ),
  accepted(
    "labels: no and yes, in any words",
    edited(values, "    type: boolean\n"),
    ({ data }) => data.label,
    {
      column: "kind",
      values: ["no", "yes"],
      kind: "boolean"
    }
  ),
  accepted("labels: upper and lower case apart", edited("[a, b]", "[A, a]"), ({ data }) => classesOf(data), [
    "A",
    "a"
  ]),
  accepted(
    "labels: as numbers and another word",
    edited("[a, b]", '["1", "1.0", none]'),
    ({ data }) => classesOf(data),
    ["1", "1.0", "none"]
  ),
  accepted(
    "labels: what every object has",
    edited("[a, b]", "[__proto__, constructor]"),
    ({ data }) => classesOf(data),
    ["__proto__", "constructor"]
  ),
  ...refused([
    ["a label to be predicted as a number", values, "", `8: data.label: ${unlabelled}`],
    [
      "a label with a range and values",
      values,
      `${values}    range: [0, 10]\n`,
      "8: data.label: has both values, as classes have, and a range or scale, as numbers have; leave one of them out"
    ],
    [
      "a label of type boolean with values",
      values,
      `${values}    type: boolean\n`,
      "8: data.label: has type boolean, whose classes are no and yes; leave values, range and scale out"
    ],
    [
      "labels in two columns",
      "    column: kind\n",
      "    columns: [kind, sort]\n",
      "8: data.label: has classes of several columns; only numbers are predicted several at a time"
    ],
    [
      "labels as numbers",
      "[a, b]",
      "[0, 1]",
      "data.label.values[0]: must be a text and not empty; put quotes around a number",
      "data.label.values[1]: must be a text"
    ],
    [
      "labels as booleans",
      "[a, b]",
      "[False, True]",
      "data.label.values[0]: must be a text and not empty; put quotes around true or false",
      "data.label.values[1]: must be a text and not empty; put quotes around true or false"
    ],
    [
      "labels as nulls",
      "[a, b]",
      "[null, ~]",
      "data.label.values[0]: must be a text and not empty; nothing is written here",
      "data.label.values[1]: must be"
    ],
    ["an empty label", "[a, b]", '["", b]', "data.label.values[0]: must be a text and not empty"],
    [
      "a label with spaces at its edges",
      "[a, b]",
      '[a, "b "]',
      "data.label.values[1]: must be a text and not empty; take out the spaces at its edges"
    ],
    [
      "a label with a byte order mark",
      "[a, b]",
      '[a, "\\ufeffb"]',
      "data.label.values[1]: must be a text and not empty; take out the spaces"
    ],
    [
      "labels that are one number",
      "[a, b]",
      '["1", "1.0", "01"]',
      'data.label.values[1]: "1.0" is the same number as "1"',
      'data.label.values[2]: "01" is the same number as "1"'
    ],
    ["a label twice", "[a, b]", "[a, b, a]", 'data.label.values[2]: "a" is listed twice'],
    ["labels in two codings", "[a, b]", '["\\u00e9", "e\\u0301"]', 'data.label.values[1]: looks like "é"'],
    ["a label that is a section", "[a, b]", "[a: 1, b]", "data.label.values[0]: must be a text"],
    ["one label", "[a, b]", "[a]", "data.label.values: must be a list of at least two labels"],
    [
      "labels without brackets",
      "[a, b]",
      "a",
      "data.label.values: must be a list of at least two labels; put [ ] around it"
    ],
    [
      "the label by its column alone",
      `  label:\n    column: kind\n${values}`,
      "  label: kind\n",
      "8: data.label: must be a section with the fields column, columns, values, range, scale"
    ],
    [
      "an empty label section",
      `    column: kind\n${values}`,
      "",
      "8: data.label: is empty; fill in its fields: column, columns, values, range, scale"
    ],
    [
      "ids as numbers",
      "[n1, n2]",
      "[1, 0x10]",
      "users[0].holds[0].rows[0]: must be a text and not empty; put quotes around a number",
      "users[0].holds[0].rows[1]: must be"
    ],
    [
      "ids with spaces at their edges",
      "[n1, n2]",
      '[" n1", n2]',
      "users[0].holds[0].rows[0]: must be a text and not empty; take out the spaces"
    ],
    ["an id twice", "[n1, n2]", "[n1, n1]", 'users[0].holds[0].rows[1]: "n1" is listed twice']
  ])
]

const known = (fields: string) => `is not known here; what may be said is ${fields}`
const whole =
  "name, description, data, users, parties, join, heldOut, validation, network, training, security, decryption, seed, placement, reveal, archive, model, deadlines, expect, faults"

const nameCases: ReadonlyArray<ScenarioCase> = refused([
  [
    "learning_rate",
    "  rate: 0.1",
    "  learning_rate: 0.1",
    `training.learning_rate: ${known("on, epochs, batch, rate, loss, momentum, weightDecay, schedule, classWeights, stop")}; did you mean rate?`
  ],
  [
    "lr",
    "  rate: 0.1",
    "  lr: 0.1",
    `training.lr: ${known("on, epochs, batch, rate, loss, momentum, weightDecay, schedule, classWeights, stop")}; did you mean rate?`
  ],
  [
    "batch_size",
    "  batch: 2",
    "  batch_size: 2",
    `training.batch_size: ${known("on, epochs, batch, rate, loss, momentum, weightDecay, schedule, classWeights, stop")}; did you mean batch?`
  ],
  [
    "epochs of the network",
    "  output: identity\n",
    "  epochs: 2\n",
    `network.epochs: ${known("hidden, output, initialVariance")}; did you mean training.epochs?`
  ],
  [
    "hidden_layers",
    "  hidden: [8]",
    "  hidden_layers: [8]",
    `network.hidden_layers: ${known("hidden, output, initialVariance")}; did you mean hidden?`
  ],
  ["held_out", "heldOut: 0.2", "held_out: 0.2", `held_out: ${known(whole)}; did you mean heldOut?`],
  ["test_size", "heldOut: 0.2", "test_size: 0.2", `test_size: ${known(whole)}; did you mean heldOut?`],
  ["random_state", "seed: 1", "random_state: 1", `random_state: ${known(whole)}; did you mean seed?`],
  [
    "clients",
    "users:",
    "clients:",
    `clients: ${known(whole)}; did you mean users?`,
    "1: users: is missing; add it"
  ],
  [
    "target",
    "  label:",
    "  target:",
    `data.target: ${known("id, features, label, scale, scaleTo, missing, fill")}; did you mean label?`,
    "3: data.label: is missing; add it"
  ],
  [
    "a slip",
    "  modulusBits:",
    "  modulsBits:",
    "security.modulsBits: is not known here; what may be said is modulusBits, exponents, fractionalBits, upload, output, dealing, insecure; did you mean modulusBits?"
  ],
  [
    "path for file",
    "- file: north.csv",
    "- path: north.csv",
    "users[0].holds[0].path: is not known here; what may be said is file, ",
    "15: users[0].holds[0].file: is missing; add it"
  ],
  ["a name that nobody knows", "seed: 1", "colour: red", `colour: ${known(whole)}`],
  ["__proto__", "seed: 1", "__proto__: 1", `__proto__: ${known(whole)}`],
  ["constructor", "seed: 1", "constructor: 1", `constructor: ${known(whole)}`],
  [
    "__proto__ in a section",
    "  batch: 2",
    "  batch: 2\n  __proto__: { rate: 1 }",
    "31: training.__proto__: is not known here"
  ],
  ["a field twice", "seed: 1", "seed: 1\nseed: 2", "40: seed: is there twice; list it once"],
  [
    "a merge of sections",
    "seed: 1",
    "<<: { seed: 1 }",
    '["<<"]: a merge of sections is not understood; write the fields out'
  ]
])

const yaml = (problem: string) => `this is not valid YAML: ${problem}`

const yamlCases: ReadonlyArray<ScenarioCase> = [
  { name: "an empty file", text: "", problems: ["1: is empty; fill in its fields: name, description"] },
  {
    name: "only comments",
    text: "# to do\n",
    problems: ["1: is empty; fill in its fields: name, description"]
  },
  { name: "null", text: "~\n", problems: ["1: is empty; fill in its fields: name, description"] },
  {
    name: "a list",
    text: "- a\n- b\n",
    problems: ["1: must be a section with the fields name, description"]
  },
  { name: "a number", text: "7\n", problems: ["1: must be a section with the fields name, description"] },
  {
    name: "a CSV file",
    text: "id,a\n1,2\n",
    problems: ["1: must be a section with the fields name, description"]
  },
  {
    name: "no space after the colons",
    text: "name:plain\nseed:1\n",
    problems: ["1: must be a section with the fields name, description"]
  },
  {
    name: "two documents",
    text: `${base}---\nseed: 2\n`,
    problems: ["51: a second document begins here; a file has one"]
  },
  {
    name: "a document after dots",
    text: `${base}...\nseed: 2\n`,
    problems: ["52: a second document begins here; a file has one"]
  },
  {
    name: "a list in a list in a list …",
    text: `name: ${"[".repeat(100_000)}`,
    problems: ["1: lists or sections are nested more than 100 deep here"]
  },
  {
    name: "hyphens in a row",
    text: `name:\n  ${"- ".repeat(30_000)}x\n`,
    problems: ["2: lists or sections are nested more than 100 deep here"]
  },
  {
    name: "sections 120 deep",
    text: Array.from({ length: 120 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
    problems: ["110: lists or sections are nested more than 100 deep here"]
  },
  accepted("a mark at the beginning, dots at the end", `---\n${base}...\n`, ({ name }) => name, "plain"),
  accepted("Windows line ends", base.replaceAll("\n", "\r\n"), ({ name }) => name, "plain"),
  accepted("carriage returns alone", base.replaceAll("\n", "\r"), ({ name }) => name, "plain"),
  accepted("a directive of YAML 1.2", `%YAML 1.2\n---\n${base}`, ({ name }) => name, "plain"),
  accepted(
    "a number with an exponent",
    edited("rate: 0.1", "rate: 1e-1"),
    ({ training }) => training.rate,
    0.1
  ),
  accepted(
    "a number in octal and hexadecimal",
    edited("[8]", "[0o17, 0x10, 010]"),
    ({ network }) => network.hidden,
    [15, 16, 10]
  ),
  accepted(
    "a whole number with a point",
    edited("epochs: 2", "epochs: 2.0"),
    ({ training }) => training.epochs,
    2
  ),
  accepted(
    "a date as a description",
    edited("Two growers", "2024-01-01"),
    ({ description }) => description,
    "2024-01-01"
  ),
  accepted(
    "an alias taken up 200 times",
    edited("rows: [n1, n2]", `rows: &r [n1, n2]${"\n      - { file: a.csv, rows: *r }".repeat(200)}`),
    ({ users }) => users[0]?.holds.at(-1)?.rows,
    ["n1", "n2"]
  ),
  accepted(
    "an anchor that is set anew",
    edited("[0, 10]", "&r [0, 1]").replace("[-1, 1]", "&r [0, 2]").replace("scaleTo: [-1, 1]", "scaleTo: *r"),
    ({ data }) => data.scaleTo,
    [0, 2]
  ),
  ...refused([
    [
      "a directive of YAML 1.1",
      "name: plain\n",
      "%YAML 1.1\n---\nname: plain\n",
      "1: only YAML 1.2 is understood"
    ],
    [
      "a directive that there is not",
      "name: plain\n",
      "%FOO\n---\nname: plain\n",
      `1: ${yaml("a line that begins with % is not understood")}`
    ],
    ["a tab that indents", "  scaleTo", "\tscaleTo", yaml("a tab can't indent; use spaces")],
    ["a quote that never ends", "Two growers", '"Two growers', yaml("the quote that begins here never ends")],
    [
      "a single quote that never ends",
      "Two growers",
      "'Two growers",
      yaml("the quote that begins here never ends")
    ],
    [
      "a colon in a text",
      "Two growers",
      "growers: two",
      yaml("there is a second field or a list in this line")
    ],
    ["a text that begins with @", "Two growers", "@growers", yaml("a text can't begin with this character")],
    [
      "a text that begins with *",
      "Two growers",
      "*.csv",
      "description: there is no anchor &.csv above this alias; put quotes around a text that begins with *"
    ],
    ["a text that begins with !", "Two growers", "!growers", yaml("a tag, such as !name, is not understood")],
    [
      "backslashes in double quotes",
      "north.csv",
      '"C:\\data\\north.csv"',
      yaml("a backslash within double quotes begins an escape that there is not")
    ],
    ["text after a quote", "Two growers", "'it's'", yaml("there is something that does not belong here")],
    ["a bracket too many", "[a, b]", "[a, b]]", yaml("there is something that does not belong here")],
    ["a bracket too few", "[a, b]", "[a, b", `11: ${yaml("the indentation does not fit")}`],
    ["other indentation", "  batch: 2", "   batch: 2", `29: ${yaml("")}`],
    [
      "a space too few after the colon",
      "seed: 1\n",
      "seed:1\n",
      yaml("a name and its colon must be in one line, and a space must follow the colon")
    ],
    ["binary data", "Two growers", "!!binary aGk=", yaml("a tag, such as !name, is not understood")],
    ["a set", "[a, b]", "!!set { a, b }", yaml("a tag, such as !name, is not understood")],
    [
      "a tag of another program",
      "rate: 0.1",
      "rate: !!python/float 0.1",
      yaml("a tag, such as !name, is not understood")
    ],
    ["a list as a name", "seed: 1", "? [a]\n: 1", yaml("the name before a colon must be a plain text")],
    ["an alias as a name", "seed: 1", "? *a\n: 1", yaml("the name before a colon must be a plain text")],
    ["two anchors", "seed: 1", "seed: &a &b 1", yaml("a value can have one anchor")],
    [
      "an alias without an anchor",
      "[a, b]",
      "*nobody",
      "data.label.values: there is no anchor &nobody above this alias"
    ],
    [
      "an alias before its anchor",
      "id: id",
      "id: *later",
      "data.id: there is no anchor &later above this alias"
    ],
    [
      "an alias within itself",
      "[a, b]",
      "&x [*x, b]",
      "data.label.values[0]: the alias *x is within what it stands for"
    ]
  ]),
  {
    name: "aliases of aliases that stand for a billion values",
    text: `a: &a [${"1,".repeat(9)}1]\n${[..."bcdefgh"].map((to, i) => `${to}: &${to} [${Array(10).fill(`*${"abcdefgh"[i]}`).join(", ")}]\n`).join("")}${base}`,
    problems: ["6: f[7]: the aliases up to here stand for more than 1000000 values"]
  },
  {
    name: "aliases that nest deeper than lists may",
    text: `${Array.from({ length: 120 }, (_, i) => `a${i}: &a${i} [${i === 0 ? "x" : `*a${i - 1}`}]\n`).join("")}${base}`,
    problems: ["100: lists or sections are nested more than 100 deep here"]
  },
  accepted(
    "JSON",
    JSON.stringify({ ...jsonScenario() }, null, "\t"),
    ({ data }) => data.features.map(({ name }) => name),
    ["b", "a"]
  ),
  {
    name: "JSON with a field twice",
    text: `{ "name": "p", "name": "q" }`,
    problems: ["1: name: is there twice"]
  }
]

function jsonScenario(): object {
  return {
    name: "json",
    description: "é \ud83d\ude00 /",
    data: { features: { b: [0, 1], a: [0, 1] }, label: { column: "kind", values: ["1", "2"] } },
    users: ["north", "south"].map((name) => ({ name, holds: [{ file: `${name}.csv` }] })),
    network: { hidden: [] },
    training: { epochs: 1, batch: 1, rate: 1 }
  }
}

const valueCases: ReadonlyArray<ScenarioCase> = refused([
  [
    "a fault of a party that there is not",
    "seed: 1\n",
    "faults:\n  links:\n    - from: nroth\n  events:\n    - { event: kill, party: user3, when: { step: 2 } }\n",
    '41: faults.links[0].from: "nroth" is no party of this scenario; choose one of director, kgc, cloud0, cloud1, user1, north, user2, south; did you mean north?',
    '43: faults.events[0].party: "user3" is no party of this scenario'
  ],
  [
    "a moment of a fault as a word",
    "seed: 1\n",
    "faults:\n  events:\n    - event: kill\n      party: kgc\n      when: soon\n",
    "43: faults.events[0].when: must be {phase}, {phase, afterMs}"
  ],
  [
    "a thousands separator",
    "epochs: 2",
    "epochs: 1_000",
    "training.epochs: must be a whole number from 1 to 100000; write nothing but a decimal point between the digits"
  ],
  [
    "a decimal comma",
    "rate: 0.1",
    "rate: 0,1",
    "training.rate: must be a number above 0 and up to 1024; write nothing but a decimal point"
  ],
  [
    "a loss that there is not",
    "rate: 0.1",
    "loss: hinge\n  rate: 0.1",
    "training.loss: must be one of softmax, sigmoid, squared-error"
  ],
  ["a rate without end", "rate: 0.1", "rate: .inf", "training.rate: must be a number above 0"],
  ["a rate that is no number", "rate: 0.1", "rate: .nan", "training.rate: must be a number above 0"],
  [
    "a share in per cent",
    "heldOut: 0.2",
    "heldOut: 20%",
    "heldOut: must be a number from 0 up to, but not including, 1; or marked, for the rows of files marked so; write a share such as 0.2"
  ],
  [
    "a seed that is rounded",
    "seed: 1",
    "seed: 9007199254740993",
    "seed: must be a whole number from 0 to 9007199254740991"
  ],
  ["a seed beyond all numbers", "seed: 1", "seed: 1e400", "seed: must be a whole number"],
  [
    "yes",
    "insecure: false",
    "insecure: yes",
    "security.insecure: must be true or false; write true, without quotes"
  ],
  [
    "off",
    "insecure: false",
    "insecure: off",
    "security.insecure: must be true or false; write false, without quotes"
  ],
  [
    "true in quotes",
    "insecure: false",
    'insecure: "true"',
    "security.insecure: must be true or false; write true, without quotes"
  ],
  [
    "layers without brackets",
    "hidden: [8]",
    "hidden: 8",
    "network.hidden: must be a list of at most 64 whole numbers; put [ ] around it"
  ],
  [
    "a choice without brackets",
    "reveal: [accuracy]",
    "reveal: accuracy",
    "reveal: must be a list of what may be revealed; put [ ] around it"
  ],
  [
    "a home folder",
    "north.csv",
    "~/north.csv",
    "users[0].holds[0].file: begins with ~, which only shells replace"
  ],
  ["another's home folder", "north.csv", "~ada/north.csv", "users[0].holds[0].file: begins with ~"],
  ["an address", "north.csv", "https://example.org/north.csv", "users[0].holds[0].file: is an address"],
  ["a zero in a path", "north.csv", '"north\\0.csv"', "users[0].holds[0].file: has a zero character in it"],
  [
    "a file as a number",
    "north.csv",
    "7",
    "users[0].holds[0].file: must be a text and not empty; put quotes around a number"
  ],
  [
    "no users",
    "users:\n  - name: north",
    "users: none\nx:\n  - name: north",
    `13: x: ${known(whole)}`,
    "users: must be a list of 2 to 16 users; put [ ] around it"
  ]
])

/** One field a line: each takes in turn what it can't be. */
export const generatedCases = (): ReadonlyArray<ScenarioCase> => {
  const wrong = [
    ["nothing", ""],
    ["a section", "{ z: 1 }"],
    ["a list of lists", "[[1]]"],
    ["a date", "2024-01-01"],
    ["a negative number", "-7.5"],
    ["true in a text", '"true"']
  ] as const
  const fields: ReadonlyArray<readonly [path: string, line: string]> = [
    ["name", "name: plain"],
    ["heldOut", "heldOut: 0.2"],
    ["network.hidden", "  hidden: [8]"],
    ["network.output", "  output: identity"],
    ["network.initialVariance", "  initialVariance: 2"],
    ["training.epochs", "  epochs: 2"],
    ["training.batch", "  batch: 2"],
    ["training.rate", "  rate: 0.1"],
    ["security.modulusBits", "  modulusBits: 2048"],
    ["security.exponents", "  exponents: short"],
    ["security.fractionalBits", "  fractionalBits: 20"],
    ["security.upload", "  upload: packed"],
    ["security.insecure", "  insecure: false"],
    ["seed", "seed: 1"],
    ["placement.usersLeaveAfterUpload", "  usersLeaveAfterUpload: false"],
    ["placement.checkpoints", "  checkpoints: folder"],
    ["placement.lanes", "  lanes: 1"],
    ["deadlines.replyTimeoutMs", "  replyTimeoutMs: 1000"],
    ["expect.minAccuracy", "  minAccuracy: 0.5"],
    ["users[0].name", "  - name: north"]
  ]
  return fields.flatMap(([path, line]) =>
    wrong
      // Which is a name.
      .filter(([name]) => !(path.endsWith("name") && name === "true in a text"))
      .map(([name, value]) => ({
        name: `${path}: ${name}`,
        text: edited(`${line}\n`, `${line.slice(0, line.indexOf(":") + 1)} ${value}\n`),
        // A list of a list is a list of hidden layers, of which the item is wrong.
        problems: [
          `${lineOf(`${line}\n`)}: ${path}${path === "network.hidden" && name === "a list of lists" ? "[0]" : ""}: must be `
        ]
      }))
  )
}

export const corpus: ReadonlyArray<ScenarioCase> = [
  accepted("the base", base, ({ name }) => name, "plain"),
  ...columnCases,
  ...labelCases,
  ...nameCases,
  ...yamlCases,
  ...valueCases
]
