import { Either, Redacted } from "effect"
import { describe, expect, it } from "vitest"
import { agreementDigest } from "../../../actors/party/agreement.ts"
import { drawSecret, identityOfSecret, publicTextOf } from "../../../protocol/channels/identity.ts"
import { ArrayFormatter } from "../../../protocol/schema.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { faultsJsonSchema } from "../../../scenarios/description/faults.ts"
import { hostsJsonSchema } from "../../../scenarios/description/hosts.ts"
import { scenarioJsonSchema } from "../../../scenarios/description/schema.ts"
import { headline } from "../../../scenarios/text/units.ts"
import { laidOut, openObjects } from "../../support/json-schema.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const problems = (changes: object): ReadonlyArray<string> => {
  const decoded = decodeScenario({ ...plainScenario, ...changes })
  if (Either.isRight(decoded)) throw new Error("the scenario was accepted")
  return ArrayFormatter.formatErrorSync(decoded.left).map(
    ({ path, message }) => `${path.join(".")} ${message}`
  )
}

const { data, users } = plainScenario
const [north, south] = users

describe("scenario schema - defaults", () => {
  it("needs no description, and the headline is the name then", () => {
    const { description, ...without } = plainScenario
    const bare = Either.getOrThrow(decodeScenario(without))
    expect(headline(bare)).toBe(plainScenario.name)
    expect(headline({ ...bare, description })).toBe(`${plainScenario.name}: ${description}`)
  })

  it("fills in what is left out, and nothing is revealed by default", () => {
    expect(Either.getOrThrow(decodeScenario(plainScenario))).toEqual({
      ...plainScenario,
      data: {
        ...data,
        id: "id",
        features: [
          { name: "length", range: [0, 10] },
          { name: "width", range: [-1, 1] }
        ],
        scaleTo: [-1, 1]
      },
      join: "salted",
      heldOut: 0.2,
      validation: 0,
      network: { hidden: [8], output: "identity" },
      training: {
        ...plainScenario.training,
        on: "shares",
        momentum: 0,
        weightDecay: 0,
        schedule: "constant"
      },
      security: {
        modulusBits: 2048,
        exponents: "short",
        fractionalBits: 20,
        upload: "packed",
        output: "packed",
        dealing: "kgc",
        insecure: false
      },
      placement: {
        usersLeaveAfterUpload: false,
        checkpoints: "folder",
        lanes: 1,
        workers: { kgc: 0, cloud0: 0, cloud1: 0 },
        threads: {}
      },
      reveal: [],
      archive: "keep",
      model: "opened",
      decryption: {},
      deadlines: { replyTimeoutMs: 60_000, roundTimeoutMs: 60_000, phaseTimeoutMs: 3_600_000 },
      expect: {}
    })
  })

  it("fills in the rest of a section that is given in part", () => {
    const decoded = decodeScenario({ ...plainScenario, security: { modulusBits: 3072 } })
    expect(Either.getOrThrow(decoded).security).toMatchObject({ modulusBits: 3072, exponents: "short" })
  })

  it("reads numbered columns as the columns they stand for, in the order of the features", () => {
    const features = {
      age: [0, 100],
      point: { count: 3, range: [0, 255] },
      tap: { count: 2, range: [0, 1], first: 0 }
    }
    const decoded = decodeScenario({ ...plainScenario, data: { ...data, features } })
    expect(Either.getOrThrow(decoded).data.features).toEqual([
      { name: "age", range: [0, 100] },
      { name: "point1", range: [0, 255] },
      { name: "point2", range: [0, 255] },
      { name: "point3", range: [0, 255] },
      { name: "tap0", range: [0, 1] },
      { name: "tap1", range: [0, 1] }
    ])
  })

  it("allows a small modulus where it is said to be insecure", () => {
    const decoded = decodeScenario({ ...plainScenario, security: { modulusBits: 512, insecure: true } })
    expect(Either.isRight(decoded)).toBe(true)
  })
})

describe("agreement", () => {
  const agreed = (changes: object) =>
    agreementOf(Either.getOrThrow(decodeScenario({ ...plainScenario, ...changes })))
  const three = { users: [north, south, { ...south, name: "west" }] }

  it("is the same to the byte with a threshold of all users as without one", () => {
    expect(agreementDigest(agreed({ decryption: { threshold: 2 } }))).toBe(agreementDigest(agreed({})))
  })

  it("has a threshold below the number of users, and how long the others wait", () => {
    const decryption = { threshold: 2 }
    expect(agreed({ ...three, decryption }).decryption).toEqual({ ...decryption, absenceTimeoutMs: 300_000 })
    const wait = (deadlines: object) =>
      agreed({ ...three, decryption, deadlines }).decryption?.absenceTimeoutMs
    expect(wait({ phaseTimeoutMs: 60_000 })).toBe(30_000)
    expect(wait({ absenceTimeoutMs: 1_000 })).toBe(1_000)
    expect(agreementDigest(agreed({ ...three, decryption }))).not.toBe(agreementDigest(agreed(three)))
  })
})

describe("scenario schema - what is refused", () => {
  it.each([
    ["an unknown key", { sead: 1 }, /^sead is unexpected/],
    ["an unknown key of a section", { security: { sigma: 20 } }, /^security\.sigma is unexpected/],
    [
      "a number out of bounds",
      { heldOut: 1 },
      /^heldOut must be a number from 0 up to, but not including, 1; or marked/
    ],
    [
      "a fraction of an epoch",
      { training: { epochs: 1.5, batch: 4, rate: 0.1 } },
      /^training\.epochs must be a whole number from 1 to 100000$/
    ],
    [
      "a word where a number belongs",
      { training: { epochs: 1, batch: "all", rate: 0.1 } },
      /^training\.batch must be a whole number/
    ],
    [
      "a rate of zero",
      { training: { epochs: 1, batch: 4, rate: 0 } },
      /^training\.rate must be a number above 0/
    ],
    [
      "an activation that there is not",
      { network: { hidden: [8], output: "softmax" } },
      /^network\.output must be one of identity, relu$/
    ],
    ["one user only", { users: [north] }, /^users must be a list of 2 to 16 users$/],
    [
      "a name that is no plain word",
      { users: [{ ...north, name: "North Clinic" }, south] },
      /^users\.0\.name must be at most 40 small letters/
    ],
    [
      "a user who holds nothing",
      { users: [{ name: "north", holds: [] }, south] },
      /^users\.0\.holds must be a list of at least one file$/
    ],
    ["a user without files", { users: [{ name: "north" }, south] }, /^users\.0\.holds is missing$/],
    [
      "a range upside down",
      { data: { ...data, features: { length: [1, 0] } } },
      /^data\.features\.length must be \[minimum, maximum\]/
    ],
    [
      "a range of words",
      { data: { ...data, features: { length: ["low", 1] } } },
      /^data\.features\.length must be \[minimum, maximum\]/
    ],
    [
      "one label only",
      { data: { ...data, label: { column: "kind", values: ["a"] } } },
      /^data\.label\.values must be a list of at least two labels$/
    ],
    [
      "an id that YAML reads as a number",
      { users: [{ ...north, holds: [{ file: "a.csv", rows: [7] }] }, south] },
      /rows\.0 must be a text.*put quotes around a number/
    ],
    [
      "a label that is only named",
      { data: { ...data, label: "kind" } },
      /^data\.label must be a section with the fields .*; such as \{ column: kind, values: \[no, yes\] \}$/
    ],
    [
      "a modulus of another size",
      { security: { modulusBits: 1536 } },
      /^security\.modulusBits must be one of 2048, 3072, 1024, 512$/
    ],
    [
      "something to reveal that there is not",
      { reveal: ["weights"] },
      /^reveal\.0 must be one of accuracy, metrics, heldOutRows, progress, column-statistics, curve$/
    ]
  ])("%s", (_, changes, message) => {
    expect(problems(changes)).toEqual([expect.stringMatching(message)])
  })

  it.each([
    [
      "a numbered column that is listed too",
      { features: { point2: [0, 1], point: { count: 2, range: [0, 1] } } },
      /names the column "point2" a second time/
    ],
    [
      "numbered columns without a range",
      { features: { point: { count: 2 } } },
      /^reveal must have column-statistics: fewer than three users hold point1, point2, so/
    ],
    [
      "no columns at all",
      { features: { point: { count: 0, range: [0, 1] } } },
      /^data\.features\.point\.count must be a whole number from 1 to 1048576$/
    ]
  ])("%s", (_, changes, message) => {
    expect(problems({ data: { ...data, ...changes } })).toEqual([expect.stringMatching(message)])
  })

  it("tells all problems at once", () => {
    expect(problems({ heldOut: 2, name: 7, colour: "red" })).toHaveLength(3)
  })
})

describe("scenario schema - parts that do not fit together", () => {
  it.each([
    [
      "a modulus below 2048 without the insecure flag",
      { security: { modulusBits: 1024 } },
      "security.modulusBits 1024 bits can be factored; use 2048 or 3072, or say insecure: true in a test of the program"
    ],
    [
      "workers of a KGC that does not deal",
      { security: { dealing: "clouds" }, placement: { workers: { kgc: 1 } } },
      "placement.workers.kgc the KGC's workers deal, and with security.dealing: clouds it does not; leave them out, or let the KGC deal"
    ],
    [
      "one user that decrypts alone",
      { decryption: { threshold: 1 } },
      "decryption.threshold must be a whole number from 2 to the number of users, at most 16; one user alone, with what cloud 1 holds, could open the data of all"
    ],
    [
      "more users to decrypt than there are",
      { decryption: { threshold: 3 } },
      "decryption.threshold is more than the 2 users there are; give at most that, or leave it out for all of them"
    ],
    [
      "a wait for absent users where all are needed",
      { decryption: { threshold: 2 }, deadlines: { absenceTimeoutMs: 1000 } },
      "deadlines.absenceTimeoutMs is for runs that can end without some users; give a decryption.threshold below their number, or leave it out"
    ],
    [
      "a wait for absent users that is longer than the phase",
      {
        users: [north, south, { ...south, name: "west" }],
        decryption: { threshold: 2 },
        deadlines: { absenceTimeoutMs: 1000, phaseTimeoutMs: 1000 }
      },
      "deadlines.absenceTimeoutMs must be below phaseTimeoutMs, which is 1000: the output is over by then"
    ],
    [
      "no feature",
      { data: { ...data, features: {} } },
      "data.features must have at least one feature column"
    ],
    [
      "a label that is a feature too",
      { data: { ...data, label: { column: "length", values: ["a", "b"] } } },
      "data.features.length is also the label column; a column has one role only"
    ],
    [
      "a label listed twice",
      { data: { ...data, label: { column: "kind", values: ["a", "b", "a"] } } },
      'data.label.values.2 "a" is listed twice; list each label once'
    ],
    [
      "two users of one name",
      { users: [north, { ...south, name: "north" }] },
      'users.1.name "north" is the name of another user too; give each user a name of its own'
    ],
    [
      "a column that the data do not have",
      { users: [north, { name: "south", holds: [{ file: "b.csv", columns: ["lenght"] }] }] },
      'users.1.holds.0.columns.0 "lenght" is neither a feature nor the label of data; correct the name or add it there; did you mean length?'
    ],
    [
      "a column that two entries stand for",
      { users: [north, { name: "south", holds: [{ file: "b.csv", columns: ["width", "length..width"] }] }] },
      'users.1.holds.0.columns.1 "width" is listed twice; list it once'
    ],
    [
      "a run of columns that ends before it begins",
      { users: [north, { name: "south", holds: [{ file: "b.csv", columns: ["width..length"] }] }] },
      'users.1.holds.0.columns.0 "width..length" is neither a feature nor the label of data; correct the name or add it there'
    ],
    [
      "a part that ends before it begins",
      { users: [north, { name: "south", holds: [{ file: "b.csv", part: { from: 3, to: 2 } }] }] },
      "users.1.holds.0.part ends before it begins; give the first row as from"
    ],
    [
      "a file that is marked where nobody asks",
      { users: [north, { name: "south", holds: [{ file: "b.csv", heldOut: true }] }] },
      "users.1.holds.0.heldOut marks rows, which heldOut of the scenario does not ask for; say heldOut: marked there"
    ],
    [
      "marked rows where no file is marked",
      { heldOut: "marked" },
      "heldOut asks for marked rows, but no file is marked; say heldOut: true in a file that is held"
    ],
    [
      "an accuracy expected but not revealed",
      { expect: { minAccuracy: 0.9 } },
      "expect.minAccuracy can't be judged unless the accuracy is revealed; add accuracy to reveal"
    ],
    [
      "an accuracy without held-out rows",
      { heldOut: 0, reveal: ["accuracy"] },
      "heldOut must be above 0 where accuracy or metrics are to be revealed"
    ],
    [
      "held-out rows pooled for nothing",
      { reveal: ["heldOutRows"] },
      "reveal.0 serves only to test the model; add accuracy or metrics to reveal, or leave heldOutRows out"
    ],
    [
      "a weight deviation without a seed",
      { expect: { maxWeightDeviation: 0.001 } },
      "expect.maxWeightDeviation compares with a replay of the run, which only a seed allows; give a seed or leave it out"
    ],
    [
      "a rate that no word holds",
      { training: { epochs: 1, batch: 8, rate: 1e-12 } },
      "training.rate 1e-12 over a batch of 8 is too small for 64-bit words; use at least 3.76e-9, or a smaller batch"
    ],
    [
      "more precision than a large batch leaves room for",
      { training: { epochs: 1, batch: 1024, rate: 0.1, momentum: 0 }, security: { fractionalBits: 26 } },
      "security.fractionalBits 26 fractional bits leave no room for the gradients of a batch of 1024 in 64-bit words; use at most 20 fractional bits, or a smaller batch"
    ],
    [
      "a softmax for a number",
      {
        data: { ...data, label: { column: "kind", range: [0, 1] } },
        training: { epochs: 1, batch: 2, rate: 0.1, loss: "softmax" }
      },
      'training.loss "softmax" is for a label with values, which are classes; use "squared-error" for numbers'
    ],
    [
      "a cross-entropy of outputs that have an activation",
      {
        network: { hidden: [], output: "relu" },
        training: { epochs: 1, batch: 2, rate: 0.1, loss: "sigmoid" }
      },
      'network.output "relu" cannot be used with the loss "sigmoid", which has an activation of its own; use "identity" on the output layer'
    ],
    [
      "features scaled to what no fixed-point number holds",
      { data: { ...data, scaleTo: [-1, 1e13] } },
      "data.scaleTo is beyond the fixed-point numbers of 20 fractional bits, which are below 4398046511104; use [-1, 1] unless there is a reason not to"
    ],
    [
      "a range wider than a number can say",
      { data: { ...data, features: { length: [-1e308, 1e308] } } },
      "data.features.length is wider than a number can say; give the range that the quantity really has"
    ]
  ])("%s", (_, changes, message) => {
    expect(problems(changes)).toEqual([message])
  })
})

/** As Biome would lay it out, so that the file passes the linter as it is written. */
describe("scenario schema - identities", () => {
  const secret = Redacted.value(drawSecret())
  const text = publicTextOf(identityOfSecret(secret)!)
  const other = publicTextOf(identityOfSecret(Redacted.value(drawSecret()))!)

  it("are public texts, of some or of all parties", () => {
    const listed = { parties: { kgc: text }, users: [{ ...north, identity: other }, south] }
    expect(Either.getOrThrow(decodeScenario({ ...plainScenario, ...listed }))).toMatchObject(listed)
  })

  it("are refused where they are cut, or half of one", () => {
    for (const wrong of [text.slice(1), text.slice(0, -1), text.slice(0, 43), text.slice(44), "kgc", 7])
      expect(problems({ parties: { kgc: wrong } })).toEqual([
        "parties.kgc must be a public text of 100 characters, as bicameral identity prints it"
      ])
  })

  it("are never secrets, of which nothing is repeated", () => {
    const [problem] = problems({ users: [{ ...north, identity: secret }, south] })
    expect(problem).toMatch(
      /^users\.0\.identity must be .*; this is the party's secret: take it out, and make another/
    )
    expect(problem).not.toContain(secret.slice(-40))
  })

  it("are each of one party", () => {
    expect(
      problems({ parties: { kgc: text, cloud0: text }, users: [{ ...north, identity: text }, south] })
    ).toEqual([
      "parties.cloud0 is the identity of kgc too; have each party make one of its own",
      "users.0.identity is the identity of kgc too; have each party make one of its own"
    ])
  })
})

describe("scenario schema - for editors", () => {
  it("is what scenario.schema.json holds (npx vitest run test/scenarios/description/schema.test.ts -u writes it anew)", async () => {
    await expect(laidOut(scenarioJsonSchema())).toMatchFileSnapshot("../../../scenarios/scenario.schema.json")
  })

  it("refuses unknown keys in every section", () => {
    expect(openObjects(scenarioJsonSchema())).toEqual([])
  })
})

describe("schemas of the other files - for editors", () => {
  it("of hosts is what hosts.schema.json holds, and refuses unknown keys", async () => {
    await expect(laidOut(hostsJsonSchema())).toMatchFileSnapshot("../../../scenarios/hosts.schema.json")
    expect(openObjects(hostsJsonSchema())).toEqual([])
  })

  it("of fault plans is what faults.schema.json holds, and refuses unknown keys", async () => {
    await expect(laidOut(faultsJsonSchema())).toMatchFileSnapshot("../../../scenarios/faults.schema.json")
    expect(openObjects(faultsJsonSchema())).toEqual([])
  })
})
