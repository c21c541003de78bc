/** Spans. */
import { Context } from "effect"

/** Whether spans are recorded. Where they are not, the runtime makes none and sends no trace headers. */
export class Tracing extends Context.Reference<Tracing>()("runtime/Tracing", {
  defaultValue: () => ({ enabled: false })
}) {}
