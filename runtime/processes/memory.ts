/** How much memory this process has needed. */
import { readFileSync } from "node:fs"

/** The most bytes of it that were resident at once. */
export const peakMemoryBytes = (): number => {
  try {
    // What the system counts for a process may begin with its parent's; this is of the process alone.
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))!
    return Number(kilobytes) * 1024
  } catch {
    return process.resourceUsage().maxRSS * 1024
  }
}
