/** A collector of OTLP over HTTP for tests: what came, as spans. */
import { startHttpReceiver } from "./receivers.ts";

export interface SeenSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  /** SpanKind as OTLP numbers it: 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly links: readonly { readonly spanId: string }[];
  readonly failed: boolean;
}

type Value = { stringValue?: string; intValue?: number | string; doubleValue?: number; boolValue?: boolean };

interface Request {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: Value }[] };
    readonly scopeSpans: readonly { readonly spans: readonly RawSpan[] }[];
  }[];
}

interface RawSpan extends Omit<SeenSpan, "start" | "end" | "attributes" | "failed"> {
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { key: string; value: Value }[];
  readonly status: { readonly code: number };
}

const valueOf = ({ stringValue, intValue, doubleValue, boolValue }: Value) =>
  stringValue ?? (intValue === undefined ? doubleValue ?? boolValue ?? "" : Number(intValue));

/** `answer` as in startHttpReceiver. */
export function startCollector(answer?: Parameters<typeof startHttpReceiver>[0]) {
  const receiver = startHttpReceiver(answer);
  return {
    url: receiver.url,
    all: receiver.all,
    /** Everything that came, as it came. */
    text: () => receiver.taken.map(({ body }) => body).join("\n"),
    service: () =>
      valueOf(
        (JSON.parse(receiver.taken[0]!.body) as Request).resourceSpans[0]!.resource.attributes
          .find(({ key }) => key === "service.name")!.value,
      ),
    spans: (): SeenSpan[] =>
      receiver.taken.flatMap(({ body }) =>
        (JSON.parse(body) as Request).resourceSpans.flatMap(({ scopeSpans }) =>
          scopeSpans.flatMap(({ spans }) => spans.map(seen))
        )
      ),
    close: () => receiver.close(),
  };
}

function seen({ startTimeUnixNano, endTimeUnixNano, attributes, status, ...span }: RawSpan): SeenSpan {
  return {
    ...span,
    start: BigInt(startTimeUnixNano),
    end: BigInt(endTimeUnixNano),
    attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)])),
    failed: status.code === 2,
  };
}
