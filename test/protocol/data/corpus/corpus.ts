/** All files of the corpus that are made one by one. */
import { encodedTexts } from "./encodings.ts"
import { formats } from "./formats.ts"
import type { DataCase } from "./outcome.ts"
import { parquets } from "./parquets.ts"
import { texts } from "./texts.ts"

export const corpus: ReadonlyArray<DataCase> = [...texts, ...encodedTexts, ...formats, ...parquets]
