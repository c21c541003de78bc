import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { stepCost } from "../../../protocol/computation/cost.ts"
import { denseCells } from "../../../protocol/data/cells.ts"
import type { NumberFeature } from "../../../protocol/data/description.ts"
import { type Calibration, onCurve } from "../../../scenarios/description/calibration.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { decodeHosts, type Hosts } from "../../../scenarios/description/hosts.ts"
import type { Scenario } from "../../../scenarios/description/schema.ts"
import { ciphertextTraining } from "../../../scenarios/forecast/ciphertexts.ts"
import { stepWorkMs } from "../../../scenarios/forecast/ciphertexts-time.ts"
import { type Prediction, predictTime } from "../../../scenarios/forecast/prediction.ts"
import { predictCost } from "../../../scenarios/forecast/traffic.ts"
import { decodingProblems } from "../../../scenarios/text/problems.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const scenario = Either.getOrThrow(
  decodeScenario({
    ...plainScenario,
    network: { hidden: [64] },
    training: { epochs: 1, batch: 64, rate: 0.1, loss: "squared-error" }
  })
)

/** Two users with half of the rows each. */
const costOf = (rows: number, of: Scenario = scenario) =>
  predictCost(of, {
    rows: { total: rows, training: rows, uploaded: rows, heldOut: 0, indices: () => new Uint32Array(0) },
    placed: [0, 1].map(() => ({
      training: [
        {
          rows: new Uint32Array(rows / 2),
          columns: new Uint32Array(4),
          cells: denseCells(4, new Float64Array(0))
        }
      ],
      heldOut: []
    }))
  })
const rows = 640
const cost = costOf(rows)

const linear = (msEach: number) =>
  [
    [1, msEach],
    [100, 100 * msEach]
  ] as const

const calibration: Calibration = {
  machine: { processor: "none", cores: 1, node: "v20", date: "2020-01-01" },
  cores: 1,
  startUpMs: 100,
  threadMs: 10,
  arithmetic: {
    millionProductsMs: 1000,
    cloud: { megabyteMs: 0, roundMs: 0, firstMs: 0 },
    dealer: { megabyteMs: 0, roundMs: 0, firstMs: 0 }
  },
  messages: {
    end: { messageMs: 0, megabyteMs: 0, firstMs: 0 },
    broker: { messageMs: 0, megabyteMs: 0 },
    waitMs: 0
  },
  words: { makeMegabyteMs: 0, openMegabyteMs: 0 },
  join: { thousandOwnMs: 0, thousandOthersMs: 0 },
  dealing: { megabyteMs: 0 },
  store: { entryMs: 0, megabyteMs: 0 },
  bcp: {
    2048: {
      parametersMs: 2000,
      encrypt: linear(10),
      encryptFactored: linear(5),
      openMaster: linear(20),
      blind: linear(10),
      reencrypt: linear(25),
      multiplicationMs: 0.01,
      openAnyMs: 3,
      strip: linear(1),
      partialDecrypt: linear(10),
      prove: linear(3),
      verify: linear(5),
      combine: linear(1)
    }
  }
}

type Changes = { readonly [K in keyof Hosts]?: unknown }

const names = ["kgc", "c0", "c1", "u1", "u2", "l0", "l1"]
const ground = {
  links: { lan: { delayMs: 0, megabitsPerSecond: 1e9 }, wan: { delayMs: 0, megabitsPerSecond: 1e9 } },
  hosts: names.map((name) => ({ name, site: name, cores: 1 })),
  placement: { broker: "kgc", kgc: "kgc", cloud0: "c0", cloud1: "c1", users: ["u1", "u2"] }
}
const hosts = (changes: Changes = {}): Hosts => Either.getOrThrow(decodeHosts({ ...ground, ...changes }))

const phase = (prediction: Prediction, name: string) => prediction.phases.find((each) => each.phase === name)!
const predicted = (changes: Changes = {}, measured = calibration, of = cost) =>
  predictTime({ scenario, cost: of }, hosts(changes), measured)

const steps = 10
const step = stepCost(cost.plan)

describe("predicted time", () => {
  it("is the products of a cloud where there is nothing else", () => {
    const train = phase(predicted(), "train")
    expect(train.seconds).toBeCloseTo((steps * step.multiplications) / 1e6, 6)
    expect(train.binds).toContain("cloud0")
  })

  it("is that of all parties where they share the cores of one machine", () => {
    const train = phase(predicted({ sharedCores: 2 }), "train")
    // Once at each cloud and at the dealer.
    expect(train.seconds).toBeCloseTo((steps * 3 * step.multiplications) / 1e6 / 2, 6)
    expect(train.binds).toContain("the cores of all hosts")
  })

  it("has no dealer where the clouds deal, and what they send each other for it at both", () => {
    const security = { ...scenario.security, dealing: "clouds" as const }
    const dealt = { phase: "train", tag: "round:deal", messages: 2, bytes: 3_000_000 } as const
    const ofClouds = { ...cost, traffic: [...cost.traffic, dealt] }
    const dealing = { megabyteMs: 5 }
    const train = (changes: Changes) =>
      phase(
        predictTime({ scenario: { ...scenario, security }, cost: ofClouds }, hosts(changes), {
          ...calibration,
          dealing
        }),
        "train"
      )
    const products = (steps * step.multiplications) / 1e6
    expect(train({}).seconds).toBeCloseTo(products + 0.015, 6)
    expect(train({ sharedCores: 2 }).seconds).toBeCloseTo((2 * products) / 2 + 0.015, 6)
  })

  it("has the KGC that deals ahead done before the training begins", () => {
    const security = { ...scenario.security, dealing: "kgc-ahead" as const }
    const ahead = (changes: Changes) =>
      phase(predictTime({ scenario: { ...scenario, security }, cost }, hosts(changes), calibration), "train")
    const products = (steps * step.multiplications) / 1e6
    expect(ahead({}).seconds).toBeCloseTo(2 * products, 6)
    expect(ahead({ sharedCores: 2 }).seconds).toBeCloseTo(products + (2 * products) / 2, 6)
  })

  it("is on ciphertexts what cloud 0 opens, then what cloud 1 multiplies, once a session and in each step, with the threads of its workers", () => {
    const onCiphertexts = ciphertextTraining(scenario, { ...cost.plan, loss: "squared-error" }, [8, 8])
    const of = { ...cost, onCiphertexts, traffic: [] }
    const { once, openings } = onCiphertexts
    const work = [...Array.from({ length: steps }, () => onCiphertexts.step), ...once].map((each) =>
      stepWorkMs(calibration.bcp[2048]!, each)
    )
    const [cloud0, cloud1] = (["cloud0", "cloud1"] as const).map((who) =>
      work.reduce((sum, each) => sum + each[who], 0)
    ) as [number, number]
    // The cells of both users, then the weights.
    expect(once.map((each) => [each.openings > 0, each.encryptions > 0])).toEqual([
      [true, false],
      [true, false],
      [false, true],
      [true, false]
    ])
    expect(cloud0).toBeGreaterThan(3 * openings)
    const train = phase(predicted({}, calibration, of), "train")
    expect(train.seconds).toBeCloseTo((cloud0 + cloud1) / 1000, 6)
    expect(train.binds).toBe(cloud0 > cloud1 ? "the openings of cloud0" : "the products of powers of cloud1")
    const placement = { ...ground.placement, workers: { cloud1: ["l1"] } }
    const helped = phase(predicted({ placement }, calibration, of), "train")
    expect(helped.seconds).toBeCloseTo((cloud0 + cloud1 / 2) / 1000, 6)
  })

  it("adds to the upload what a private join takes: own ids and those of others, before the rest", () => {
    const join = { thousandOwnMs: 2_000, thousandOthersMs: 1_000 }
    const upload = (raisedIds: ReadonlyArray<number>, changes: Changes = {}) =>
      phase(predicted(changes, { ...calibration, join }, { ...cost, raisedIds }), "upload")
    const salted = upload([0, 0])
    // User 1: 3,000 of its own, and 1,000 of user 2.
    const own = upload([3_000, 1_000])
    expect(own.work.seconds - salted.work.seconds).toBeCloseTo(3 * 2 + 1, 6)
    expect(own.binds).toContain("user 1")
    const shared = (raisedIds: ReadonlyArray<number>) => upload(raisedIds, { sharedCores: 1 }).work.seconds
    expect(shared([3_000, 1_000]) - shared([0, 0])).toBeCloseTo(3 * 2 + 1 + (2 + 3), 6)
  })

  it("adds to the upload the turns of joint statistics: parts of keys, sums, and squares where there is a deviation", () => {
    const waiting = (features: Scenario["data"]["features"]) => {
      const of = { ...scenario, data: { ...scenario.data, features } }
      const far = { ...ground.links, wan: { ...ground.links.wan, delayMs: 100 } }
      return phase(predicted({ links: far }, calibration, costOf(rows, of)), "upload").waiting.seconds
    }
    const [first, second] = scenario.data.features as readonly [NumberFeature, NumberFeature]
    const without = waiting([first, second])
    // There and back each turn, by way of the broker: four links.
    expect(waiting([{ ...first, fill: "mean" }, second]) - without).toBeCloseTo(2 * 0.4, 6)
    expect(waiting([{ name: first.name }, second]) - without).toBeCloseTo(3 * 0.4, 6)
  })

  it("is longer where users decrypt with key shares, which are longer than secret keys, and weigh what they get", () => {
    const placement = { ...ground.placement, users: ["u1", "u2", "l0"] }
    const output = (decryption: { readonly threshold?: number }) => {
      const run = { scenario: { ...scenario, decryption }, cost: { ...cost, shares: [20, 20, 20] } }
      return phase(predictTime(run, hosts({ placement }), calibration), "output").work.seconds
    }
    // Of two of three users: 649 bits in place of 512. The power 6 and the weights 2 and -1 have 6 bits.
    const more = (0.01 * cost.modelCiphertexts * (649 - 512 + 6)) / 512
    expect(output({ threshold: 2 }) - output({})).toBeCloseTo(more, 6)
    expect(output({ threshold: 3 })).toBe(output({}))
  })

  it("has what compiling takes once, side by side where the parties have cores of their own", () => {
    const { cloud, dealer } = calibration.arithmetic
    const slow: Calibration = {
      ...calibration,
      arithmetic: {
        ...calibration.arithmetic,
        cloud: { ...cloud, firstMs: 300 },
        dealer: { ...dealer, firstMs: 200 }
      },
      messages: { ...calibration.messages, end: { ...calibration.messages.end, firstMs: 100 } }
    }
    const longer = (changes: Changes) =>
      phase(predicted(changes, slow), "train").seconds - phase(predicted(changes), "train").seconds
    expect(longer({})).toBeCloseTo(0.4, 9)
    expect(longer({ sharedCores: 2 })).toBeCloseTo((2 * 0.4 + 0.3) / 2, 9)
  })

  it("has the delay of each round to the broker and from it", () => {
    const wan = { delayMs: 20, megabitsPerSecond: 1e9 }
    const train = phase(predicted({ links: { lan: wan, wan } }), "train")
    expect(train.waiting.seconds).toBeCloseTo((steps * 11 * 40) / 1000, 6)
    expect(train.binds).toBe("the delay of 11 rounds a step")
  })

  it("has the delay of a further hop each where the clouds have brokers of their own at hand", () => {
    const links = {
      lan: { delayMs: 1, megabitsPerSecond: 1e9 },
      wan: { delayMs: 20, megabitsPerSecond: 1e9 }
    }
    const near = names.map((name) => ({
      name,
      site: name === "l0" ? "c0" : name === "l1" ? "c1" : name,
      cores: 1
    }))
    const placement = { ...ground.placement, siteBrokers: ["l0", "l1"] }
    const train = phase(predicted({ links, hosts: near, placement }), "train")
    expect(train.waiting.seconds).toBeCloseTo((steps * 11 * (1 + 20 + 20 + 1)) / 1000, 6)
  })

  it("has what the links carry of openings, one after the other, and waits for no corrections that come in time", () => {
    const slow = { delayMs: 0, megabitsPerSecond: 1 }
    const { transfer, binds } = phase(predicted({ links: { lan: slow, wan: slow } }), "train")
    const openings = 8 * (steps * step.bytesEachWay + rows * 2 * 8)
    const corrections = 8 * steps * step.dealtBytes
    expect(transfer.seconds * 1e6).toBeCloseTo(Math.max(openings, corrections + 8 * rows * 2 * 8), 0)
    expect(binds).toContain("the link")
  })

  it("halves a cloud's products with two lanes, and adds what lane 0 hands out and gets back", () => {
    const lanes = { cloud0: ["l0"], cloud1: ["l1"] }
    // The dealer has as many products as a cloud, so with lanes it needs help as well.
    const placement = { ...ground.placement, lanes, workers: { kgc: ["u1"] } }
    const half = phase(predicted({ placement }), "train")
    expect(half.seconds).toBeCloseTo((steps * step.multiplications) / 1e6 / 2, 6)
    const messages = { ...calibration.messages, end: { ...calibration.messages.end, messageMs: 1000 } }
    const handed = phase(predicted({ placement }, { ...calibration, messages }), "train")
    const alone = phase(predicted({}, { ...calibration, messages }), "train")
    // Two messages each way more for the lanes, and what answers them takes.
    expect(handed.seconds).toBeGreaterThan(alone.seconds)
  })

  it("is shorter by workers for the ciphertexts of the transformation, unless a user has but one piece of them", () => {
    const gain = (rows: number) => {
      const workers = { cloud0: ["l0"], cloud1: ["l1"] }
      const alone = phase(predicted({}, calibration, costOf(rows)), "transform")
      const changes = { placement: { ...ground.placement, workers } }
      const helped = phase(predicted(changes, calibration, costOf(rows)), "transform")
      expect(alone.binds).toBe("the cores of c0 (cloud0 most)")
      return alone.work.seconds / helped.work.seconds
    }
    expect(gain(6400)).toBeGreaterThan(1.9)
    expect(gain(6400)).toBeLessThan(2)
    expect(gain(640)).toBe(1)
  })

  it("is as long as a cloud takes to store an upload, where that is longest", () => {
    const upload = phase(predicted({}, { ...calibration, store: { entryMs: 5000, megabyteMs: 0 } }), "upload")
    const pieces = cost.traffic.find(({ tag }) => tag === "UploadShare0")!.messages / 2
    expect(upload.work.seconds).toBeCloseTo(5 * pieces, 6)
    expect(upload.binds).toBe("the storage of cloud0")
  })

  it("is by no more cores of a user shorter than it has pieces of its upload under way", () => {
    const links = {
      lan: { delayMs: 0, megabitsPerSecond: 1e9 },
      wan: { delayMs: 20, megabitsPerSecond: 1e9 }
    }
    const large = costOf(64_000)
    const pieces = large.traffic.find(({ tag }) => tag === "UploadShare0")!.messages / 2 / 2
    expect(pieces).toBeGreaterThan(32)
    const upload = (cores: number) => {
      const those = ground.hosts.map((host) => ({ ...host, cores }))
      return phase(
        predictTime({ scenario, cost: large }, hosts({ hosts: those, links }), calibration),
        "upload"
      )
    }
    expect(upload(1).work.seconds / upload(4).work.seconds).toBeGreaterThan(3)
    expect(upload(64).seconds).toBeCloseTo(upload(4).seconds, 9)
    // Of each piece the share of one cloud is sent when that of the other is kept.
    expect(upload(4).waiting.seconds).toBeCloseTo(((4 + (2 * pieces) / 4) * 4 * 20) / 1000, 6)
  })

  it("names the host whose memory the table does not fit", () => {
    const many = costOf(10 ** 6)
    const gigabytes = (c1: number) =>
      ground.hosts.map((host) => ({ ...host, gigabytes: host.name === "c1" ? c1 : 1 }))
    // Four columns of 10^6 rows, 8 bytes a cell, and 150 MB for the process itself.
    const { tooSmall, binds } = predicted({ hosts: gigabytes(0.181) }, calibration, many)
    expect(tooSmall.map(({ host }) => host)).toEqual(["c1"])
    expect(binds).toBe("the memory of c1")
    expect(predicted({ hosts: gigabytes(0.183) }, calibration, many).tooSmall).toEqual([])
    // With two lanes the main process keeps all rows still, the other half of them.
    const placement = { ...ground.placement, lanes: { cloud0: ["l0"], cloud1: ["l1"] } }
    const hosts = ground.hosts.map((host) => ({ ...host, gigabytes: host.name === "l1" ? 0.165 : 0.181 }))
    const lacking = predicted({ hosts, placement }, calibration, many).tooSmall
    expect(lacking.map(({ host }) => host).toSorted()).toEqual(["c0", "c1", "kgc", "l1"])
  })

  it("adds up to the sum of its phases, each of its three parts", () => {
    const { phases, seconds } = predicted({
      links: { lan: { delayMs: 1, megabitsPerSecond: 10 }, wan: { delayMs: 9, megabitsPerSecond: 10 } }
    })
    expect(phases.map((each) => each.phase)).toEqual(["setup", "upload", "transform", "train", "output"])
    expect(seconds).toBeCloseTo(
      phases.reduce((sum, each) => sum + each.seconds, 0),
      9
    )
    for (const { work, waiting, transfer, seconds: own } of phases)
      expect(own).toBeCloseTo(work.seconds + waiting.seconds + transfer.seconds, 9)
  })
})

describe("a curve of measured times", () => {
  it("is straight between its points, and goes on beyond the last as before it", () => {
    const curve = [
      [2, 10],
      [4, 14],
      [8, 18]
    ] as const
    expect([0, 1, 2, 3, 8, 12].map((count) => onCurve(curve, count))).toEqual([0, 5, 10, 12, 18, 22])
  })
})

describe("hosts", () => {
  it("that are named twice, that nobody knows, and lanes without a peer are refused", () => {
    const wrong = (changes: object): string =>
      Either.match(decodeHosts({ ...ground, ...changes }), {
        onLeft: (error) =>
          decodingProblems(error, false)
            .map(({ path, message }) => `${path.join(".")}: ${message}`)
            .join("\n"),
        onRight: () => ""
      })
    expect(wrong({ hosts: [...ground.hosts, ground.hosts[0]] })).toMatch(
      /^hosts\.\d+\.name: ".*" is the name of another host too/
    )
    expect(wrong({ placement: { ...ground.placement, kgc: "nowhere" } })).toContain(
      'placement.kgc: "nowhere" is no host of this file'
    )
    expect(wrong({ placement: { ...ground.placement, lanes: { cloud0: ["l0"] } } })).toContain(
      "placement.lanes: each lane of cloud 0 needs its peer"
    )
    expect(wrong({ links: { lan: { delayMs: -1, megabitsPerSecond: 1 } } })).toContain("a number from 0")
    expect(wrong({ speed: 1 })).toContain("speed")
  })
})
