/** The program's source files, as the tests of this folder read them. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import ts from "typescript"

/** TypeScript files below a folder, by their paths from the top of the project. */
export const filesOf = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(folder, file))

/** The folders of the program, each of which uses only those named after it. */
export const floors = ["scenarios", "actors", "runtime", "protocol"] as const

export const programFiles: ReadonlyArray<string> = floors.flatMap(filesOf)

/** The files that a file imports, types included. */
export const importsOf = (file: string): ReadonlyArray<string> =>
  ts
    .preProcessFile(readFileSync(file, "utf8"))
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => name.startsWith("."))
    .map((name) => normalize(join(dirname(file), name)))

export interface FunctionLength {
  readonly name: string
  /** From 1 up. */
  readonly line: number
  readonly lines: number
}

/** The functions of a text, also those within others, with their lengths from the first to the last line. */
export const functionsOf = (file: string, text: string): ReadonlyArray<FunctionLength> => {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const lineAt = (position: number) => source.getLineAndCharacterOfPosition(position).line + 1
  const found: Array<FunctionLength> = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && "body" in node && node.body !== undefined) {
      const line = lineAt(node.getStart())
      found.push({ name: nameOf(node), line, lines: lineAt(node.getEnd()) - line + 1 })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** The name of a function, or of what it is assigned to. */
const nameOf = (node: ts.SignatureDeclaration): string => {
  if (node.name !== undefined) return node.name.getText()
  const { parent } = node
  return ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent) ? parent.name.getText() : "(…)"
}
