/** Where spans go: OTLP/HTTP in JSON, by the same guarded POST as notifications. What a collector does not take is given up. */
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { Secret } from "../config_values.ts";
import type { Log } from "../log.ts";
import { postJson } from "../notify/http_post.ts";
import type { TracesConfig } from "./config.ts";

/** The collector's time to answer. */
const POST_TIMEOUT_MS = 5_000;

export class Collector implements SpanExporter {
  sent = 0;
  failed = 0;
  #failing = false;
  readonly #stop = new AbortController();

  constructor(private readonly config: TracesConfig, private readonly log: Log) {}

  export(spans: ReadableSpan[], done: Parameters<SpanExporter["export"]>[1]): void {
    this.#post(spans).then(() => {
      this.sent += spans.length;
      if (this.#failing) this.log("info", "the collector takes traces again");
      this.#failing = false;
      done({ code: 0 });
    }, (error) => {
      this.failed += spans.length;
      const problem = error instanceof Error ? error.message : String(error);
      if (!this.#failing) this.log("warn", "the collector does not take traces", { problem });
      this.#failing = true;
      done({ code: 1 });
    });
  }

  async #post(spans: ReadableSpan[]): Promise<void> {
    const { url, ca, headers } = this.config;
    const body = new TextDecoder().decode(JsonTraceSerializer.serializeRequest(spans));
    const shown = Object.entries(headers).map(([name, value]) => [name, value.reveal()]);
    const target = { url: new Secret(url), ca, allowed: [], timeoutMs: POST_TIMEOUT_MS };
    await postJson(target, body, Object.fromEntries(shown), this.#stop.signal);
  }

  forceFlush(): Promise<void> {
    return Promise.resolve();
  }

  /** Gives up what is under way. */
  shutdown(): Promise<void> {
    this.#stop.abort(new Error("Postern stops"));
    return Promise.resolve();
  }
}
