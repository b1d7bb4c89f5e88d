/** Traces, if the config switches them on: nothing of OpenTelemetry is loaded before. */
import type { TracerOptions } from "./tracer.ts";
import type { Traces } from "./ports.ts";
import type { TracesConfig } from "./config.ts";

export type { Traces } from "./ports.ts";

export async function startTraces(
  config: TracesConfig | undefined,
  options: Omit<TracerOptions, "config">,
): Promise<Traces | null> {
  if (config === undefined) return null;
  const { createTraces } = await import("./tracer.ts");
  return createTraces({ config, ...options });
}
