/** All parts of the documents that are generated, by the names that the documents give them. */
import { Faults } from "../../scenarios/description/faults.ts"
import { HostsFile } from "../../scenarios/description/hosts.ts"
import { Whole } from "../../scenarios/description/schema.ts"
import { claimTable } from "./claims.ts"
import { commandReference } from "./commands.ts"
import { fieldTable } from "./fields.ts"
import { messageTable, permissionTable } from "./messages.ts"

const sections = [
  "data",
  "users",
  "parties",
  "network",
  "training",
  "security",
  "decryption",
  "placement",
  "deadlines",
  "expect"
]
const phases = ["setup", "upload", "transform", "train", "output", "serve", "all", "group"] as const

export const generated = async (): Promise<ReadonlyMap<string, string>> =>
  new Map([
    ["claims", claimTable()],
    ["commands", await commandReference()],
    ["fields of a scenario", fieldTable(Whole)],
    ...sections.map((section) => [`fields of a scenario: ${section}`, fieldTable(Whole, section)] as const),
    ["fields of a fault plan", fieldTable(Faults)],
    ["fields of a fault plan: links", fieldTable(Faults, "links")],
    ["fields of a fault plan: events", fieldTable(Faults, "events")],
    ["fields of a file of hosts", fieldTable(HostsFile)],
    ...["links", "hosts", "placement"].map(
      (section) => [`fields of a file of hosts: ${section}`, fieldTable(HostsFile, section)] as const
    ),
    ...phases.map((phase) => [`messages: ${phase}`, messageTable(phase)] as const),
    ["permissions", permissionTable()]
  ])
