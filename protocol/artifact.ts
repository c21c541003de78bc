/**
 * Finds the built files: the compiled kernels, the program and the entries of worker threads exist only under
 * `dist/`, but the modules that load them also run from source under the test runner, and bundled as the
 * program. Only this file knows all three cases.
 */

/** `dist/`, seen from `protocol/artifact.ts`, `dist/protocol/artifact.js` or a chunk of `dist/program/`. */
const built = new URL(
  /\/dist\/(protocol|program)\/[^/]*$/.test(import.meta.url) ? "../" : "../dist/",
  import.meta.url
)

/** The URL of a built file by its path in `dist/`: `artifact("protocol/ring/kernels.wasm")`. */
export const artifact = (path: string): URL => new URL(path, built)

/** The project's folder, where `nats.conf` and `node_modules` are. */
export const projectRoot = new URL("../", built)
