import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import {
  generateSealingKeyPair,
  OpenFailed,
  open,
  SealFailed,
  seal,
  sealInfo,
  sealingKeyBytes,
  sealOverheadBytes
} from "../../../protocol/sharing/sealed.ts"
import { openBaseMode } from "./hpke-reference.ts"

const hex = (digits: string) => new Uint8Array(Buffer.from(digits, "hex"))
const context = { run: "r1", from: "user1", to: "cloud1", messageType: "UploadShare1" }
const content = new TextEncoder().encode("c_i1 is not for C0")

describe("RFC 9180 A.3.1, the reference these tests hold sealing against", () => {
  it("opens the vector of base mode DHKEM(P-256), HKDF-SHA256, AES-128-GCM", () => {
    const opened = openBaseMode(
      hex("f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2"),
      hex(
        "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4"
      ),
      hex("4f6465206f6e2061204772656369616e2055726e"),
      hex("436f756e742d30"),
      hex("5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434")
    )
    expect(new TextDecoder().decode(opened)).toBe("Beauty is truth, truth beauty")
  })
})

describe("sealing", () => {
  it.effect("opens with the receiver's key and the same context", () =>
    Effect.gen(function* () {
      const { publicKey, privateKey } = yield* generateSealingKeyPair
      expect(publicKey).toHaveLength(sealingKeyBytes)
      const sealed = yield* seal(publicKey, context, content)
      expect(sealed).toHaveLength(content.length + sealOverheadBytes)
      expect(yield* open(privateKey, context, sealed)).toEqual(content)
    })
  )

  it.effect("is HPKE base mode: an independent reading of RFC 9180 opens it", () =>
    Effect.gen(function* () {
      const { publicKey, privateKey } = yield* generateSealingKeyPair
      const sealed = yield* seal(publicKey, context, content)
      const opened = openBaseMode(
        Redacted.value(privateKey),
        sealed.subarray(0, sealingKeyBytes),
        sealInfo(context),
        new Uint8Array(0),
        sealed.subarray(sealingKeyBytes)
      )
      expect(opened).toEqual(content)
    })
  )

  it.effect("seals nothing and a megabyte alike, and never twice to the same bytes", () =>
    Effect.gen(function* () {
      const { publicKey, privateKey } = yield* generateSealingKeyPair
      for (const bytes of [new Uint8Array(0), new Uint8Array(1 << 20).fill(5)]) {
        const once = yield* seal(publicKey, context, bytes)
        const again = yield* seal(publicKey, context, bytes)
        expect(Buffer.compare(once, again)).not.toBe(0)
        expect(Buffer.compare(yield* open(privateKey, context, once), bytes)).toBe(0)
      }
    })
  )

  it.effect("does not open in another run, from or to another party, or as another message", () =>
    Effect.gen(function* () {
      const { publicKey, privateKey } = yield* generateSealingKeyPair
      const sealed = yield* seal(publicKey, context, content)
      for (const change of [{ run: "r2" }, { from: "user2" }, { to: "cloud0" }, { messageType: "RowSalt" }]) {
        const error = yield* Effect.flip(open(privateKey, { ...context, ...change }, sealed))
        expect(error).toBeInstanceOf(OpenFailed)
        expect(error).toMatchObject(change)
      }
    })
  )

  it.effect("keeps contexts apart whose fields run together", () =>
    Effect.gen(function* () {
      const { publicKey, privateKey } = yield* generateSealingKeyPair
      const sealed = yield* seal(publicKey, { ...context, from: "user1", to: "2cloud1" }, content)
      const error = yield* Effect.flip(open(privateKey, { ...context, from: "user12", to: "cloud1" }, sealed))
      expect(error._tag).toBe("OpenFailed")
    })
  )

  it.effect("does not open with another key, after any change, or when cut short", () =>
    Effect.gen(function* () {
      const { publicKey, privateKey } = yield* generateSealingKeyPair
      const other = yield* generateSealingKeyPair
      const sealed = yield* seal(publicKey, context, content)
      expect((yield* Effect.flip(open(other.privateKey, context, sealed)))._tag).toBe("OpenFailed")
      for (const at of [0, 40, sealingKeyBytes, sealed.length - 1]) {
        const changed = new Uint8Array(sealed)
        changed[at]! ^= 1
        expect((yield* Effect.flip(open(privateKey, context, changed)))._tag).toBe("OpenFailed")
      }
      for (const length of [0, 10, sealingKeyBytes, sealed.length - 1]) {
        const error = yield* Effect.flip(open(privateKey, context, sealed.subarray(0, length)))
        expect(error._tag).toBe("OpenFailed")
        expect(error.message).toContain("user1")
      }
    })
  )

  it.effect("refuses to seal to what is no point of the curve, and names the party", () =>
    Effect.gen(function* () {
      const point = new Uint8Array(sealingKeyBytes).fill(1)
      point[0] = 4
      for (const key of [new Uint8Array(3), point]) {
        const error = yield* Effect.flip(seal(key, context, content))
        expect(error).toBeInstanceOf(SealFailed)
        expect(error.message).toContain("cloud1")
      }
    })
  )

  it.effect("does not show the private key when printed", () =>
    Effect.gen(function* () {
      const { privateKey } = yield* generateSealingKeyPair
      expect(JSON.stringify({ privateKey }) + String(privateKey)).not.toMatch(/\d{2},|[0-9a-f]{16}/)
    })
  )
})
