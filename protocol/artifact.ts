/**
 * Where the built files are: the compiled kernels and the entries of worker threads exist only under `dist/`, but
 * the modules that load them also run from source under the test runner. This is the one place that knows both.
 */

/** Root of the project: this file is `protocol/artifact.ts` in the source and `dist/protocol/artifact.js` when built. */
const here = new URL("../", import.meta.url)
const built = here.pathname.endsWith("/dist/") ? here : new URL("dist/", here)

/**
 * The URL inside `dist/` of a file that is built beside the calling module, from wherever that module runs.
 * `artifact(import.meta.url, "./kernels.wasm")`.
 */
export const artifact = (moduleUrl: string, relative: string): URL => {
  const target = new URL(relative, moduleUrl).href
  const root = target.startsWith(built.href) ? built.href : here.href
  if (!target.startsWith(root)) throw new RangeError(`${target} is outside the project at ${here.href}`)
  return new URL(target.slice(root.length), built)
}
