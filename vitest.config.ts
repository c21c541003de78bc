import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // For tests that hang, and for nothing else: how long a test takes is the machine's affair, which may be busy. No test has a limit
    // of its own.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    pool: "forks",
    // As parties' processes have it (runtime/processes/process.ts): a buffer that is freed too early has to be found out here.
    poolOptions: {
      forks: {
        // Most live tests wait for processes of their own; with two at a time the wait of one is the work of the other.
        minForks: 2,
        maxForks: 2,
        execArgv: "transfer" in ArrayBuffer.prototype ? [] : ["--harmony-rab-gsab-transfer"]
      }
    }
  }
})
