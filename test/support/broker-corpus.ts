/**
 * Brokers, and what is none, as people run them: each with whether a party takes it for its broker, or what it says is wrong. Most are `nats.conf`
 * with something changed. A case names the user that connects, `cloud0` unless told, and what it needs.
 */
import { ownConfiguration as own } from "./configured-broker.ts"
import { fitting, infoLine } from "./fake-broker.ts"

/** A party that connects, subscribes to what is sent to it and, where it needs that, keeps a checkpoint, is served. */
export type Expected =
  | "served"
  | {
      /** Of the error. */
      readonly tag: string
      /** What its message names: the culprit and the remedy. */
      readonly says: ReadonlyArray<RegExp>
    }

/** What listens at the address. */
export type Listening =
  | {
      readonly kind: "nats-server"
      /** Its configuration, but for where it listens. `$CERTIFICATE`, `$KEY`, `$CA` and `$STORE` are put in as texts. */
      readonly configuration: string
      /** Whose port the address names; that for clients unless told. */
      readonly port?: "leaf" | "cluster" | "http" | "websocket"
      /** Another client is connected already. */
      readonly occupied?: boolean
      /** The operator makes the buckets of the clouds first. */
      readonly buckets?: boolean
    }
  /** Something that says this first, or nothing, and does not answer. */
  | { readonly kind: "words"; readonly words: string | Uint8Array }
  | { readonly kind: "hang-up" | "web-server" | "tls-server" | "nobody" }

export interface BrokerCase {
  readonly name: string
  readonly listening: Listening
  readonly expected: Expected
  readonly user?: string
  /** Whether the party has another NKEY than the broker knows. */
  readonly stranger?: boolean
  readonly scheme?: "nats" | "tls"
  /** Whether the party knows the authority that signed the broker's certificate. */
  readonly trusting?: boolean
  readonly checkpoints?: boolean
  /** One of the few that are tried with every test. */
  readonly fast?: boolean
}

const jetstream = `${own}\njetstream { store_dir: "$STORE", sync_interval: always }\n`
const tls = `tls { cert_file: "$CERTIFICATE", key_file: "$KEY" }\n`

const server = (configuration: string, more: object = {}): Listening => ({
  kind: "nats-server",
  configuration,
  ...more
})
/** `nats.conf` with one setting changed, which it has to have. */
const changed = (from: RegExp, to: string): Listening => {
  if (!from.test(own)) throw new Error(`nats.conf has no ${from}`)
  return server(own.replace(from, to))
}
/** `nats.conf` with other permissions for cloud 0, or none. */
const cloud0With = (permissions: string) =>
  changed(/\{ nkey: \$CLOUD0_NKEY, permissions: \{[^}]*\} \}/s, permissions)
const user = (permissions?: string) =>
  `{ nkey: $CLOUD0_NKEY${permissions === undefined ? "" : `, permissions: { ${permissions} }`} }`
const ownPublish = `publish: ["bicameral.*.*.*.cloud0.*.reply"]`
const ownSubscribe = `subscribe: ["bicameral.*.cloud0.>", "_INBOX_cloud0.>"]`

const unprotected = (...says: ReadonlyArray<RegExp>): Expected => ({
  tag: "BrokerUnprotected",
  says: [/is not safe to use/, ...says]
})
const open = unprotected(/lets in anybody/, /start it with nats\.conf/)
/** A user whom a configuration has besides, with a password. */
const guest = (permissions = "") => `{ user: guest, password: "pguest"${permissions} }`
const tooMuch = (operation: "read" | "write", name = "cloud0") =>
  unprotected(new RegExp(`lets "${name}" ${operation} bicameral\\.trial-1\\.`), /permissions .* nats\.conf/)
const unfit = (...says: ReadonlyArray<RegExp>): Expected => ({
  tag: "BrokerUnfit",
  says: [/can't be used/, ...says]
})
const noNkeys = unfit(/lets nobody in by an NKEY/, /nkey for every role, as nats\.conf/)
const noBroker = (...says: ReadonlyArray<RegExp>): Expected => ({
  tag: "NotABroker",
  says: [/is no NATS broker/, ...says, /NATS_URL/]
})
const refused: Expected = { tag: "BrokerRefused", says: [/"cloud0"/, /CLOUD0_NKEY=U/, /nats\.conf/] }

const roles = ["kgc", "cloud0", "cloud1", "director", "user1", "user16", "operator"]
const protectedOnes: ReadonlyArray<BrokerCase> = [
  ...roles.map((role) => ({
    name: `nats.conf, as ${role}`,
    listening: server(own),
    user: role,
    expected: "served" as const
  })),
  {
    name: "all roles in an account of their own",
    listening: server(`accounts { run { ${own.slice(own.indexOf("users: ["), own.lastIndexOf("}"))} } }`),
    expected: "served"
  },
  {
    name: "a second user with all permissions, who is not this one",
    listening: changed(/users: \[/, `users: [ ${guest()}`),
    expected: "served"
  }
]

const openOnes: ReadonlyArray<BrokerCase> = [
  { name: "nats-server as it comes", listening: server(""), expected: open, fast: true },
  {
    name: "nats.conf with a no_auth_user",
    listening: server(`no_auth_user: guest\n${own.replace("users: [", `users: [ ${guest()}`)}`),
    expected: open,
    fast: true
  },
  {
    name: "a no_auth_user that may do nothing",
    listening: server(
      `no_auth_user: guest\n${own.replace("users: [", `users: [ ${guest(', permissions: { publish: { deny: ">" }, subscribe: { deny: ">" } }')}`)}`
    ),
    expected: open
  },
  {
    name: "one user and password for all",
    listening: server('authorization { user: cloud0, password: "pcloud" }'),
    expected: noNkeys,
    fast: true
  },
  {
    name: "a user with a password for every role",
    listening: server(own.replace(/nkey: \$(\w+)_NKEY/g, 'user: $1, password: "p$1"')),
    expected: noNkeys
  },
  { name: "one token for all", listening: server('authorization { token: "ptoken" }'), expected: noNkeys },
  {
    name: "users without permissions",
    listening: server(`authorization { users: [ ${user()} ] }`),
    expected: tooMuch("read")
  },
  ...roles
    .filter((role) => role !== "cloud0")
    .map((role) => ({
      name: `users without permissions, as ${role}`,
      listening: server(`authorization { users: [ ${user().replace("CLOUD0", role.toUpperCase())} ] }`),
      user: role,
      expected: tooMuch("read", role)
    })),
  {
    name: "permissions for what is published only",
    listening: server(`authorization { users: [ ${user(ownPublish)} ] }`),
    expected: tooMuch("read"),
    fast: true
  },
  {
    name: "permissions for what is subscribed to only",
    listening: server(`authorization { users: [ ${user(ownSubscribe)} ] }`),
    expected: tooMuch("write"),
    fast: true
  },
  {
    name: "cloud 0 may read all runs",
    listening: cloud0With(user(`${ownPublish}, subscribe: ["bicameral.>", "_INBOX_cloud0.>"]`)),
    expected: tooMuch("read")
  },
  {
    name: "cloud 0 may read all of one run, which is this",
    listening: cloud0With(user(`${ownPublish}, subscribe: ["bicameral.trial-1.>", "_INBOX_cloud0.>"]`)),
    expected: tooMuch("read")
  },
  {
    name: "cloud 0 may read what is cloud 1's too",
    listening: cloud0With(
      user(`${ownPublish}, subscribe: ["bicameral.*.cloud0.>", "bicameral.*.cloud1.>", "_INBOX_cloud0.>"]`)
    ),
    expected: tooMuch("read")
  },
  {
    name: "cloud 0 may write as anybody",
    listening: cloud0With(user(`publish: ["bicameral.>"], ${ownSubscribe}`)),
    expected: tooMuch("write")
  },
  {
    name: "each role in an account of its own, with all permissions",
    listening: server(`accounts { a { users: [ ${user()} ] }, b { users: [ { nkey: $KGC_NKEY } ] } }`),
    expected: tooMuch("read")
  }
]

const narrowOnes: ReadonlyArray<BrokerCase> = [
  { name: "another NKEY", listening: server(own), stranger: true, expected: refused, fast: true },
  {
    name: "no user with this NKEY",
    listening: cloud0With(guest()),
    expected: refused
  },
  {
    name: "the permissions of another role",
    listening: cloud0With(
      user(
        'publish: ["bicameral.*.kgc.main.user1.main.ask"], subscribe: ["bicameral.*.user1.>", "_INBOX_user1.>"]'
      )
    ),
    expected: {
      tag: "PermissionDenied",
      says: [/"cloud0" may not subscribe to bicameral\.trial-1\.cloud0/, /nats\.conf/]
    },
    fast: true
  },
  {
    name: "max_payload of 1 kB",
    listening: changed(/max_payload: 16MB/, "max_payload: 1KB"),
    expected: "served"
  },
  {
    name: "max_payload of 300 bytes",
    listening: changed(/max_payload: 16MB/, "max_payload: 300"),
    expected: unfit(/300 bytes at most, and \d+ are needed/, /raise max_payload/),
    fast: true
  },
  {
    name: "max_payload of 900 bytes",
    listening: changed(/max_payload: 16MB/, "max_payload: 900"),
    expected: unfit(/900 bytes at most/, /raise max_payload/)
  },
  {
    name: "no headers",
    listening: server(`no_header_support: true\n${own}`),
    expected: unfit(/takes no headers/, /no_header_support/),
    fast: true
  },
  {
    name: "no room for another connection",
    listening: server(own.replace("max_connections: 512", "max_connections: 1"), { occupied: true }),
    expected: unfit(/takes no more connections/, /max_connections/)
  },
  {
    name: "no room for another subscription",
    listening: changed(/max_subscriptions: 4096/, "max_subscriptions: 2"),
    expected: unfit(/takes no more subscriptions/, /max_subscriptions/)
  },
  {
    name: "short lines only",
    listening: changed(/max_control_line: 2KB/, "max_control_line: 64"),
    expected: unfit(/takes shorter lines/, /max_control_line/)
  }
]

const securedOnes: ReadonlyArray<BrokerCase> = [
  { name: "TLS", listening: server(`${tls}${own}`), scheme: "tls", trusting: true, expected: "served" },
  {
    name: "TLS where a client wants it",
    listening: server(`allow_non_tls: true\n${tls}${own}`),
    scheme: "tls",
    trusting: true,
    expected: "served"
  },
  {
    name: "TLS, at an address that asks for none",
    listening: server(`${tls}${own}`),
    trusting: true,
    expected: unfit(/nothing but TLS/, /tls:\/\/ in place of nats:\/\//)
  },
  {
    name: "no TLS, at an address that asks for it",
    listening: server(own),
    scheme: "tls",
    trusting: true,
    expected: { tag: "BrokerUntrusted", says: [/speaks no TLS/, /tls block/] },
    fast: true
  },
  {
    name: "TLS with a certificate of an unknown authority",
    listening: server(`${tls}${own}`),
    scheme: "tls",
    expected: { tag: "BrokerUntrusted", says: [/signed by none of the authorities/, /NATS_CA/] }
  },
  {
    name: "TLS without authorization",
    listening: server(tls),
    scheme: "tls",
    trusting: true,
    expected: open
  },
  {
    name: "TLS that asks for the party's certificate",
    listening: server(
      `tls { cert_file: "$CERTIFICATE", key_file: "$KEY", ca_file: "$CA", verify: true }\n${own}`
    ),
    scheme: "tls",
    trusting: true,
    expected: unfit(/certificate of the party/, /take verify out/)
  },
  ...(["tls", "nats"] as const).map((scheme) => ({
    name: `TLS before anything else, at ${scheme}://`,
    listening: server(`tls { cert_file: "$CERTIFICATE", key_file: "$KEY", handshake_first: true }\n${own}`),
    scheme,
    trusting: true,
    expected: noBroker(/begins with TLS/, /handshake_first/)
  }))
]

const brokerPorts = unfit(/port for other brokers/, /NATS_URL/)
const otherPorts: ReadonlyArray<BrokerCase> = [
  {
    name: "its port for leaf nodes",
    listening: server(own, { port: "leaf" }),
    expected: brokerPorts
  },
  { name: "its port for a cluster", listening: server(own, { port: "cluster" }), expected: brokerPorts },
  {
    name: "its page for people",
    listening: server(own, { port: "http" }),
    expected: noBroker(/a web server/)
  },
  {
    name: "its port for websockets",
    listening: server(own, { port: "websocket" }),
    expected: noBroker(/a web server/)
  }
]

const words = (said: string | Uint8Array): Listening => ({ kind: "words", words: said })
const others: ReadonlyArray<BrokerCase> = [
  {
    name: "nobody",
    listening: { kind: "nobody" },
    expected: { tag: "BrokerUnreachable", says: [/nothing listens there/, /nats\.conf/, /NATS_URL/] },
    fast: true
  },
  {
    name: "an SSH server",
    listening: words("SSH-2.0-OpenSSH_9.6\r\n"),
    expected: noBroker(/an SSH server/),
    fast: true
  },
  {
    name: "a mail server",
    listening: words("220 mail.test ESMTP ready\r\n"),
    expected: noBroker(/a mail server/)
  },
  {
    name: "an FTP server",
    listening: words("220 (vsFTPd 3.0.5)\r\n"),
    expected: noBroker(/an FTP or mail server/)
  },
  {
    name: "a database",
    listening: words(Buffer.from("J\0\0\0\n8.0.36\0\b\0\0\0mysql_native_password\0", "latin1")),
    expected: noBroker(/MySQL/)
  },
  {
    name: "something that greets",
    listening: words("Hello, who is there?\n"),
    expected: noBroker(/says "Hello, who is there\?"/)
  },
  {
    name: "something in bytes",
    listening: words(Uint8Array.of(0, 200, 3, 7, 255)),
    expected: noBroker(/no text/)
  },
  { name: "a web server", listening: { kind: "web-server" }, expected: noBroker(/a web server/), fast: true },
  {
    name: "a TLS server that is no broker",
    listening: { kind: "tls-server" },
    expected: noBroker(/a TLS server/)
  },
  {
    name: "something that says nothing",
    listening: words(""),
    expected: noBroker(/says nothing for \d+ ms/)
  },
  {
    name: "something that hangs up",
    listening: { kind: "hang-up" },
    expected: { tag: "BrokerUnreachable", says: [/hangs up/, /tunnel or proxy/] }
  },
  {
    name: "INFO that is no JSON",
    listening: words("INFO {broken\r\n"),
    expected: noBroker(/says "INFO \{broken"/)
  },
  {
    name: "INFO without an end",
    listening: words(`INFO ${"x".repeat(70_000)}`),
    expected: noBroker(/says "INFO xxx/)
  },
  {
    name: "one that says more than who it is before it is answered",
    listening: words(`${infoLine(fitting)}PONG\r\n`),
    expected: noBroker(/says "PONG"/)
  },
  {
    name: "a server of long ago",
    listening: words(infoLine({ ...fitting, version: "1.4.1" })),
    expected: unfit(/nats-server 1\.4\.1/, /2\.10 or later/),
    fast: true
  },
  {
    name: "a server without a version",
    listening: words(infoLine({ ...fitting, version: undefined })),
    expected: unfit(/of no version/)
  },
  {
    name: "a broker that falls silent",
    listening: words(infoLine(fitting)),
    expected: { tag: "BrokerUnreachable", says: [/has not let "cloud0" in within \d+ ms/] }
  }
]

const operatorless = changed(/publish: \["\$JS\.API\.STREAM\.CREATE\.\*"\]/, 'publish: ["nothing"]')
const storing: ReadonlyArray<BrokerCase> = [
  {
    name: "checkpoints at a broker that keeps them",
    listening: server(jetstream, { buckets: true }),
    checkpoints: true,
    expected: "served"
  },
  {
    name: "checkpoints in small messages",
    listening: server(jetstream.replace("max_payload: 16MB", "max_payload: 65KB"), { buckets: true }),
    checkpoints: true,
    expected: "served"
  },
  {
    name: "checkpoints at a broker without JetStream",
    listening: server(own),
    checkpoints: true,
    expected: {
      tag: "NoJetStream",
      says: [/runs without JetStream/, /nats-jetstream\.conf/, /placement\.checkpoints/]
    },
    fast: true
  },
  {
    name: "checkpoints in an account without JetStream",
    listening: server(
      `jetstream { store_dir: "$STORE" }\naccounts { run { ${own.slice(own.indexOf("users: ["), own.lastIndexOf("}"))} }, other { jetstream: enabled, users: [ { user: other, password: "pother" } ] } }`
    ),
    checkpoints: true,
    expected: { tag: "NoJetStream", says: [/no JetStream for the account/] }
  },
  {
    name: "checkpoints without buckets",
    listening: server(jetstream),
    checkpoints: true,
    expected: { tag: "NoBucket", says: [/no bucket checkpoints-cloud0/, /OPERATOR_IDENTITY/] },
    fast: true
  },
  {
    name: "checkpoints in messages that are too small",
    listening: server(jetstream.replace("max_payload: 16MB", "max_payload: 8KB"), { buckets: true }),
    checkpoints: true,
    expected: unfit(/checkpoints need messages of \d+ bytes/, /raise max_payload/)
  },
  {
    name: "checkpoints at a broker that has no room",
    listening: server(jetstream.replace("store_dir:", "max_file_store: 100KB, store_dir:"), {
      buckets: true
    }),
    checkpoints: true,
    expected: {
      tag: "StoreFailed",
      says: [/can't write checkpoints-cloud0/, /has no room/, /jetstream block/]
    }
  },
  {
    name: "an operator who may not make the buckets",
    listening: operatorless,
    user: "operator",
    checkpoints: true,
    expected: { tag: "PermissionDenied", says: [/"operator" may not publish on \$JS\.API\.STREAM\.CREATE/] }
  }
]

export const brokerCorpus: ReadonlyArray<BrokerCase> = [
  ...protectedOnes,
  ...openOnes,
  ...narrowOnes,
  ...securedOnes,
  ...otherPorts,
  ...others,
  ...storing
]
