/** Hints for values that are not what they must be, where the value itself shows what was meant. Pure. */
import { bareName } from "../../protocol/data/near-names.ts"

/** `must be a number; take the quotes away`, or the sentence alone where there is no hint. */
export const withHint = (sentence: string, hint: string | undefined): string =>
  hint === undefined ? sentence : `${sentence}; ${hint}`

const nothing = "nothing is written here"

/** For a number: the value is a text that people, or other programs, write for one. */
export const numberHint = (actual: unknown): string | undefined => {
  if (actual === null || actual === undefined) return nothing
  if (typeof actual !== "string") return undefined
  const written = actual.trim()
  if (written !== "" && Number.isFinite(Number(written))) return "take the quotes away"
  if (/^[+-]?[\d.,_'\s]*\d\s*%$/.test(written)) return "write a share such as 0.2 for 20 %"
  if (/^[+-]?\d[\d.,_'\s]*$/.test(written)) return "write nothing but a decimal point between the digits"
  return undefined
}

/** For a text: YAML reads what has no quotes as a number, true, false or null where it can. */
export const textHint = (actual: unknown): string | undefined => {
  if (typeof actual === "number") return "put quotes around a number that is meant as a text"
  if (typeof actual === "boolean")
    return 'put quotes around true or false that is meant as a text, spelt as in the files, such as "True"'
  if (actual === null || actual === undefined)
    return `${nothing}; put quotes around null or ~ that is meant as a text`
  if (typeof actual !== "string") return undefined
  if (/\p{Surrogate}/u.test(actual)) return "it has half a character in it"
  return actual.trim() === actual
    ? undefined
    : "take out the spaces at its edges, which files are read without"
}

/** For true or false: YAML 1.2 reads yes, no, on and off as texts. */
export const booleanHint = (actual: unknown): string | undefined => {
  if (actual === null || actual === undefined) return nothing
  if (typeof actual !== "string") return undefined
  const written = actual.toLowerCase()
  if (["yes", "on", "y", "true"].includes(written)) return "write true, without quotes"
  if (["no", "off", "n", "false"].includes(written)) return "write false, without quotes"
  return undefined
}

/** Names that other programs have for what a scenario says, and where it says it. */
const elsewhere: ReadonlyArray<readonly [path: string, names: ReadonlyArray<string>]> = [
  ["name", ["title", "id", "scenario"]],
  ["data", ["dataset", "table", "schema"]],
  ["data.id", ["index", "key", "idcolumn", "primarykey"]],
  ["data.features", ["features", "inputs", "attributes", "featurenames"]],
  ["data.label", ["label", "target", "outcome", "class", "y"]],
  ["data.label.column", ["labelcolumn", "targetcolumn"]],
  ["data.label.values", ["labels", "classes", "categories", "classnames", "values"]],
  ["data.scaleTo", ["scale", "scaleto", "normalize", "normalise", "featurerange"]],
  ["users", ["parties", "owners", "clients", "participants", "members", "user"]],
  ["users[].holds", ["holds", "holdings", "files", "datasets"]],
  ["users[].holds[].file", ["file", "path", "filename", "source", "url"]],
  ["users[].holds[].columns", ["columns", "cols", "usecols"]],
  ["users[].holds[].header", ["header", "headers"]],
  ["users[].holds[].part", ["part", "slice"]],
  ["heldOut", ["heldout", "holdout", "testsize", "testshare", "testsplit", "validationsplit", "split"]],
  ["network", ["model", "architecture"]],
  ["network.hidden", ["hidden", "hiddenlayers", "hiddenlayersizes", "hiddenunits", "layers", "units"]],
  ["network.output", ["activation", "outputactivation"]],
  ["network.initialVariance", ["initialvariance", "initialisation", "initialization", "init"]],
  ["training", ["train", "optimizer", "optimiser", "hyperparameters"]],
  ["training.epochs", ["epochs", "nepochs", "numepochs", "iterations", "maxiter", "rounds"]],
  ["training.batch", ["batch", "batchsize", "minibatch"]],
  ["training.loss", ["loss", "lossfunction", "criterion", "objective"]],
  ["training.momentum", ["momentum", "beta", "nesterov"]],
  [
    "training.weightDecay",
    ["weightdecay", "l2", "alpha", "decay", "regularization", "regularisation", "penalty"]
  ],
  ["training.schedule", ["schedule", "scheduler", "lrschedule", "lrscheduler", "ratedecay", "lrdecay"]],
  ["training.rate", ["rate", "lr", "learningrate", "eta", "learningrateinit", "stepsize"]],
  ["security.modulusBits", ["modulusbits", "bits", "keysize", "keybits", "keylength", "modulus"]],
  ["security.fractionalBits", ["fractionalbits", "precision", "fractionbits"]],
  ["security.exponents", ["exponents"]],
  ["security.upload", ["upload"]],
  ["security.insecure", ["insecure"]],
  ["seed", ["seed", "randomstate", "randomseed", "rngseed"]],
  ["placement.workers", ["workers", "njobs"]],
  ["placement.threads", ["threads"]],
  ["placement.lanes", ["lanes"]],
  ["placement.checkpoints", ["checkpoints", "checkpoint"]],
  ["deadlines", ["timeouts", "timeout"]],
  ["deadlines.replyTimeoutMs", ["replytimeoutms", "replytimeout"]],
  ["deadlines.roundTimeoutMs", ["roundtimeoutms", "roundtimeout"]],
  ["deadlines.phaseTimeoutMs", ["phasetimeoutms", "phasetimeout"]],
  ["expect", ["expectations", "expected"]],
  ["expect.minAccuracy", ["minaccuracy"]],
  ["expect.maxAccuracyGap", ["maxaccuracygap"]],
  ["expect.maxWeightDeviation", ["maxweightdeviation"]]
]

/** Where a scenario says what this name stands for elsewhere, or in another of its sections. */
export const placeOf = (name: string): string | undefined =>
  elsewhere.find(([, names]) => names.includes(bareName(name)))?.[0]
