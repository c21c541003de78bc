/**
 * What every party but the KGC goes through first: it draws a sealing key pair, hands the public half to the KGC, and
 * receives the public parameters, the signed roster and its own secrets. From then on it can seal to any other
 * party and open what is sealed to it. Secrets stay `Redacted`; only the addressee ever holds them in the clear. Key pair
 * and standing are kept, so that a party that died is who it was.
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
import { Bytes, type Format, format } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import { digestParameters, type Roster, rosterEntry, verifyRoster } from "../../protocol/sharing/roster.ts"
import {
  generateSealingKeyPair,
  open,
  type SealContext,
  type SealingKeyPair,
  seal
} from "../../protocol/sharing/sealed.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { type Agreement, actorsOf, partTimeoutMs } from "./agreement.ts"
import { once, remembered } from "./once.ts"
import { raised } from "./typed-throws.ts"

/** What a party other than the KGC is started with. */
export interface MemberOptions {
  readonly agreement: Agreement
  /** The KGC's Ed25519 verification key: the one thing that must reach a party by another way than the broker. */
  readonly kgcKey: Uint8Array
}

/** What the KGC tells everybody: checked, with the signature it came with. */
export interface PublicStanding {
  readonly wire: ParameterBytes
  readonly parameters: Parameters
  /** pk, under which the joint data and the model rest; fixed-width big-endian. */
  readonly unifiedPublicKey: Uint8Array
  /** Decides the batches. */
  readonly orderKey: Uint8Array
  readonly signedRoster: Uint8Array
  readonly roster: Roster
}

/** A party's standing in a run, once it has enrolled. */
export interface Membership extends PublicStanding {
  readonly sealing: SealingKeyPair
}

/** The parameters that came with the credentials are not those the agreement asks for. */
export class WrongParameters extends Data.TaggedError("WrongParameters")<{
  readonly received: number
  readonly agreed: number
}> {
  readonly retryable = false
  override get message(): string {
    return `the KGC sent parameters of ${this.received} bits where the scenario asks for ${this.agreed}; start every party with the same scenario`
  }
}

/** Checks what the KGC says of a run: the size agreed on, sound parameters, its signature over the roster. */
export const checkStanding = (
  options: MemberOptions,
  received: Omit<PublicStanding, "parameters" | "roster">
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const { wire, unifiedPublicKey, orderKey, signedRoster } = received
    const { modulusBits: agreed, insecure } = options.agreement.security
    if (wire.bits !== agreed) return yield* new WrongParameters({ received: wire.bits, agreed })
    const roster = yield* verifyRoster(signedRoster, options.kgcKey, {
      run: party.run,
      parametersDigest: digestParameters({ ...wire, unifiedPublicKey, orderKey })
    })
    const parameters = decodeParameters(wire)
    yield* raised([InsecureModulus, InvalidParameters], () => checkParameters(parameters, { insecure }))
    yield* checkRoster(options.agreement, roster, parameters, unifiedPublicKey)
    const standing: PublicStanding = { ...received, parameters, roster }
    return standing
  })

/** The roster is signed, but not of the parties agreed on, or its keys do not make up the joint key. */
export class RosterDisagrees extends Data.TaggedError("RosterDisagrees")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return `the KGC's roster does not fit the agreement: ${this.reason}; start every party with the same scenario`
  }
}

/** The roster must hold both clouds and all users and nobody else, and pk must be the product of the users' keys. */
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
      return new RosterDisagrees({ reason: `it lists ${listed.join(", ")}, agreed are ${agreed.join(", ")}` })
    }
    const publicKeys = entries.flatMap(({ bcpPublicKey }) =>
      bcpPublicKey === undefined ? [] : [fromBytes(bcpPublicKey)]
    )
    return joinPublicKeys(parameters, publicKeys) === fromBytes(unifiedPublicKey)
      ? Effect.void
      : new RosterDisagrees({ reason: "the joint key is not the product of the users' keys" })
  })

/** What a party has once it has enrolled: its standing, and what it alone was told. */
export interface Enrolled<S> {
  readonly membership: Membership
  readonly secrets: Redacted.Redacted<S>
}

const KeptPair = format("sealing key", Schema.Struct({ publicKey: Bytes, privateKey: Bytes }))

/** The party's key pair, kept before the public half is told to anybody. */
const sealingKeyPair = Effect.map(
  remembered(
    "sealing-key",
    KeptPair,
    Effect.map(generateSealingKeyPair, ({ publicKey, privateKey }) => ({
      publicKey,
      privateKey: Redacted.value(privateKey)
    }))
  ),
  ({ publicKey, privateKey }): SealingKeyPair => ({ publicKey, privateKey: Redacted.make(privateKey) })
)

const KeptStanding = format(
  "standing",
  Schema.Struct({
    parameters: ParametersOnWire,
    unifiedPublicKey: Bytes,
    orderKey: Bytes,
    roster: Bytes,
    secrets: Bytes
  })
)

/** The enrolment with the KGC. `secrets` is the format of what this role is given under seal. What was kept is checked again. */
export const enrolment = <S>(options: MemberOptions, secrets: Format<S>) =>
  Effect.gen(function* () {
    const sealing = yield* sealingKeyPair
    const enrol = Effect.gen(function* () {
      const party = yield* Party
      const credentials = yield* party.ask(
        "kgc",
        Enrolment,
        { sealingKey: sealing.publicKey },
        { deadlineMs: partTimeoutMs(options.agreement), phase: "setup" }
      )
      const { parameters: wire, unifiedPublicKey, orderKey, roster: signedRoster } = credentials
      const standing = yield* checkStanding(options, { wire, unifiedPublicKey, orderKey, signedRoster })
      const membership: Membership = { ...standing, sealing }
      const opened = yield* openFrom(membership, "kgc", Enrolment.tag, secrets, credentials.sealed)
      const enrolled: Enrolled<S> = { membership, secrets: Redacted.make(opened) }
      return enrolled
    }).pipe(Effect.withSpan("enrol"))
    return yield* once(
      "standing",
      {
        encode: ({ membership, secrets: own }: Enrolled<S>) =>
          Effect.flatMap(secrets.encode(Redacted.value(own)), (packed) =>
            KeptStanding.encode({
              parameters: membership.wire,
              unifiedPublicKey: membership.unifiedPublicKey,
              orderKey: membership.orderKey,
              roster: membership.signedRoster,
              secrets: packed
            })
          ),
        decode: (bytes) =>
          Effect.gen(function* () {
            const kept = yield* KeptStanding.decode(bytes)
            const { parameters: wire, unifiedPublicKey, orderKey, roster: signedRoster } = kept
            const standing = yield* checkStanding(options, {
              wire,
              unifiedPublicKey,
              orderKey,
              signedRoster
            })
            const own = Redacted.make(yield* secrets.decode(kept.secrets))
            return { membership: { ...standing, sealing }, secrets: own }
          })
      },
      enrol
    )
  })

/** Packs a value and seals it to another party of the roster, bound to this run and to the message that carries it. */
export const sealTo = <A>(membership: Membership, to: string, tag: string, format: Format<A>, value: A) =>
  Effect.gen(function* () {
    const party = yield* Party
    const { sealingKey } = yield* rosterEntry(membership.roster, to)
    const context: SealContext = { run: party.run, from: party.name, to, messageType: tag }
    return yield* seal(sealingKey, context, yield* format.encode(value))
  })

/** Opens and unpacks what another party sealed to this one. */
export const openFrom = <A>(
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
