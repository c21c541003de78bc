/** The memory that this process has needed. */
import { readFileSync } from "node:fs"

/** The largest resident size, in bytes. */
export const peakMemoryBytes = (): number => {
  try {
    // The system's figure for a process may include its parent's; this is of the process alone.
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))!
    return Number(kilobytes) * 1024
  } catch {
    return process.resourceUsage().maxRSS * 1024
  }
}
