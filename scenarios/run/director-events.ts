/** What the director's process reports on its standard output while it directs a run, a line of JSON each. */
import type { Phase } from "../../actors/party/phases.ts"
import type { RunDisplay } from "../report/result.ts"

export type DirectorEvent =
  | { readonly phase: Phase }
  | { readonly progress: readonly [actor: string, phase: string, done: number, total: number] }
  /** Users who left and are needed again. */
  | { readonly back: ReadonlyArray<string> }
  | { readonly outcome: { readonly tested: object | null; readonly steps: number } }

/** Shows the director's events, and calls users back whom it needs again: each once. */
export const followDirector = (
  display: RunDisplay,
  callBack: (user: string) => void
): ((line: unknown) => void) => {
  // A director that came back begins its phase again and calls again: neither is news.
  const called = new Set<string>()
  let phase: string | undefined
  return (line) => {
    const event = line as DirectorEvent
    if ("back" in event)
      for (const user of event.back) {
        if (!called.has(user)) callBack(user)
        called.add(user)
      }
    if ("progress" in event) display.progress(...event.progress)
    if (!("phase" in event) || event.phase === phase) return
    phase = event.phase
    display.phase(event.phase)
  }
}

/** Whether a line of the director says that a phase has begun before which all users have uploaded. */
export const saysUploaded = (line: unknown): boolean => {
  const event = line as DirectorEvent
  return "phase" in event && event.phase !== "setup" && event.phase !== "upload"
}
