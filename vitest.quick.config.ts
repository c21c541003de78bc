/** The quick tests: those that start neither a broker, nor a process, nor whole runs, which `*.live.test.ts` do. */
import { defineConfig } from "vitest/config"
import tests from "./vitest.config.ts"

export default defineConfig({ test: { ...tests.test, exclude: ["test/**/*.live.test.ts"] } })
