/**
 * The quick tests: those that start neither a broker, nor a process, nor whole runs, which `*.live.test.ts` do. They share the modules
 * that they load, since to load them takes longer than most tests.
 */
import { defineConfig } from "vitest/config"
import tests from "./vitest.config.ts"

const { poolOptions } = tests.test!

export default defineConfig({
  test: {
    ...tests.test,
    exclude: ["test/**/*.live.test.ts"],
    poolOptions: { forks: { ...poolOptions!.forks, isolate: false } }
  }
})
