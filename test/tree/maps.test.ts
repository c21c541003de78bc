/**
 * Names from outside (columns, labels, ids, users) are never keys of objects: an object puts names that are numbers first and
 * treats `__proto__` as its own. They are keys of maps, which keep every name and its order.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"
import { describe, expect, it } from "vitest"

/** Where names of tables are known; `runtime` has headers and environments, whose keys are the program's. */
const folders = ["actors", "protocol", "scenarios"]

/** Files that may have objects with keys that are not known beforehand, and whose keys they are: ours, in every case. */
const allowed = new Map([
  ["actors/director.ts", "actors"],
  ["actors/party/erasure.ts", "entries of stable storage"],
  ["actors/party/identities.ts", "actors"],
  ["protocol/ring/webassembly.d.ts", "exports of the kernels"],
  ["scenarios/description/calibration.ts", "bits of a modulus"],
  ["scenarios/faults-injected/at-party.ts", "actors"],
  ["scenarios/faults-injected/at-run.ts", "kinds of faults"],
  [
    "scenarios/description/features.ts",
    "columns, where a caller has an object already; a file's come as a map"
  ],
  ["scenarios/description/fields.ts", "words of JSON Schema"],
  ["scenarios/folders/kept-credentials.ts", "roles of the broker"],
  ["scenarios/run/identities.ts", "actors"],
  ["scenarios/run/parties.ts", "actors"],
  ["scenarios/report/report.ts", "actors, phases"],
  ["scenarios/report/result.ts", "actors, phases"],
  ["scenarios/run/run-result.ts", "phases"],
  ["scenarios/model/export/graph-builder.ts", "attributes of operators"],
  ["scenarios/model/export/onnx-messages.ts", "attributes of operators, keys of metadata"],
  ["scenarios/model/export/safetensors.ts", "places of layers"],
  ["scenarios/folders/run-mark.ts", "fields of a file that is looked at, by names of ours"],
  ["scenarios/description/json-schema.ts", "words of JSON Schema"],
  ["scenarios/simulation/seeds.ts", "kinds of faults"],
  ["scenarios/command/words.ts", "options, which begin with two hyphens"],
  ["scenarios/text/yaml-words.ts", "codes of errors"],
  ["scenarios/text/yaml.ts", "fields of a section, in an object without a prototype"]
])

/** Whether a part of a program makes, or speaks of, an object whose keys are not written there. */
const hasOpenKeys = (node: ts.Node): boolean => {
  if (ts.isIndexSignatureDeclaration(node))
    return node.parameters[0]?.type?.kind === ts.SyntaxKind.StringKeyword
  if (ts.isTypeReferenceNode(node))
    return (
      node.typeName.getText() === "Record" && node.typeArguments?.[0]?.kind === ts.SyntaxKind.StringKeyword
    )
  if (!ts.isCallExpression(node)) return false
  return ["Object.fromEntries", "Schema.Record", "Object.create"].includes(node.expression.getText())
}

/** Lines with such a part. */
const openKeys = (file: string, text: string): ReadonlyArray<string> => {
  // Most files have none of these words, and need not be parsed.
  if (!/Record|fromEntries|Object\.create|: string\]/.test(text)) return []
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const found: Array<string> = []
  const visit = (node: ts.Node): void => {
    if (hasOpenKeys(node))
      found.push(
        `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${node.getText()}`
      )
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

const sources = folders.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(folder, file))
)

describe("keys of objects", () => {
  it("are found wherever they are not written in the program", () => {
    const open = [
      "const a = Object.fromEntries(names.map((name) => [name, 1]))",
      "const b: Readonly<Record<string, number>> = {}",
      "const c: { [name: string]: number } = {}",
      "const d = Schema.Record({ key: Schema.String, value: Schema.Number })"
    ]
    for (const line of open) expect(openKeys("x.ts", line)).toHaveLength(1)
    for (const line of ["new Map<string, number>()", 'const a: Record<"b", 1> = { b: 1 }', "list[i] = 1"])
      expect(openKeys("x.ts", line)).toEqual([])
  })

  it("are known beforehand, or the program's own: names from outside are keys of maps", () => {
    const found = sources
      .filter((file) => !allowed.has(file))
      .flatMap((file) => openKeys(file, readFileSync(file, "utf8")))
    expect(found).toEqual([])
  })
})
