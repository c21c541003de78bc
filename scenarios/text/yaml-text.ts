/** Texts as YAML that a person would write: plain where that is safe, in double quotes elsewhere. */

const plain = /^[A-Za-z_][\w/().-]*( [\w/().-]+)*$/
/** Words that YAML, in one version or another, takes for something else. */
const reserved = /^(y|n|yes|no|on|off|true|false|null|nan|inf)$/i

/** A text as it can stand anywhere in YAML, also within [] and {}, as a value or as a key. */
export const yamlText = (text: string): string =>
  plain.test(text) && !reserved.test(text) ? text : quoted(text)

/** JSON's strings are YAML's, but for characters that can't be seen. */
const quoted = (text: string): string =>
  JSON.stringify(text).replace(/[\x7f-\x9f\u00ad\u2028\u2029\ufeff\ufffe\uffff]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`
  })

/** `[a, "b c"]` */
export const yamlList = (texts: ReadonlyArray<string>): string => `[${texts.map(yamlText).join(", ")}]`

/** A list behind the name of a field; a long one is broken into lines that are indented so far. */
export const yamlLines = (texts: ReadonlyArray<string>, indent: number): string => {
  const whole = yamlList(texts)
  if (indent + whole.length <= mostColumns) return whole
  const lines: Array<string> = [""]
  for (const [place, text] of texts.entries()) {
    const item = `${yamlText(text)}${place === texts.length - 1 ? "" : ","}`
    const last = lines[lines.length - 1]!
    if (last !== "" && indent + last.length + 1 + item.length > mostColumns) lines.push(item)
    else lines[lines.length - 1] = last === "" ? item : `${last} ${item}`
  }
  return `[\n${lines.map((line) => `${" ".repeat(indent)}${line}`).join("\n")}]`
}

const mostColumns = 100
