/**
 * Looks at a broker from outside, step by step, to name all that is wrong with it where a connection names the first
 * only. Nothing is sent to it but a TLS handshake: a server that does not prove to be the broker learns nothing, and is
 * asked to sign nothing.
 */
import { X509Certificate } from "node:crypto"
import { lookup } from "node:dns/promises"
import { createConnection, type Socket } from "node:net"
import { checkServerIdentity, connect as connectTls, rootCertificates, type TLSSocket } from "node:tls"
import { Effect, Either } from "effect"
import type { BrokerInfo } from "./assumptions.ts"
import { whyUnreachable } from "./nats-connection.ts"
import { heard } from "./nats-handshake.ts"
import { BrokerUnreachable, type TransportError } from "./transport.ts"
import type { TlsSettings } from "./trust.ts"

/** The broker's certificate, each of its properties by itself. */
export interface CertificateSeen {
  /** Whether an authority that is known has signed it, or one that such an authority has signed. */
  readonly vouched: boolean
  readonly isForName: boolean
  /** The names that it is for, as it states them. */
  readonly names: string
  /** When it, and all that it was signed with, are valid: from the latest beginning to the earliest end. */
  readonly fromMs: number
  readonly toMs: number
  /** What the system's library has against it, all in all. */
  readonly refusal: string | undefined
}

/** What was seen, as far as the way leads. */
export interface BrokerLook {
  /** The addresses that its name stands for. */
  readonly addresses: Either.Either<ReadonlyArray<string>, TransportError>
  /** Milliseconds until the port took a connection. */
  readonly port?: Either.Either<number, TransportError>
  readonly info?: Either.Either<BrokerInfo, TransportError>
  /** Milliseconds from the connection to the broker's first words. */
  readonly infoMs?: number
  /** Where the address asks for TLS. */
  readonly certificate?: Either.Either<CertificateSeen, TransportError>
}

/** Where to look. */
export interface Place {
  readonly server: string
  readonly hostname: string
  readonly port: number
  /** None where the connection may be in the clear. */
  readonly tls: TlsSettings | undefined
  readonly timeoutMs: number
}

/** Never fails: what goes wrong is a part of what was seen. */
export const lookAt = (place: Place): Effect.Effect<BrokerLook> =>
  Effect.gen(function* () {
    const unreachable = (why: string) =>
      new BrokerUnreachable({
        servers: [place.server],
        remedy: `${why}; see that it runs, or correct its address`
      })
    const attempt = <A>(work: () => Promise<A>) =>
      Effect.either(
        Effect.tryPromise({
          try: work,
          catch: (cause): TransportError =>
            typeof cause === "object" && cause !== null && "_tag" in cause
              ? (cause as TransportError)
              : unreachable(whyUnreachable(cause))
        })
      )
    const addresses = yield* attempt(async () =>
      (await lookup(place.hostname, { all: true })).map(({ address }) => address)
    )
    if (Either.isLeft(addresses)) return { addresses }
    const began = performance.now()
    const dialled = yield* attempt(() => dial(place))
    const port = Either.map(dialled, () => performance.now() - began)
    if (Either.isLeft(dialled)) return { addresses, port }
    const socket = dialled.right
    const connected = performance.now()
    const listening = { server: place.server, timeoutMs: place.timeoutMs, refused: () => {} }
    const info = yield* attempt(() =>
      heard(
        socket,
        listening,
        place,
        () => {},
        () => undefined
      )
    )
    const infoMs = performance.now() - connected
    const seen = { addresses, port, info, infoMs }
    const { tls } = place
    const speaksTls =
      Either.isRight(info) && (info.right.tls_required === true || info.right.tls_available === true)
    const certificate =
      tls === undefined || !speaksTls
        ? undefined
        : yield* attempt(() => certificateOn(socket, tls, place.timeoutMs))
    socket.on("error", () => {}).destroy()
    return certificate === undefined ? seen : { ...seen, certificate }
  })

const late = () => Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" })

const dial = ({ hostname, port, timeoutMs }: Place): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createConnection({ host: hostname, port })
    const giveUp = setTimeout(() => socket.destroy(late()), timeoutMs)
    const settle = (end: () => void) => {
      clearTimeout(giveUp)
      socket.removeAllListeners()
      end()
    }
    socket
      .once("connect", () => settle(() => resolve(socket)))
      .once("error", (error) => settle(() => reject(error)))
  })

/** The certificate that a server shows, whoever has signed it: it is looked at, and the connection not used. */
const certificateOn = (socket: Socket, tls: TlsSettings, timeoutMs: number): Promise<CertificateSeen> =>
  new Promise((resolve, reject) => {
    const { host, servername, ca } = tls
    const secured = connectTls({
      socket,
      servername,
      rejectUnauthorized: false,
      // Its names are looked at by themselves.
      checkServerIdentity: () => undefined,
      ...(ca === undefined ? {} : { ca })
    })
    const giveUp = setTimeout(() => secured.destroy(late()), timeoutMs)
    secured
      .once("secureConnect", () => {
        clearTimeout(giveUp)
        resolve(seenOf(secured, host, ca))
      })
      .once("error", (error) => {
        clearTimeout(giveUp)
        reject(error)
      })
  })

const seenOf = (secured: TLSSocket, host: string, ca: string | undefined): CertificateSeen => {
  const path = pathOf(secured, ca === undefined ? rootCertificates : certificatesIn(ca))
  const { authorizationError } = secured
  const [own] = path.certificates
  return {
    vouched: path.vouched,
    isForName: own !== undefined && checkServerIdentity(host, own.toLegacyObject()) === undefined,
    names: own?.subjectAltName ?? "no name that can be checked",
    fromMs: Math.max(...path.certificates.map(({ validFrom }) => Date.parse(validFrom))),
    toMs: Math.min(...path.certificates.map(({ validTo }) => Date.parse(validTo))),
    refusal:
      authorizationError === undefined || authorizationError === null ? undefined : String(authorizationError)
  }
}

const certificatesIn = (pem: string): ReadonlyArray<string> =>
  pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []

/** No path from a broker to its authority is longer. */
const longestPath = 8

/**
 * The certificates from the server's to one of the authorities, by signatures alone: the library states one objection
 * where there may be several, and an expired certificate is to be told from a strange one.
 */
const pathOf = (secured: TLSSocket, authorities: ReadonlyArray<string>) => {
  const certificates: Array<X509Certificate> = []
  let shown = secured.getPeerX509Certificate()
  while (shown !== undefined && certificates.length < longestPath) {
    const last = shown
    certificates.push(last)
    for (const pem of authorities) {
      const authority = new X509Certificate(pem)
      if (authority.fingerprint256 === last.fingerprint256) return { vouched: true, certificates }
      if (last.checkIssued(authority) && last.verify(authority.publicKey))
        return { vouched: true, certificates: [...certificates, authority] }
    }
    const issuer = last.issuerCertificate
    shown =
      issuer !== undefined && issuer.fingerprint256 !== last.fingerprint256 && last.verify(issuer.publicKey)
        ? issuer
        : undefined
  }
  return { vouched: false, certificates }
}
