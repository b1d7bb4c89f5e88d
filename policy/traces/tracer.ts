/** The spans of sign-ins, sessions and statements, made with OpenTelemetry's own library. Loaded only where traces are on. */
import {
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { asPosternError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { ConnectionAttempt } from "../ports.ts";
import type { SessionPlace } from "../session_deps.ts";
import type { ClientInfo, StatementRun } from "../types.ts";
import { Collector } from "./collector.ts";
import type { TracesConfig } from "./config.ts";
import type { Traces } from "./ports.ts";
import { SpansOfSession, STATEMENT } from "./session_spans.ts";

/** Spans that may wait for the collector; further ones are given up. */
const WAITING_MAX = 4_096;
const BATCH_MAX = 512;
const INTERVAL_MS = 2_000;
/** How long an end waits for the collector. */
const CLOSE_MS = 3_000;

export interface TracerOptions {
  readonly config: TracesConfig;
  readonly version: string;
  /** Keys the digests of templates, so that nobody can try values against them. */
  readonly secret: Uint8Array;
  readonly log: Log;
}

export function createTraces(options: TracerOptions): Traces {
  return new OpenTelemetryTraces(options);
}

class OpenTelemetryTraces implements Traces {
  readonly #collector: Collector;
  readonly #provider: TracerProvider;
  /** Of the sign-ins whose sessions are still to come. */
  readonly #signIns = new WeakMap<ClientInfo, SpanContext>();
  #made = 0;

  constructor(private readonly options: TracerOptions) {
    const { config, version, log } = options;
    this.#collector = new Collector(config, log);
    const batches = new BatchSpanProcessor({
      exporter: this.#collector,
      maxQueueSize: WAITING_MAX,
      maxExportBatchSize: BATCH_MAX,
      scheduledDelayMillis: INTERVAL_MS,
    });
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({ "service.name": config.service, "service.version": version }),
      sampler: new ParentBasedSampler({ root: statementsSampled(config.sample) }),
      spanProcessors: [counting(() => this.#made++), batches],
    });
  }

  get counts() {
    const { sent, failed } = this.#collector;
    return { made: this.#made, sent, failed };
  }

  signIn({ client, protocol }: ConnectionAttempt, target: string, method: string) {
    const span = this.#tracer.startSpan("sign-in", {
      kind: SpanKind.SERVER,
      attributes: { "db.system.name": protocol, "postern.target": target, "postern.method": method },
    }, ROOT_CONTEXT);
    this.#signIns.set(client, span.spanContext());
    return (outcome: object) => {
      if (outcome instanceof Error) {
        span.setAttribute("error.type", asPosternError(outcome).code).setStatus({
          code: SpanStatusCode.ERROR,
        });
      }
      span.end();
    };
  }

  session(place: SessionPlace, templateOf: (run: StatementRun) => string | null): SpansOfSession {
    const signIn = this.#signIns.get(place.client);
    const within = signIn === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, signIn);
    const { target, database, identity, readOnly } = place;
    const about = {
      "db.system.name": target.protocol,
      "db.namespace": database,
      "postern.target": target.name,
      "postern.session": place.id,
    };
    const span = this.#tracer.startSpan("session", {
      kind: SpanKind.SERVER,
      attributes: { ...about, "postern.method": identity.method, "postern.read_only": readOnly },
    }, within);
    const start = (name: string, kind: SpanKind, startTime: number, parent: Span | null): Span => {
      const context: Context = parent === null ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, parent);
      const links: Link[] = parent === null ? [{ context: span.spanContext() }] : [];
      return this.#tracer.startSpan(name, { kind, startTime, links }, context);
    };
    return new SpansOfSession({ about, span, start, templateOf, secret: this.options.secret });
  }

  async close(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, CLOSE_MS));
    await Promise.race([this.#provider.shutdown().catch(() => {}), late]);
    clearTimeout(timer);
    await this.#collector.shutdown();
  }

  get #tracer() {
    return this.#provider.getTracer("postern", this.options.version);
  }
}

function statementsSampled(share: number): Sampler {
  const some: Sampler = new TraceIdRatioBasedSampler(share);
  const all: Sampler = new AlwaysOnSampler();
  return {
    shouldSample: (context, traceId, name, ...more) =>
      (name === STATEMENT ? some : all).shouldSample(context, traceId, name, ...more),
    toString: () => `statements of ${share}`,
  };
}

const counting = (count: () => void): SpanProcessor => ({
  onStart() {},
  onEnd: count,
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
});
