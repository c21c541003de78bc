/** The generated part of the scenario corpus: every field with every kind of value that it can't have, columns of drawn names. */
import { describe, it } from "vitest"
import { generatedCases } from "./corpus.ts"
import { checkCase, checkDrawnColumns } from "./corpus-checks.ts"

describe("scenario corpus - generated", () => {
  it.each(generatedCases())("$name", checkCase)

  it.each(Array.from({ length: 200 }, (_, seed) => seed))(
    "columns of any name are read as they are written: seed %i",
    checkDrawnColumns
  )
})
