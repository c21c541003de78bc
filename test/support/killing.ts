/** Kills of processes of a run over NATS, each triggered by what the run reports of itself. */
import type { ProcessControl } from "../../scenarios/faults-injected/process-control.ts"
import type { RunDisplay } from "../../scenarios/report/result.ts"

/** Kills those named, one after the other, each once the clouds have come to a step. */
export const killing = (kills: ReadonlyArray<readonly [step: number, victim: string]>) => {
  const left = [...kills]
  const lives: Array<string> = []
  let control: ProcessControl | undefined
  const display: RunDisplay = {
    note: () => {},
    life: ({ _tag, party }) => {
      if (_tag !== "Up") lives.push(`${party} ${_tag}`)
    },
    phase: () => {},
    progress: (_, phase, steps) => {
      const [next] = left
      if (phase !== "train" || next === undefined || steps < next[0]) return
      if (control?.signal(next[1], "SIGKILL")) left.shift()
    }
  }
  const onUp = (given: ProcessControl) => {
    control = given
  }
  return { display, lives, onUp }
}
