import { writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Layer, Redacted } from "effect"
import { projectRoot } from "../../../protocol/artifact.ts"
import { drawNkey, publicNkey } from "../../../protocol/channels/nkey.ts"
import { inboxOf, subjectOf } from "../../../protocol/messages/subjects.ts"
import { drawCredentials, nkeysFor } from "../../../runtime/broker/start.ts"
import { within } from "../../../runtime/deadline.ts"
import * as Nats from "../../../runtime/transport/nats.ts"
import { publish, Transport } from "../../../runtime/transport/transport.ts"
import { type Trust, trustFromEnvironment } from "../../../runtime/transport/trust.ts"
import { authority, type Signed } from "../../support/certificates.ts"
import { configuredBroker, freePort } from "../../support/configured-broker.ts"
import { withVariables } from "../../support/environment.ts"
import { answering, fitting, infoLine, listener } from "../../support/fake-broker.ts"
import { patienceMs } from "../../support/patience.ts"

const configuration = fileURLToPath(new URL("nats-tls.conf", projectRoot))

/** A broker with `nats-tls.conf` and a certificate; its port, and ways to it. */
const securedBroker = ({ certificate, key }: Signed) =>
  Effect.gen(function* () {
    const port = yield* freePort
    const credentials = drawCredentials()
    const variables = {
      BROKER_LISTEN: `127.0.0.1:${port}`,
      BROKER_CERTIFICATE: certificate,
      BROKER_KEY: key
    }
    yield* configuredBroker(configuration, { ...nkeysFor(credentials), ...variables })
    const transport = (user: string, server: string, trust?: Trust) =>
      Layer.build(
        Nats.layer({ servers: [server], ...credentials[user]!, ...(trust === undefined ? {} : { trust }) })
      )
    return { port, transport }
  })

const local = ["DNS:broker.test", "IP:127.0.0.1"]

describe("TLS to the broker", () => {
  it.scopedLive(
    "large and small messages cross it, by address and by a name that the certificate is for",
    () =>
      Effect.gen(function* () {
        const { certificate, sign } = yield* authority
        const { port, transport } = yield* securedBroker(yield* sign(local))
        const server = `tls://127.0.0.1:${port}`
        const [receiver, sender] = [
          Context.get(yield* transport("cloud1", server, { authorities: certificate }), Transport),
          Context.get(
            yield* transport("cloud0", server, { authorities: certificate, serverName: "broker.test" }),
            Transport
          )
        ]
        const sizes = [1, 70_000, 5_000_000, 3]
        const whole = yield* Deferred.make<void>()
        const received: Array<Uint8Array> = []
        yield* receiver.subscribe(inboxOf("r", "cloud1"), ({ data }) => {
          received.push(data.slice())
          if (received.length === sizes.length) Deferred.unsafeDone(whole, Effect.void)
        })
        const subject = subjectOf({ run: "r", to: "cloud1", from: "cloud0", channel: "round" })
        const sent = sizes.map((size) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + size) & 0xff))
        for (const bytes of sent) {
          const frame = sender.frame(bytes.length)
          frame.set(bytes)
          yield* publish(sender, subject, frame)
        }
        yield* Deferred.await(whole)
        for (const [i, bytes] of sent.entries()) expect(Buffer.from(received[i]!).equals(bytes)).toBe(true)
      })
  )

  it.scopedLive("a certificate of an unknown authority is refused, and NATS_CA named", () =>
    Effect.gen(function* () {
      const [known, other] = [yield* authority, yield* authority]
      const { port, transport } = yield* securedBroker(yield* other.sign(local))
      const server = `tls://127.0.0.1:${port}`
      for (const trust of [{ authorities: known.certificate }, {}]) {
        const error = yield* Effect.flip(transport("cloud0", server, trust))
        expect(error).toMatchObject({ _tag: "BrokerUntrusted", server })
        expect(error.message).toMatch(/signed by none of the authorities in .* set NATS_CA/)
      }
    })
  )

  it.scopedLive("a certificate for another name is refused, and the names said that it is for", () =>
    Effect.gen(function* () {
      const { certificate, sign } = yield* authority
      const { port, transport } = yield* securedBroker(yield* sign(["DNS:broker.test", "DNS:localhost"]))
      const server = `tls://127.0.0.1:${port}`
      const trust = { authorities: certificate }
      const error = yield* Effect.flip(transport("cloud0", server, trust))
      expect(error.message).toContain("is not for 127.0.0.1, but for DNS:broker.test, DNS:localhost")
      expect(error.message).toContain("NATS_SERVER_NAME")
      yield* transport("cloud0", server, { ...trust, serverName: "broker.test" })
      const wrong = yield* Effect.flip(transport("cloud0", server, { ...trust, serverName: "other.test" }))
      expect(wrong.message).toContain("is not for other.test")
    })
  )

  it.scopedLive("a certificate that has expired is refused", () =>
    Effect.gen(function* () {
      const { certificate, sign } = yield* authority
      const { port, transport } = yield* securedBroker(yield* sign(local, -1))
      const error = yield* Effect.flip(
        transport("cloud0", `tls://127.0.0.1:${port}`, { authorities: certificate })
      )
      expect(error).toMatchObject({ _tag: "BrokerUntrusted" })
      expect(error.message).toContain("has expired")
    })
  )

  it.scopedLive("a file that holds no certificate is named before anything is sent", () =>
    Effect.gen(function* () {
      const { certificate } = yield* authority
      const file = join(dirname(certificate), "empty.pem")
      yield* Effect.promise(() => writeFile(file, "nothing"))
      const nkey = drawNkey()
      for (const authorities of [file, `${file}.gone`]) {
        const error = yield* Effect.flip(
          Layer.build(
            Nats.layer({ servers: ["tls://127.0.0.1:1"], user: "kgc", nkey, trust: { authorities } })
          )
        )
        expect(error.message).toContain(`NATS_CA=${authorities} can't be read`)
      }
    })
  )
})

/** A broker without TLS, which names others to go to. */
const plainBroker = (host = "127.0.0.1", others: ReadonlyArray<string> = []) =>
  listener((socket) => {
    answering(socket)
    socket.write(infoLine({ ...fitting, connect_urls: others }))
  }, host)

describe("what a party connects with", () => {
  it.scopedLive("does not follow a tls:// address to a broker that speaks none", () =>
    Effect.gen(function* () {
      const { port, told } = yield* plainBroker()
      const broker = { user: "kgc", nkey: drawNkey() }
      const error = yield* Effect.flip(
        Layer.build(Nats.layer({ servers: [`tls://127.0.0.1:${port}`], ...broker }))
      )
      expect(error).toMatchObject({ _tag: "BrokerUntrusted" })
      expect(error.message).toContain("it speaks no TLS")
      expect(told()).toBe("")
      // The same broker is given it where this machine is all that it crosses.
      yield* Effect.scoped(Layer.build(Nats.layer({ servers: [`nats://127.0.0.1:${port}`], ...broker })))
      expect(told()).toContain(publicNkey(broker.nkey))
      expect(told()).not.toContain(Redacted.value(broker.nkey))
    })
  )

  it.scopedLive("is not sent where the broker says that others are: nobody checked those addresses", () =>
    Effect.gen(function* () {
      const other = yield* plainBroker("127.0.0.2")
      const named = yield* plainBroker("127.0.0.1", [`127.0.0.2:${other.port}`])
      const broker = { user: "kgc", nkey: drawNkey() }
      yield* Layer.build(Nats.layer({ servers: [`nats://127.0.0.1:${named.port}`], ...broker }))
      expect(named.told()).toContain(publicNkey(broker.nkey))
      // A party that is hung up on comes back, four times, to the one that it was given.
      const back = (times: number) =>
        Effect.gen(function* () {
          while (named.came.length < times && other.came.length === 0) yield* Effect.sleep(20)
        }).pipe(within(patienceMs, () => new Error("the party did not come back")))
      for (let times = 2; times <= 5; times++) {
        named.hangUp()
        yield* back(times)
      }
      expect(other.came.length).toBe(0)
    })
  )

  it.scopedLive("is not sent to another machine in the clear, unless that was asked for", () =>
    Effect.gen(function* () {
      const broker = { user: "kgc", nkey: drawNkey(), connectTimeoutMs: 100 }
      for (const server of [
        "nats://broker.invalid:4222",
        "nats://192.0.2.1:4222",
        "nats://[2001:db8::1]:4222"
      ]) {
        const error = yield* Effect.flip(Layer.build(Nats.layer({ servers: [server], ...broker })))
        expect(error).toMatchObject({ _tag: "ConnectionExposed", user: "kgc", server })
        expect(error.message).toMatch(/tls:\/\/.*NATS_PLAINTEXT=allowed/)
      }
      const allowed = yield* Effect.flip(
        Layer.build(
          Nats.layer({ servers: ["nats://broker.invalid:4222"], ...broker, trust: { plaintext: true } })
        )
      )
      expect(allowed).toMatchObject({ _tag: "BrokerUnreachable" })
    })
  )

  it.scopedLive("stays where NATS_URL is no address of a broker, which says how one is written", () =>
    Effect.gen(function* () {
      const broker = { user: "kgc", nkey: drawNkey(), connectTimeoutMs: 100 }
      for (const server of [
        "127.0.0.1:4222",
        "localhost:4222",
        "wss://127.0.0.1:4222",
        "nats://a:1,nats://b:1"
      ]) {
        const error = yield* Effect.flip(Layer.build(Nats.layer({ servers: [server], ...broker })))
        expect(error).toMatchObject({ _tag: "BrokerAddressInvalid", given: server })
      }
    })
  )

  it.scopedLive("may cross a network in the clear only where NATS_PLAINTEXT says `allowed`", () =>
    Effect.gen(function* () {
      const trustIn = (variables: Readonly<Record<string, string>>) =>
        withVariables(variables)(trustFromEnvironment)
      expect(yield* trustIn({ NATS_PLAINTEXT: "no", NATS_CA: "ca.pem", NATS_SERVER_NAME: "" })).toEqual({
        authorities: "ca.pem",
        plaintext: false
      })
      expect((yield* trustIn({ NATS_PLAINTEXT: "allowed" })).plaintext).toBe(true)
    })
  )
})
