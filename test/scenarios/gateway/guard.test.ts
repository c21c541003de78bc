import { describe, expect, it } from "vitest"
import { hostsOf, isLoopback, placeOf, refusalOf } from "../../../scenarios/gateway/guard.ts"

describe("where a gateway listens", () => {
  it("is the loopback for a bare port", () => {
    expect(placeOf("8080")).toEqual({ host: "127.0.0.1", port: 8080 })
    expect(placeOf("[::1]:80")).toEqual({ host: "::1", port: 80 })
    expect(placeOf("0.0.0.0:9")).toEqual({ host: "0.0.0.0", port: 9 })
    for (const text of ["", "a", "65536", "::1:80", "host:", ":80", "http://localhost:80"])
      expect(placeOf(text), text).toBeUndefined()
  })

  it("is told apart from what other machines reach", () => {
    for (const host of ["localhost", "127.0.0.1", "127.1.2.3", "::1"]) expect(isLoopback(host)).toBe(true)
    for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.evil.example"])
      expect(isLoopback(host), host).toBe(false)
  })
})

describe("the hosts that a gateway answers to", () => {
  const statusOf = (hosts: ReadonlySet<string>, headers: Record<string, string>) =>
    refusalOf(hosts, new Headers(headers))?.status

  it("are its own address and the names that it was given, with the port", () => {
    const hosts = hostsOf({ host: "10.0.0.1", port: 8080 }, ["Clinic.example"])
    expect([...hosts]).toEqual(["10.0.0.1:8080", "clinic.example:8080"])
    expect(statusOf(hosts, { host: "CLINIC.example:8080" })).toBeUndefined()
    expect(statusOf(hosts, { host: "localhost:8080" })).toBe(421)
    expect(statusOf(hosts, {})).toBe(421)
    expect([...hostsOf({ host: "0.0.0.0", port: 80 }, ["a"])]).toEqual(["a", "a:80"])
    expect(statusOf(hostsOf({ host: "::1", port: 9 }, []), { host: "[::1]:9" })).toBeUndefined()
  })

  it("are answered to pages of the same origin, and of no other", () => {
    const hosts = hostsOf({ host: "127.0.0.1", port: 8080 }, [])
    const host = "localhost:8080"
    expect(statusOf(hosts, { host, origin: "http://localhost:8080" })).toBeUndefined()
    for (const origin of ["null", "http://localhost", "https://localhost:8080", "http://127.0.0.1:8080"])
      expect(statusOf(hosts, { host, origin }), origin).toBe(403)
  })
})
