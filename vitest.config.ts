import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    // As parties' processes have it (runtime/process.ts): a buffer that is freed too early has to be found out here.
    poolOptions: {
      forks: {
        execArgv: "transfer" in ArrayBuffer.prototype ? [] : ["--harmony-rab-gsab-transfer"]
      }
    }
  }
})
