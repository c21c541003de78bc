/** How files are written, as the options of `inspect` and `init` say it: each setting for all files, or for some. */
import { Data } from "effect"
import type { Encoding } from "../../protocol/data/characters.ts"
import type { Decision, DialectSettings } from "../../protocol/data/dialect.ts"
import { TableError, type TableSource } from "../../protocol/data/table.ts"

/** What is known of a file that no scenario names yet. */
export type FileSettings = Pick<TableSource, "file" | "encoding" | "dialect">

/** A setting of files. */
export interface ForFiles<A> {
  /** Of the files that are not named. */
  readonly all?: A
  /** By the path or the name of a file. */
  readonly named: ReadonlyMap<string, A>
}

type SaidDialect = { readonly [part in keyof DialectSettings]?: NonNullable<DialectSettings[part]> }

/** What is said of files; a file that a scenario names has the same as `encoding` and `dialect`. */
export interface SaidOfFiles {
  readonly encoding?: ForFiles<Encoding> | undefined
  readonly separator?: ForFiles<NonNullable<DialectSettings["separator"]>> | undefined
  readonly decimal?: ForFiles<NonNullable<DialectSettings["decimal"]>> | undefined
  readonly thousands?: ForFiles<NonNullable<DialectSettings["thousands"]>> | undefined
  readonly quote?: ForFiles<NonNullable<DialectSettings["quote"]>> | undefined
  readonly comment?: ForFiles<NonNullable<DialectSettings["comment"]>> | undefined
}

/** An option names a file that is not given. */
export class NotAmongFiles extends Data.TaggedError("NotAmongFiles")<{
  readonly option: string
  readonly file: string
}> {
  readonly retryable = false
  override get message(): string {
    return `--${this.option} names ${this.file}, which is none of the files; give one of them, or its name without folders`
  }
}

/** The option that names a file which is none of these; undefined if all are. */
export const unknownFile = (said: SaidOfFiles, files: ReadonlyArray<string>): NotAmongFiles | undefined => {
  const known = new Set(files.flatMap((file) => [file, baseOf(file)]))
  for (const [option, setting] of Object.entries(said) as ReadonlyArray<
    [string, ForFiles<string> | undefined]
  >)
    for (const file of setting?.named.keys() ?? [])
      if (!known.has(file)) return new NotAmongFiles({ option, file })
  return undefined
}

/** What is said of one file. */
export const settingsOf = (
  said: SaidOfFiles,
  file: string
): FileSettings & { readonly dialect?: SaidDialect } => {
  const of = <A>(setting: ForFiles<A> | undefined): A | undefined =>
    setting?.named.get(file) ?? setting?.named.get(baseOf(file)) ?? setting?.all
  const [separator, decimal, thousands] = [of(said.separator), of(said.decimal), of(said.thousands)]
  const [quote, comment] = [of(said.quote), of(said.comment)]
  const dialect: SaidDialect = {
    ...(separator === undefined ? {} : { separator }),
    ...(decimal === undefined ? {} : { decimal }),
    ...(thousands === undefined ? {} : { thousands }),
    ...(quote === undefined ? {} : { quote }),
    ...(comment === undefined ? {} : { comment })
  }
  const encoding = of(said.encoding)
  return {
    file,
    ...(encoding === undefined ? {} : { encoding }),
    ...(Object.keys(dialect).length === 0 ? {} : { dialect })
  }
}

const baseOf = (file: string): string => file.replace(/^.*[/\\]/, "")

/**
 * An error about a file with remedies that name options, where no scenario names the file yet. The encoding is that of this
 * file alone, if there are others.
 */
export const withOptions = (error: TableError, isAlone: boolean): TableError =>
  new TableError({
    ...error,
    problems: error.problems.map((problem) =>
      problem.decides === undefined
        ? problem
        : { ...problem, remedy: inOptions(problem.decides, isAlone ? undefined : baseOf(error.file)) }
    )
  })

const inOptions = (
  { else: besides = "", meaning = "", setting, values }: Decision,
  file: string | undefined
): string => {
  const of = setting === "encoding" && file !== undefined ? `${file}=` : ""
  return `${besides}give ${values.map((value) => `--${setting} ${of}${value}`).join(" or ")}${meaning}`
}
