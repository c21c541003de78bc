/**
 * What every party but the KGC does first: it draws a sealing key pair, sends the public half to the KGC, and
 * receives the public parameters, the signed roster and its own secrets. From then on it can seal to any
 * other party and open what is sealed to it. Secrets stay `Redacted`; only their addressee ever holds them in
 * the clear. The key pair and the membership are stored, so that a party that crashed keeps its identity.
 */
import { Data, Effect, Redacted } from "effect"
import { fromBytes } from "../../protocol/bcp/integers.ts"
import { joinPublicKeys } from "../../protocol/bcp/keys.ts"
import {
  checkParameters,
  InsecureModulus,
  InvalidParameters,
  type Parameters
} from "../../protocol/bcp/parameters.ts"
import { decodeParameters, type ParameterBytes } from "../../protocol/bcp/wire.ts"
import { Enrolment, ParametersOnWire } from "../../protocol/messages/enrolment.ts"
import { type Ask, Bytes, type Format, format } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import { digestParameters, type Roster, rosterEntry, verifyRoster } from "../../protocol/sharing/roster.ts"
import {
  generateSealingKeyPair,
  open,
  type SealContext,
  type SealingKeyPair,
  seal
} from "../../protocol/sharing/sealed.ts"
import { type AskOptions, on, Party } from "../../runtime/messaging/contract.ts"
import { type Agreement, actorsOf, partTimeoutMs } from "./agreement.ts"
import { once, remembered, type StorageFormat } from "./once.ts"
import { raised } from "./typed-throws.ts"

/** What a party other than the KGC is started with. */
export interface PartyOptions {
  readonly agreement: Agreement
  /** The KGC's Ed25519 verification key, the one thing that must not reach a party through the broker. */
  readonly kgcKey: Uint8Array
}

/** What the KGC publishes of a run. */
interface PublishedSetup {
  readonly wire: ParameterBytes
  /** pk, under which the joint data and the model are encrypted; fixed-width big-endian. */
  readonly unifiedPublicKey: Uint8Array
  /** Decides the batches. */
  readonly orderKey: Uint8Array
  readonly signedRoster: Uint8Array
}

/** A party's membership of a run: the checked setup, and its own sealing key pair. */
export interface Membership extends PublishedSetup {
  readonly parameters: Parameters
  readonly roster: Roster
  readonly sealing: SealingKeyPair
}

/** The modulus that the KGC sent is not of the agreed size. */
export class WrongParameters extends Data.TaggedError("WrongParameters")<{
  readonly received: number
  readonly agreed: number
}> {
  readonly retryable = false
  override get message(): string {
    return `The KGC sent parameters of ${this.received} bits where the scenario asks for ${this.agreed}; start every party with the same scenario`
  }
}

/** Checks what the KGC publishes: the agreed size, sound parameters, and its signature over the roster. */
const checkSetup = ({ agreement, kgcKey }: PartyOptions, published: PublishedSetup) =>
  Effect.gen(function* () {
    const party = yield* Party
    const { wire, unifiedPublicKey, orderKey, signedRoster } = published
    const { modulusBits: agreed, insecure } = agreement.security
    if (wire.bits !== agreed) return yield* new WrongParameters({ received: wire.bits, agreed })
    const roster = yield* verifyRoster(signedRoster, kgcKey, {
      run: party.run,
      parametersDigest: digestParameters({ ...wire, unifiedPublicKey, orderKey })
    })
    const parameters = decodeParameters(wire)
    yield* raised([InsecureModulus, InvalidParameters], () => checkParameters(parameters, { insecure }))
    yield* checkRoster(agreement, roster, parameters, unifiedPublicKey)
    return { ...published, parameters, roster }
  })

/**
 * The signature of the roster is valid, but it lists other parties than agreed, or its keys do not give the
 * joint key.
 */
export class RosterDisagrees extends Data.TaggedError("RosterDisagrees")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return `The KGC's roster does not fit the agreement: ${this.reason}; start every party with the same scenario`
  }
}

/**
 * The roster must list both clouds and all users and no one else, and pk must be the product of the users'
 * keys.
 */
const checkRoster = (
  agreement: Agreement,
  { entries }: Roster,
  parameters: Parameters,
  unifiedPublicKey: Uint8Array
) =>
  Effect.suspend(() => {
    const agreed = actorsOf(agreement).filter((actor) => actor !== "kgc")
    const listed = entries.map(({ actor }) => actor)
    if (agreed.length !== listed.length || agreed.some((actor) => !listed.includes(actor))) {
      return new RosterDisagrees({
        reason: `it lists ${listed.join(", ")}; the agreement has ${agreed.join(", ")}`
      })
    }
    const publicKeys = entries.flatMap(({ bcpPublicKey }) =>
      bcpPublicKey === undefined ? [] : [fromBytes(bcpPublicKey)]
    )
    return joinPublicKeys(parameters, publicKeys) === fromBytes(unifiedPublicKey)
      ? Effect.void
      : new RosterDisagrees({ reason: "the joint key is not the product of the users' keys" })
  })

/** What a party holds once it has enrolled: its membership, and the secrets of its role. */
export interface Enrolled<S> {
  readonly membership: Membership
  readonly secrets: Redacted.Redacted<S>
}

const KeyPairFormat = format(
  "sealing key",
  Schema.Struct({ publicKey: Bytes, privateKey: Schema.Redacted(Bytes) })
)

/** The party's key pair, stored before the public half is sent. */
const sealingKeyPair = remembered("sealing-key", KeyPairFormat, generateSealingKeyPair)

const EnrolledFormat = format(
  "standing",
  Schema.Struct({
    parameters: ParametersOnWire,
    unifiedPublicKey: Bytes,
    orderKey: Bytes,
    roster: Bytes,
    secrets: Bytes
  })
)

/**
 * Enrols with the KGC. `secrets` is the format of this role's secrets. What is read from storage is checked
 * again.
 */
export const enrolment = <S>(options: PartyOptions, secrets: Format<S>) =>
  Effect.gen(function* () {
    const sealing = yield* sealingKeyPair
    const enrol = Effect.gen(function* () {
      const party = yield* Party
      const { parameters, roster, sealed, ...rest } = yield* party.ask(
        "kgc",
        Enrolment,
        { sealingKey: sealing.publicKey },
        { deadlineMs: partTimeoutMs(options.agreement), phase: "setup" }
      )
      const setup = yield* checkSetup(options, { ...rest, wire: parameters, signedRoster: roster })
      const membership: Membership = { ...setup, sealing }
      const own = yield* unsealFrom(membership, "kgc", Enrolment.tag, secrets, sealed)
      return { membership, secrets: Redacted.make(own) }
    }).pipe(Effect.withSpan("enrol"))
    return yield* once("standing", enrolledFormat(options, sealing, secrets), enrol)
  })

const enrolledFormat = <S>(options: PartyOptions, sealing: SealingKeyPair, secrets: Format<S>) => {
  const decode = (bytes: Uint8Array) =>
    Effect.gen(function* () {
      const { parameters, roster, secrets: packed, ...rest } = yield* EnrolledFormat.decode(bytes)
      const setup = yield* checkSetup(options, { ...rest, wire: parameters, signedRoster: roster })
      const own = Redacted.make(yield* secrets.decode(packed))
      const enrolled: Enrolled<S> = { membership: { ...setup, sealing }, secrets: own }
      return enrolled
    })
  const stored: StorageFormat<Enrolled<S>, Effect.Effect.Error<ReturnType<typeof decode>>, Party> = {
    encode: ({ membership, secrets: own }) =>
      Effect.flatMap(secrets.encode(Redacted.value(own)), (packed) =>
        EnrolledFormat.encode({
          parameters: membership.wire,
          unifiedPublicKey: membership.unifiedPublicKey,
          orderKey: membership.orderKey,
          roster: membership.signedRoster,
          secrets: packed
        })
      ),
    decode
  }
  return stored
}

/**
 * Packs a value and seals it to another party of the roster, bound to this run and to the message that
 * carries it.
 */
export const sealTo = <A>(membership: Membership, to: string, tag: string, format: Format<A>, value: A) =>
  Effect.gen(function* () {
    const party = yield* Party
    const { sealingKey } = yield* rosterEntry(membership.roster, to)
    const context: SealContext = { run: party.run, from: party.name, to, messageType: tag }
    return yield* seal(sealingKey, context, yield* format.encode(value))
  })

/** Sends a message whose content is sealed to its receiver. */
export const askSealed = <A, R>(
  membership: Membership,
  to: string,
  message: Ask<{ readonly sealed: Uint8Array }, R>,
  format: Format<A>,
  value: A,
  options: AskOptions
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const sealed = yield* sealTo(membership, to, message.tag, format, value)
    return yield* party.ask(to, message, { sealed }, options)
  })

/** Opens and unpacks what another party sealed to this one. */
export const unsealFrom = <A>(
  membership: Pick<Membership, "sealing">,
  from: string,
  tag: string,
  format: Format<A>,
  sealed: Uint8Array
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const context: SealContext = { run: party.run, from, to: party.name, messageType: tag }
    return yield* format.decode(yield* open(membership.sealing.privateKey, context, sealed))
  })

/**
 * Serves a message whose content is sealed to this party. `handler` receives the content, in the clear and
 * checked.
 */
export const onSealed = <A, E, R, E2, R2>(
  membership: Effect.Effect<Membership, E, R>,
  message: Ask<{ readonly sealed: Uint8Array }, object>,
  format: Format<A>,
  handler: (content: A, from: string) => Effect.Effect<void, E2, R2>
) =>
  on(message, ({ sealed }, from) =>
    Effect.gen(function* () {
      yield* handler(yield* unsealFrom(yield* membership, from, message.tag, format, sealed), from)
      return {}
    })
  )
