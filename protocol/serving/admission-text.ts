/** An admission as a file: JSON, which is checked as a whole, for it goes from hand to hand. */
import { Data, Either } from "effect"
import { isLikeSecret, publicIdentity } from "../channels/identity.ts"
import { signatureBytes } from "../channels/nkey.ts"
import { actorNames } from "../messages/subjects.ts"
import { ArrayFormatter, Schema } from "../schema.ts"
import type { Admission } from "./admission.ts"
import { mostQuota } from "./quota.ts"

/** A text that is no admission. */
export class NoAdmission extends Data.TaggedError("NoAdmission")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return `it ${this.reason}`
  }
}

/** Whether a text may be what an asker is called on the wire. */
export const isAskerName = (actor: string): boolean =>
  /^(asker|user)/.test(actor) && actorNames.includes(actor)

/** Later times have no place in the statement. */
export const latestUntil = 2 ** 32 - 1

const whole = (most: number) => Schema.Int.pipe(Schema.between(1, most))
const exact = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const Digest = Schema.String.pipe(Schema.pattern(/^[0-9a-f]{64}$/))

const AdmissionFile = Schema.Struct({
  format: Schema.Literal("bicameral admission"),
  version: Schema.Literal(1),
  statement: Schema.Struct({
    run: Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9-]{1,64}$/)),
    agreement: Digest,
    preparation: Digest,
    asker: Schema.Struct({
      actor: Schema.String.pipe(Schema.filter(isAskerName)),
      identity: Schema.String.pipe(Schema.filter((text) => publicIdentity(text) !== undefined))
    }),
    quota: Schema.Struct({ rows: exact(whole(mostQuota)), rowsADay: exact(whole(mostQuota)) }).pipe(
      Schema.filter(({ rows, rowsADay }) => rows !== undefined || rowsADay !== undefined)
    ),
    until: Schema.String.pipe(Schema.filter((text) => timeOf(text) !== undefined))
  }),
  signatures: Schema.Array(
    Schema.Struct({
      user: Schema.String.pipe(Schema.pattern(/^user[1-9][0-9]?$/)),
      signature: Schema.String.pipe(Schema.filter((text) => signatureOf(text) !== undefined))
    })
  ).pipe(
    Schema.maxItems(99),
    Schema.filter((all) => new Set(all.map(({ user }) => user)).size === all.length)
  )
})

/** Seconds since 1970 of a time that is written in its one way, `2027-01-31T00:00:00.000Z`. */
const timeOf = (text: string): number | undefined => {
  const seconds = Date.parse(text) / 1000
  return Number.isInteger(seconds) && seconds >= 1 && seconds <= latestUntil && timeText(seconds) === text
    ? seconds
    : undefined
}

export const timeText = (seconds: number): string => new Date(1000 * seconds).toISOString()

const signatureOf = (text: string): Uint8Array | undefined => {
  const bytes = new Uint8Array(Buffer.from(text, "base64url"))
  return bytes.length === signatureBytes && Buffer.from(bytes).toString("base64url") === text
    ? bytes
    : undefined
}

export const admissionText = ({ statement, signatures }: Admission): string => {
  const file: typeof AdmissionFile.Type = {
    format: "bicameral admission",
    version: 1,
    statement: { ...statement, until: timeText(statement.until) },
    signatures: signatures.map(({ user, signature }) => ({
      user,
      signature: Buffer.from(signature).toString("base64url")
    }))
  }
  return `${JSON.stringify(file, null, 2)}\n`
}

const decode = Schema.decodeUnknownEither(AdmissionFile, { onExcessProperty: "error" })

export const admissionOfText = (text: string): Either.Either<Admission, NoAdmission> => {
  const no = (reason: string) => Either.left(new NoAdmission({ reason }))
  if (isLikeSecret(text)) return no("holds the secret of a party; give the file that `bicameral admit` wrote")
  const parsed = Either.try((): unknown => JSON.parse(text))
  if (Either.isLeft(parsed)) return no("is no JSON; give the file that `bicameral admit` wrote")
  return Either.mapBoth(decode(parsed.right), {
    onLeft: (error) => {
      const path = ArrayFormatter.formatErrorSync(error)[0]?.path.map(String).join(".") ?? ""
      return new NoAdmission({
        reason: `is no admission of this version, or was changed${path === "" ? "" : `, at ${path}`}; have the users write another with \`bicameral admit\``
      })
    },
    onRight: ({ statement, signatures }) => ({
      statement: { ...statement, until: timeOf(statement.until)! },
      signatures: signatures.map(({ user, signature }) => ({ user, signature: signatureOf(signature)! }))
    })
  })
}
