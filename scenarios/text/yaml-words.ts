/** Errors of a text that is not YAML, in our words: those of the library speak of its own parts. */
import { type Document, isScalar, visit, type YAMLError } from "yaml"

const words: Readonly<Record<YAMLError["code"], string>> = {
  ALIAS_PROPS: "an alias, *name, can't have an anchor or a tag; take that out",
  BAD_ALIAS:
    "an anchor, &name, or alias, *name, has no name or a colon at its end; name it, or put quotes around a text that begins with & or *",
  BAD_COLLECTION_TYPE: "the tag before this list or section does not fit it; take the tag out",
  BAD_DIRECTIVE: "a line that begins with % is not understood; take it out",
  BAD_DQ_ESCAPE:
    "a backslash within double quotes begins an escape that there is not; use single quotes, or / between folders",
  BAD_INDENT:
    "the indentation does not fit that of the lines above; indent all fields of a section by the same number of spaces, and close every bracket",
  BAD_PROP_ORDER: "an anchor or a tag is not where it belongs: after the colon or hyphen, before the value",
  BAD_SCALAR_START: "a text can't begin with this character; put quotes around it",
  BLOCK_AS_IMPLICIT_KEY:
    "there is a second field or a list in this line; begin a new line, or put quotes around a text that has a colon and a space in it",
  BLOCK_IN_FLOW: "lines that begin with a hyphen or a name can't be within [ ] or { }; use commas there",
  DUPLICATE_KEY: "a field is there twice; list each once",
  IMPOSSIBLE: "this line can't be understood; put quotes around its texts",
  KEY_OVER_1024_CHARS: "a name before a colon has more than 1024 characters; is a quote missing?",
  MISSING_CHAR:
    "something is missing here: a closing quote or bracket, a comma between items, a colon after a name, or a space before #",
  MULTILINE_IMPLICIT_KEY:
    "a name and its colon must be in one line, and a space must follow the colon: rate: 0.1",
  MULTIPLE_ANCHORS: "a value can have one anchor, &name, only; take the others out",
  MULTIPLE_DOCS: "a second document begins here; a file has one: take out the line --- or ... before it",
  MULTIPLE_TAGS: "a value can have one tag, !name, only; take the others out",
  NON_STRING_KEY: "the name before a colon must be a plain text, no list, section, alias or tag",
  RESOURCE_EXHAUSTION: "lists or sections are nested too deeply here",
  TAB_AS_INDENT: "a tab can't indent; use spaces",
  TAG_RESOLVE_FAILED:
    "a tag, such as !name, is not understood; take it out, or put quotes around a text that begins with !",
  UNEXPECTED_TOKEN:
    "there is something that does not belong here; put quotes around a text that has quotes or brackets in it, and close every bracket once"
}

/** The place and words of an error of the library. */
export const inOurWords = (
  { code, pos }: YAMLError,
  document: Document.Parsed
): { readonly offset: number; readonly message: string } => {
  const opening = code === "MISSING_CHAR" ? openingQuote(document, pos[0]) : undefined
  if (opening !== undefined)
    return { offset: opening, message: `${prefix}the quote that begins here never ends` }
  return { offset: pos[0], message: `${prefix}${words[code]}` }
}

const prefix = "this is not valid YAML: "

/** Where the quoted text that ends at an offset without its closing quote begins. */
const openingQuote = (document: Document.Parsed, end: number): number | undefined => {
  let found: number | undefined
  visit(document, {
    Scalar: (_, node) => {
      const quoted = isScalar(node) && (node.type === "QUOTE_DOUBLE" || node.type === "QUOTE_SINGLE")
      if (quoted && node.range != null && node.range[0] < end && end <= node.range[1]) found = node.range[0]
    }
  })
  return found
}
