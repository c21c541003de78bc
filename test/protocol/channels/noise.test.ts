import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { seal } from "../../../protocol/aead.ts"
import {
  answer,
  begin,
  drawIdentity,
  type HandshakeFailed,
  identityOf,
  openOneWay,
  sealOneWay
} from "../../../protocol/channels/noise.ts"

const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"))

/** The vectors of Noise_KK_25519_AESGCM_SHA256 of two independent implementations: cacophony (Haskell) and snow (Rust). */
const vectors = [
  {
    prologue: "4a6f686e2047616c74",
    initiator: "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
    initiatorsEphemeral: "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
    responder: "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
    respondersEphemeral: "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
    hash: "c03693acd830588fac76dd414c9e100e8c601d27511de855100239f7705fa3f2",
    messages: [
      [
        "4c756477696720766f6e204d69736573",
        "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79448564738a841228e693caeec4c497a8bd562231c3e51a1f03c4fd45dfe3a67870"
      ],
      [
        "4d757272617920526f746862617264",
        "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843b94504c4d83506f5dd2568b68490eba8ed6f9cf2cca194a273c56d7ae3c558"
      ],
      ["462e20412e20486179656b", "6a5c10a201d4e3a08f79f64949e55731f774913a4d949bda3fcebf"],
      ["4361726c204d656e676572", "4e8a1bf06926fdd74e2f516e2b0c11cc1dc3387fadeb75389d4342"]
    ]
  },
  {
    prologue:
      "5468657265206973206e6f20726967687420616e642077726f6e672e2054686572652773206f6e6c792066756e20616e6420626f72696e672e",
    initiator: "9549823a99f0123c499ed64b03f96351089c548db8e62ad808613e832892b371",
    initiatorsEphemeral: "cb6e9750688cdbc61b3cb94eee07ca8653119574b52cf6f00bf39b9e3a6e8ef6",
    responder: "f012bd6139ec4c143ab597178fae7b38e5345db76a712da27f2354d1d49e2bb5",
    respondersEphemeral: "e90eda32e14188b31beb045d5dffe3c8d74997c2a080ef8cbf54535eeed471c8",
    messages: [
      [
        "771ab1a9e5b47a4918ae6e3c3090e2ed8003efab57810dfaa80480b17ca353ed",
        "4ebc0a4c0f62be1035bdb0e593e8f869395f885d54f9addec79ddc077592be1dbdf392d7b24dc710aa9552408bd75a7efd2e2bcbe57c1ba4c7d108479ab505d3df574b860882218db04a12fc5e2e925f"
      ],
      [
        "685d9d6e0db7ef2b2678f27b9d4efb3508dc9b28171e4b83f391a897cc04c660",
        "6ab486b44c71d04b6f3db423964373878d2b1915f64225dc5dd82f6ee22559606adf38b57530c54f9c8b6e71cf416c4604895a02a4b711d5641466fe8f069ca26ec0b9d97b6d576aa7b22dc5aaeb3add"
      ],
      [
        "ec4a308c662e963deb387378aaa22648cae767b7f050531210e15fe778d19c29",
        "340c26a14c3bde0e73bb5d309d4a85daab0b317552ae9203b677a1809a0a564dd34affe246da3dfd7fb17e0ad8bb5f93"
      ],
      [
        "e9968ebcbf844bde2a8b0d4f0487e3efbf30b1ec37bcecb17bda4c697d83b56e",
        "db9b7164d1a9494582661aa0d815e6802c319345d90abb1ea5ea8ea01da648fccc9b6603b7c71116388afcec877b97d2"
      ]
    ]
  }
] as const

const right = <A>(made: Either.Either<A, HandshakeFailed>): A => Either.getOrThrow(made)
const none = new Uint8Array(0)
const nonce = new Uint8Array(12)
const prologue = new Uint8Array([1, 2, 3])

/** Two parties and a handshake between them, whose sides may see something else. */
const pair = () => {
  const [a, b] = [drawIdentity(), drawIdentity()]
  return {
    a,
    b,
    initiator: { own: a, peer: b.publicKey, prologue },
    responder: { own: b, peer: a.publicKey, prologue }
  }
}

describe("Noise KK", () => {
  for (const [at, { messages, ...vector }] of vectors.entries())
    it(`gives the messages and keys of vector ${at + 1}`, () => {
      const [i, r] = [identityOf(hex(vector.initiator)), identityOf(hex(vector.responder))]
      const shared = { prologue: hex(vector.prologue) }
      const begun = right(
        begin(
          { ...shared, own: i, peer: r.publicKey, ephemeral: hex(vector.initiatorsEphemeral) },
          hex(messages[0][0])
        )
      )
      expect(begun.message).toEqual(hex(messages[0][1]))
      const answered = right(
        answer(
          { ...shared, own: r, peer: i.publicKey, ephemeral: hex(vector.respondersEphemeral) },
          begun.message,
          hex(messages[1][0])
        )
      )
      expect(answered.payload).toEqual(hex(messages[0][0]))
      expect(answered.message).toEqual(hex(messages[1][1]))
      const finished = right(begun.finish(answered.message))
      expect(finished.payload).toEqual(hex(messages[1][0]))
      const { toResponder, toInitiator, hash } = finished
      expect([answered.toResponder, answered.toInitiator, answered.hash]).toEqual([
        toResponder,
        toInitiator,
        hash
      ])
      if ("hash" in vector) expect(hash).toEqual(hex(vector.hash))
      const sealed = (key: Uint8Array, k: 2 | 3) => seal({ key, nonce, about: none }, hex(messages[k][0]))
      expect(sealed(toResponder, 2)).toEqual(hex(messages[2][1]))
      expect(sealed(toInitiator, 3)).toEqual(hex(messages[3][1]))
    })

  it("gives the message of the one-way vector, which opens with the sender's key only", () => {
    const { prologue, initiator, initiatorsEphemeral, responder, messages } = vectors[0]
    const [i, r] = [identityOf(hex(initiator)), identityOf(hex(responder))]
    const from = { own: i, peer: r.publicKey, prologue: hex(prologue), ephemeral: hex(initiatorsEphemeral) }
    const sealed = right(sealOneWay(from, hex(messages[0][0])))
    const known =
      "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944f75d2d26eb79461435b90a9f4076d5a5277b8d38d1568b56c6b3771d783671a0"
    expect(sealed).toEqual(hex(known))
    const to = { own: r, peer: i.publicKey, prologue: hex(prologue) }
    expect(right(openOneWay(to, sealed))).toEqual(hex(messages[0][0]))
    for (const other of [
      { ...to, peer: drawIdentity().publicKey },
      { ...to, own: drawIdentity() },
      { ...to, prologue: none }
    ])
      expect(Either.isLeft(openOneWay(other, sealed))).toBe(true)
    // The first message of a handshake is none of the one-way pattern, though it mixes the same keys.
    expect(Either.isLeft(openOneWay(to, hex(messages[0][1])))).toBe(true)
  })

  it("fails where the sides do not agree on the prologue", () => {
    const { initiator, responder } = pair()
    const { message } = right(begin(initiator))
    const other = { ...responder, prologue: new Uint8Array([1, 2, 4]) }
    expect(Either.isLeft(answer(other, message))).toBe(true)
  })

  it("fails where the initiator is another than the responder expects, even one with the responder's own key", () => {
    const { b, responder } = pair()
    const mallory = drawIdentity()
    const forged = right(begin({ own: mallory, peer: b.publicKey, prologue }))
    expect(answer(responder, forged.message)).toMatchObject({ left: { _tag: "HandshakeFailed" } })
    // Who has stolen the responder's key knows ss with the expected initiator, but not es of its own choice.
    const withStolen = right(begin({ own: b, peer: b.publicKey, prologue }))
    expect(Either.isLeft(answer(responder, withStolen.message))).toBe(true)
  })

  it("fails where the answer is of another handshake, or changed; the right one can still be taken", () => {
    const { initiator, responder } = pair()
    const [first, second] = [right(begin(initiator)), right(begin(initiator))]
    const replayed = right(answer(responder, first.message)).message
    expect(Either.isLeft(second.finish(replayed))).toBe(true)
    const answered = right(answer(responder, second.message))
    for (const at of [0, 31, 32, answered.message.length - 1]) {
      const changed = answered.message.slice()
      changed[at]! ^= 1
      expect(Either.isLeft(second.finish(changed))).toBe(true)
    }
    expect(right(second.finish(answered.message)).hash).toEqual(answered.hash)
  })

  it("gives other keys each time, also for the same first message", () => {
    const { initiator, responder } = pair()
    const { message } = right(begin(initiator))
    const [one, other] = [right(answer(responder, message)), right(answer(responder, message))]
    expect(one.toResponder).not.toEqual(other.toResponder)
  })

  it("refuses points of small order and messages that are too short", () => {
    const { initiator, responder } = pair()
    const begun = right(begin(initiator))
    for (const message of [none, new Uint8Array(48), begun.message.slice(0, 47)])
      expect(answer(responder, message)).toMatchObject({ left: { _tag: "HandshakeFailed" } })
    for (const message of [none, new Uint8Array(48)])
      expect(begun.finish(message)).toMatchObject({ left: { _tag: "HandshakeFailed" } })
    expect(begin({ ...initiator, peer: new Uint8Array(32) })).toMatchObject({
      left: { _tag: "HandshakeFailed" }
    })
  })
})
