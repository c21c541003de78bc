/** All files of the corpus that are made one by one. */
import type { DataCase } from "./outcome.ts"
import { texts } from "./texts.ts"

export const corpus: ReadonlyArray<DataCase> = [...texts]
