/** The table of messages, from their declarations; who may send each is held against `subjects.ts`. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { actorOf, type Channel, mayPublish } from "../../protocol/messages/subjects.ts"
import { table } from "./markdown.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))

export interface Message {
  readonly tag: string
  readonly kind: "ask" | "tell"
  readonly meaning: string
  readonly payload: string
  readonly reply: string
  readonly file: string
}

/** Files that declare messages. */
const files: ReadonlyArray<string> = [
  ...readdirSync(`${root}protocol/messages`).map((name) => `protocol/messages/${name}`),
  "actors/clouds/training/lanes/requests.ts",
  "actors/group/requests.ts"
].filter((file) => file.endsWith(".ts"))

const declares = new Map<string, Message["kind"]>([
  ["ask", "ask"],
  ["tell", "tell"]
])

/** The messages that a file declares. */
const messagesIn = (file: string): ReadonlyArray<Message> => {
  const source = ts.createSourceFile(
    file,
    readFileSync(`${root}${file}`, "utf8"),
    ts.ScriptTarget.Latest,
    true
  )
  const constants = new Map<string, ts.Expression>()
  const comments = new Map<string, string>()
  const found: Array<Message> = []
  for (const statement of source.statements) {
    if (!ts.isVariableStatement(statement)) continue
    for (const { name, initializer } of statement.declarationList.declarations) {
      if (initializer === undefined || !ts.isIdentifier(name)) continue
      constants.set(name.text, initializer)
      comments.set(name.text, commentOf(statement))
      const message = declared(initializer, constants)
      if (message === undefined) continue
      const meaning = commentOf(statement) || (comments.get(message.payloadName) ?? "")
      found.push({ ...message, meaning, file })
    }
  }
  return found
}

/** A call of `ask` or `tell`, or an object with the same fields. */
const declared = (expression: ts.Expression, constants: ReadonlyMap<string, ts.Expression>) => {
  const fields = (schema: ts.Node | undefined) => (schema === undefined ? "" : fieldsOf(schema, constants))
  if (ts.isCallExpression(expression)) {
    const kind = declares.get(expression.expression.getText())
    const [tag, payload, reply] = expression.arguments
    if (kind === undefined || tag === undefined || !ts.isStringLiteral(tag)) return undefined
    const payloadName = payload?.getText() ?? ""
    return { kind, tag: tag.text, payload: fields(payload), reply: fields(reply), payloadName }
  }
  if (!ts.isObjectLiteralExpression(expression)) return undefined
  const property = (name: string) =>
    expression.properties.filter(ts.isPropertyAssignment).find((each) => each.name.getText() === name)
      ?.initializer
  const [kind, tag] = [property("kind"), property("tag")]
  if (kind === undefined || !ts.isStringLiteral(kind) || tag === undefined || !ts.isStringLiteral(tag))
    return undefined
  const payload = property("payload")
  const schema = payload !== undefined && ts.isCallExpression(payload) ? payload.arguments[1] : undefined
  // A reply that is bytes already has no schema.
  const payloadName = schema?.getText() ?? ""
  return {
    kind: kind.text as "ask" | "tell",
    tag: tag.text,
    payload: fields(schema),
    reply: "bytes",
    payloadName
  }
}

const commentOf = (statement: ts.VariableStatement): string => {
  const [comment] = ts.getJSDocCommentsAndTags(statement).filter(ts.isJSDoc)
  return (ts.getTextOfJSDocComment(comment?.comment) ?? "").replaceAll(/\s*\n\s*/g, " ")
}

/** The fields of a schema: `rows, columns[], share?`; nested sections in braces. */
const fieldsOf = (node: ts.Node, constants: ReadonlyMap<string, ts.Expression>): string => {
  if (ts.isIdentifier(node)) {
    const constant = constants.get(node.text)
    return constant === undefined ? "" : fieldsOf(constant, constants)
  }
  if (!ts.isCallExpression(node)) return ""
  const [first, ...rest] = node.arguments
  switch (node.expression.getText()) {
    case "Schema.Struct":
      return first !== undefined && ts.isObjectLiteralExpression(first)
        ? first.properties
            .filter(ts.isPropertyAssignment)
            .map(({ name, initializer }) => fieldOf(name.getText(), initializer, constants))
            .join(", ")
        : ""
    case "Schema.Array":
    case "Schema.optionalWith":
      return first === undefined ? "" : fieldsOf(first, constants)
    case "Schema.Union":
      return [first, ...rest]
        .map((each) => (each === undefined ? "" : fieldsOf(each, constants)))
        .join(" or ")
    default:
      return ""
  }
}

const fieldOf = (name: string, schema: ts.Node, constants: ReadonlyMap<string, ts.Expression>): string => {
  const called = ts.isCallExpression(schema) ? schema.expression.getText() : ""
  const mark = called === "Schema.Array" ? "[]" : called === "Schema.optionalWith" ? "?" : ""
  const inner = fieldsOf(schema, constants)
  return `${name}${mark}${inner === "" ? "" : ` { ${inner} }`}`
}

/** Every message that the program declares. */
export const messages: ReadonlyArray<Message> = files.flatMap(messagesIn)

interface Route {
  readonly phase: "setup" | "upload" | "transform" | "train" | "output" | "serve" | "all" | "group"
  readonly from: ReadonlyArray<string>
  readonly to: ReadonlyArray<string>
}

const route = (phase: Route["phase"], from: string, to: string): Route => ({
  phase,
  from: from.split(" "),
  to: to.split(" ")
})

const parties = "kgc cloud0 cloud1 user1 user2"
const clouds = "cloud0 cloud1"

/** Who sends each message to whom. The declarations do not say it; `subjects.ts` says who may. */
export const routes: ReadonlyMap<string, Route> = new Map([
  ["Begin", route("setup", "director", parties)],
  ["Enrol", route("setup", "director", "cloud0 cloud1 user1 user2")],
  ["Enrolment", route("setup", "cloud0 cloud1 user1 user2", "kgc")],
  ["NewPrgKey", route("setup", "cloud0 cloud1", "kgc")],
  ["Upload", route("upload", "director", "user1 user2")],
  ["RowSalt", route("upload", "user2", "user1")],
  ["CommitIds", route("upload", "user1 user2", "user1 user2")],
  ["RaiseIds", route("upload", "user1 user2", "user1 user2")],
  ["Declaration", route("upload", "user1 user2", "user1 user2")],
  ["MaskSecret", route("upload", "user1 user2", "user1 user2")],
  ["MaskedSums", route("upload", "user1 user2", "user1 user2")],
  ["OpenUpload", route("upload", "user1 user2", clouds)],
  ["UploadShare0", route("upload", "user1 user2", "cloud0")],
  ["UploadShare1", route("upload", "user1 user2", "cloud1")],
  ["UploadRandomness", route("upload", "user1 user2", "cloud0")],
  ["UploadWords1", route("upload", "user1 user2", "cloud1")],
  ["Transform", route("transform", "director", clouds)],
  ["Reencrypt", route("transform", "cloud1", "cloud0")],
  ["UnifiedShare0", route("transform", "cloud0", "cloud1")],
  ["OpenArchive", route("transform", "cloud1", "cloud0")],
  ["ArchivedShare0", route("transform", "cloud1", "cloud0")],
  ["Reopen", route("transform", "cloud1", "cloud0")],
  ["DealAhead", route("train", "director", "cloud0 cloud1")],
  ["Train", route("train", "director", clouds)],
  ["Join", route("train", "cloud0", "cloud1")],
  ["LanesReady", route("train", "cloud1", "cloud0")],
  ["Rejoin", route("train", "cloud1", "cloud0")],
  ["Deal", route("train", "cloud1 cloud1.l-1", "kgc kgc.w-1 cloud1")],
  ["SealModel", route("output", "director", clouds)],
  ["ModelShare", route("output", "cloud0", "cloud1")],
  ["RollCall", route("output", "director", "user1 user2")],
  ["OpenModel", route("output", "director", "user1 user2")],
  ["FetchModel", route("output", "user1 user2", "cloud1")],
  ["ModelDigest", route("output", "user1 user2", "cloud0")],
  ["PartialDecryptions", route("output", "user1 user2", "user1 user2")],
  ["HeldOutCells", route("output", "user1 user2", "user1 user2")],
  ["AskService", route("serve", "user1 user2 asker1", clouds)],
  ["Predict", route("serve", "user1 user2 asker1", clouds)],
  ["BeginService", route("serve", "cloud0", "cloud1")],
  ["RejoinService", route("serve", "cloud1", "cloud0")],
  ["ServiceKey", route("serve", clouds, "kgc")],
  ["ServeBatch", route("serve", "cloud0", "cloud1")],
  ["DealServed", route("serve", "cloud1", "cloud0")],
  ["DealService", route("serve", "cloud1", "kgc")],
  ["Progress", route("all", "cloud0 cloud1 user1 user2", "director")],
  ["Report", route("all", "director", parties)],
  ["Erase", route("all", "director", parties)],
  ["Finish", route("all", "director", parties)],
  ["Admission", route("group", "kgc.w-1 cloud0.w-1 cloud0.l-1 cloud1.w-1 cloud1.l-1", "kgc cloud0 cloud1")],
  ["Take", route("group", "kgc.w-1 cloud0.w-1 cloud1.w-1", "kgc cloud0 cloud1")],
  ["Give", route("group", "kgc.w-1 cloud0.w-1 cloud1.w-1", "kgc cloud0 cloud1")],
  ["Alive", route("group", "kgc.w-1 cloud0.w-1 cloud0.l-1 cloud1.w-1 cloud1.l-1", "kgc cloud0 cloud1")],
  ["TrainingRows", route("group", "kgc.w-1", "kgc")],
  ["EnterLane", route("group", "cloud0.l-1 cloud1.l-1", "cloud0 cloud1")],
  ["AssignLane", route("group", "cloud0 cloud1", "cloud0.l-1 cloud1.l-1")],
  ["DealGroup", route("group", "cloud0 cloud1", "cloud0.l-1 cloud1.l-1")],
  ["LaneRows", route("group", "cloud0.l-1 cloud1.l-1", "cloud0 cloud1")],
  ["LaneFailed", route("group", "cloud0.l-1 cloud1.l-1", "cloud0 cloud1")]
])

/** Routes that the permissions do not allow. In a group each pair is of one party; nobody sends to itself. */
export const forbiddenRoutes = (): ReadonlyArray<string> =>
  [...routes].flatMap(([tag, { phase, from, to }]) => {
    const channel: Channel = messages.find((each) => each.tag === tag)?.kind === "tell" ? "tell" : "ask"
    const pairs = from.flatMap((sender) => to.map((receiver) => [sender, receiver] as const))
    return pairs
      .filter(([sender, receiver]) =>
        phase === "group" ? actorOf(sender) === actorOf(receiver) : sender !== receiver
      )
      .filter(
        ([sender, receiver]) =>
          !mayPublish(sender, receiver, channel) ||
          (channel === "ask" && !mayPublish(receiver, sender, "reply"))
      )
      .map(([sender, receiver]) => `${tag}: ${sender} → ${receiver}`)
  })

/** The name of a party in the table. */
const display = (names: ReadonlyArray<string>): string =>
  names.join(" ") === parties
    ? "every party"
    : [
        ...new Set(
          names.map((name) =>
            name
              .replace(/^user2$/, "user")
              .replace(/^asker1$/, "asker")
              .replace(/\.w-1$/, " worker")
              .replace(/\.l-1$/, " lane")
          )
        )
      ]
        .filter((name, _, all) => name !== "user1" || !all.includes("user"))
        .join(", ")

/** In a group: which kind of process sends to which. */
const displayInGroup = (names: ReadonlyArray<string>): string =>
  [
    ...new Set(
      names.map((name) => (/\.w-/.test(name) ? "worker" : /\.l-/.test(name) ? "lane" : "main process"))
    )
  ].join(", ")

const code = (fields: string): string => (fields === "" ? "nothing" : `\`${fields}\``)

/** The messages of a phase, in the order of the routes. */
export const messageTable = (phase: Route["phase"]): string =>
  table(
    ["message", "from", "to", "payload", "reply", "meaning"],
    [...routes]
      .filter(([, each]) => each.phase === phase)
      .map(([tag, { from, to }]) => {
        const { kind, payload, reply, meaning } = messages.find((each) => each.tag === tag)!
        const who = phase === "group" ? displayInGroup : display
        return [
          `\`${tag}\``,
          who(from),
          who(to),
          code(payload),
          kind === "tell" ? "none" : code(reply),
          meaning
        ]
      })
  )

const everybody = ["director", "kgc", "cloud0", "cloud1", "user1", "asker1"] as const

const inTable = (name: string): string => name.replace(/^(user|asker)1$/, "$1")

/** Which channels each party may use towards each other, by `mayPublish`. */
export const permissionTable = (): string => {
  const receivers = [...everybody]
  return table(
    ["from \\ to", ...receivers.map(inTable)],
    everybody.map((from) => [
      inTable(from),
      ...receivers.map((to) => {
        const other = from === to ? to.replace(/^(user|asker)1$/, "$12") : to
        if (from === other) return "" // within a party
        const channels = (["ask", "tell", "reply", "round"] as const).filter((each) =>
          mayPublish(from, other, each)
        )
        return channels.join(", ") || "nothing"
      })
    ])
  )
}
