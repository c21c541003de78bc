/** The sweeps: generated corpora, tables of kills and habits of people, which `npm run test:sweep` runs after the tests. */
import { defineConfig } from "vitest/config"
import tests from "./vitest.config.ts"

export default defineConfig({ test: { ...tests.test, include: ["test/**/*.sweep.ts"] } })
