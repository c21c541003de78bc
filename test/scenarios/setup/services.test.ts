import { describe, expect, it } from "@effect/vitest"
import { parse } from "yaml"
import { serviceFiles } from "../../../scenarios/setup/services.ts"

const options = {
  run: "leaves-1",
  parties: [
    { actor: "kgc", name: "kgc" },
    { actor: "user1", name: "north" }
  ],
  inviter: "abcd-efgh"
}

/** The settings of a unit by section and name. */
const settingsIn = (unit: string): ReadonlyMap<string, string> => {
  let section = ""
  const found = new Map<string, string>()
  for (const line of unit.split("\n")) {
    section = /^\[(\w+)\]$/.exec(line)?.[1] ?? section
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? []
    if (name !== undefined) found.set(`${section}.${name}`, value!)
  }
  return found
}

describe("files for service managers", () => {
  it("have each party started by its own invitation, and again unless it told an error", () => {
    const [kgc, north] = serviceFiles("systemd", options)
    expect([kgc!.name, north!.name]).toEqual(["bicameral-kgc.service", "bicameral-user1.service"])
    const settings = settingsIn(north!.content)
    expect(settings.get("Service.ExecStart")).toBe(
      "/usr/bin/env bicameral join user1.invitation --inviter abcd-efgh"
    )
    expect(settings.get("Service.Restart")).toBe("on-failure")
    expect(settings.get("Service.RestartPreventExitStatus")).toBe("1")
    expect(settings.get("Service.StateDirectory")).toBe("bicameral-user1")
  })

  it("are compose files with one service each, which holds nothing of another party", () => {
    const [, north] = serviceFiles("compose", options)
    expect(north!.name).toBe("user1.compose.yaml")
    const { services } = parse(north!.content)
    expect(Object.keys(services)).toEqual(["user1"])
    expect(services.user1.command.slice(2)).toEqual(["join", "user1.invitation", "--inviter", "abcd-efgh"])
    expect(north!.content).not.toContain("kgc")
  })
})
