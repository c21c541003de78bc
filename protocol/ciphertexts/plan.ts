/**
 * Sizes of a training on ciphertexts (section 8 of docs/concepts/protocol.md): how long values, blinds and masks are, how
 * many slots a ciphertext has, and how long the exponents are that hide where a ciphertext comes from. All of it follows
 * from the plan of the training and the length of N, and is public.
 *
 * A matrix product has k terms; h is the factor that its products of powers are raised to. In bits:
 *
 *   value v                 B = f + 11 at most, with its sign
 *   blind of a value        B + σ
 *   key K of a result       62 + σ, since what is rescaled is below 2^62
 *   mask M_1                2B + 2σ + log kh: σ more than X·R_W has
 *   slot                    that of M_1, and three: a sum of three such numbers, and a sign
 *
 * σ is 40 and the logarithm of the number of values that are blinded in a run: what C0 sees of the whole run is within
 * 2^−40 of what it would see with other data.
 */
import { type ExponentMode, shortRandomizerBits } from "../bcp/keys.ts"
import { InvalidPlan, opensLabels, outputs, weightShape, width } from "../learning/network.ts"
import { magnitudeBits, rowsOpened, type TrainingPlan } from "../learning/plan.ts"
import { refusedOnCiphertexts } from "./refusals.ts"
import { uploadedIntegers } from "./uploaded.ts"

/** What is seen of a run may be told from what is drawn with a chance of 2^-40. */
const statisticalBits = 40
/** A sum of M_1, of the product of both blinds and of K, and the sign. */
const slotRoom = 3
export interface CiphertextSizes {
  readonly modulusBits: number
  readonly mode: ExponentMode
  /** B: values are from −2^B to 2^B. */
  readonly valueBits: number
  /** σ. */
  readonly hidingBits: number
  readonly blindBits: number
  readonly keyBits: number
  readonly maskBits: number
  readonly slotBits: number
  /** w: slots of a ciphertext. */
  readonly slots: number
  readonly dataSlotBits: number
  /** Of the fresh encryption of zero in a T: σ more than what the products of powers leave in the exponent. */
  readonly randomizerBits: number
}

const bits = (count: number): number => Math.ceil(Math.log2(count))

/** The factor h of a product of powers: what is added may be no multiple of the rate's factor, so it is raised then. */
const mostFactor = ({ addends, rate }: TrainingPlan): number =>
  addends.momentum === undefined && addends.decay === undefined ? 1 : 2 * rate.factor

/** The logarithm of k·h of the product where it is largest. */
const termBits = (plan: TrainingPlan): number => {
  const { network, batch } = plan
  const widths = network.layers.flatMap((_, i) => [width(network, i), width(network, i + 1)])
  return Math.max(bits(Math.max(...widths)), bits(batch * mostFactor(plan)))
}

/** Values that are blinded in a run, each M_1, K and blind: what is seen of them adds up. */
export const blindedValues = (plan: TrainingPlan): number => {
  const { network, batch, steps } = plan
  const ofStep = network.layers.reduce((sum, _, i) => {
    const { rows, cols } = weightShape(network, i + 1)
    const products = 2 * batch * cols + 2 * batch * rows + 2 * rows * cols
    return sum + products + rows * cols + 2 * batch * cols + cols
  }, 0)
  return rowsOpened(plan) * (network.inputs + outputs(network)) + steps * ofStep
}

/** The sizes of a training. Throws `InvalidPlan` where it can't be done on ciphertexts. */
export const sizesOf = (plan: TrainingPlan, modulusBits: number, mode: ExponentMode): CiphertextSizes => {
  requireOnCiphertexts(plan)
  const { valueBits, slotBits: dataSlotBits } = uploadedIntegers(plan.fractionalBits)
  const hidingBits = statisticalBits + bits(blindedValues(plan))
  const blindBits = valueBits + hidingBits
  const keyBits = magnitudeBits + hidingBits
  const maskBits = Math.max(valueBits + blindBits + termBits(plan) + hidingBits, keyBits)
  const slotBits = maskBits + slotRoom
  const slots = Math.floor((modulusBits - 2) / slotBits)
  if (slots < 1)
    throw new InvalidPlan({
      field: "security.modulusBits",
      reason: `a modulus of ${modulusBits} bits has no room for one value of ${slotBits} bits`,
      remedy: "use a longer modulus, fewer fractional bits, or fewer steps"
    })
  return {
    ...{ modulusBits, mode, valueBits, hidingBits, blindBits, keyBits, maskBits, slotBits, slots },
    dataSlotBits,
    randomizerBits: hidingBits + exponentBits(plan, blindBits, modulusBits, mode)
  }
}

/** Bits of the exponent that the products of powers and the addends of a T leave, or of the order of the group. */
const exponentBits = (
  plan: TrainingPlan,
  blindBits: number,
  modulusBits: number,
  mode: ExponentMode
): number => {
  if (mode === "full") return 2 * modulusBits
  // Weights are sums of the ciphertexts of all updates so far, each with a randomizer of its own.
  const ofOne = shortRandomizerBits + bits(plan.steps + 2)
  return ofOne + Math.max(blindBits + termBits(plan), magnitudeBits) + 2
}

/** Refuses what is not done on ciphertexts. Throws `InvalidPlan`. */
export const requireOnCiphertexts = ({ loss, network, rowWeights, validation }: TrainingPlan): void => {
  const [refused] = refusedOnCiphertexts({
    loss,
    reluOutput: opensLabels(network),
    classWeights: rowWeights !== undefined,
    validation: validation !== undefined
  })
  if (refused === undefined) return
  const { what, reason, remedy } = refused
  const fields = {
    loss: "training.loss",
    reluOutput: "network.output",
    classWeights: "training.classWeights",
    validation: "validation"
  }
  throw new InvalidPlan({ field: fields[what], reason, remedy })
}
