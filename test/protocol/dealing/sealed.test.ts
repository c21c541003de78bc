/** Corrections at rest. */
import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { openingStretch, sealStretch } from "../../../protocol/dealing/sealed.ts"

/** Without the pauses, of a copy, since the corrections are decrypted in place. */
const openStretch = (...[key, name, sealed]: Parameters<typeof openingStretch>) => {
  const opening = openingStretch(key, name, sealed.slice())
  let turn = opening.next()
  while (turn.done !== true) turn = opening.next()
  return turn.value
}

const key = new Uint8Array(16).fill(9)
const name = { run: "run-7", dealtFor: "a plan", first: 17, last: 32 }
const corrections = new Uint8Array(48).map((_, i) => 3 * i)

describe("stored corrections", () => {
  it("open under their key and name", () => {
    const sealed = sealStretch(key, name, corrections)
    expect(Either.getOrThrow(openStretch(key, name, sealed))).toEqual(corrections)
    expect(Buffer.from(sealed).includes(Buffer.from(corrections))).toBe(false)
  })

  it("do not open changed, cut, under another key, or for anything else", () => {
    const sealed = sealStretch(key, name, corrections)
    const refused = (found: ReturnType<typeof openStretch>) =>
      expect(Either.getOrThrow(Either.flip(found))).toMatchObject({ _tag: "StretchUnreadable", first: 17 })
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice()
      changed[at]! ^= 1
      refused(openStretch(key, name, changed))
    }
    for (const length of [0, 12, 27, sealed.length - 1])
      refused(openStretch(key, name, sealed.slice(0, length)))
    refused(openStretch(new Uint8Array(16), name, sealed))
    for (const other of [{ run: "run-8" }, { dealtFor: "another" }, { last: 31 }])
      refused(openStretch(key, { ...name, ...other }, sealed))
    expect(Either.isLeft(openStretch(key, { ...name, first: 16 }, sealed))).toBe(true)
  })
})
