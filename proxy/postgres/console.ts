/** A client of Postern's own listener, for statements from the dashboard: simple protocol, rows as text. */
import { type ConsoleEvent, ROWS_MAX, RUN_LENGTH_MAX, VALUE_LENGTH_MAX } from "../../policy/console.ts";
import type { Target } from "../../policy/types.ts";
import type { ConsoleRequest } from "../protocol.ts";
import { cancelAtTarget } from "./cancel.ts";
import { decodeFields, decodeRowDescription, decodeTag, decodeTextRow } from "./decode.ts";
import { query, terminate } from "./encode.ts";
import { fromTarget } from "./frames.ts";
import { connectTarget, type TargetLink } from "./target.ts";

const connectTimeoutMs = 30_000;
/** A row of a result; larger ones end the run with the limit's error. */
const frameBytesMax = 64 * 1024 * 1024;
/** Rows that travel to the browser together. */
const batchRows = 100;

export async function* runConsole(request: ConsoleRequest): AsyncIterable<ConsoleEvent> {
  const { host, port, target: name, user, password, text, signal } = request;
  // The listener is this process: its certificate proves nothing that the address does not.
  const own: Target = {
    name,
    protocol: "postgresql",
    host,
    port,
    database: name,
    environment: "",
    groups: [],
    tls: { mode: request.tls === "none" ? "disable" : "require" },
    account: { user, password },
  };
  const parameters = { application_name: "Postern console", client_encoding: "UTF8" };
  const link = await connectTarget(own, name, {
    timeoutMs: connectTimeoutMs,
    frameBytesMax,
    parameters,
    signal,
  });
  const cancel = () => {
    cancelAtTarget(own, link, connectTimeoutMs).catch(() => link.stream.destroy());
  };
  signal.addEventListener("abort", cancel, { once: true });
  try {
    if (signal.aborted) return;
    link.stream.write(query(text));
    yield* answersOf(link);
  } finally {
    signal.removeEventListener("abort", cancel);
    link.stream.end(terminate);
    link.reader.release();
    link.stream.destroySoon();
  }
}

async function* answersOf(link: TargetLink): AsyncIterable<ConsoleEvent> {
  let rows: (string | null)[][] = [];
  let count = 0;
  let kept = 0;
  for (;;) {
    const frame = await link.reader.next();
    if (frame === null) return;
    switch (frame[0]) {
      case fromTarget.rowDescription:
        count = 0;
        yield { kind: "columns", names: decodeRowDescription(frame, true).map(({ name }) => name ?? "") };
        break;
      case fromTarget.dataRow: {
        count++;
        if (count > ROWS_MAX || kept > RUN_LENGTH_MAX) break;
        const row = decodeTextRow(frame).map((value) => value?.slice(0, VALUE_LENGTH_MAX) ?? null);
        kept += row.reduce((sum, value) => sum + (value?.length ?? 0), 0);
        rows.push(row);
        if (rows.length < batchRows) break;
        yield { kind: "rows", rows };
        rows = [];
        break;
      }
      case fromTarget.commandComplete:
        if (rows.length > 0) yield { kind: "rows", rows };
        rows = [];
        yield { kind: "tag", tag: decodeTag(frame), rows: count };
        count = 0;
        break;
      case fromTarget.noticeResponse:
      case fromTarget.errorResponse: {
        const { C = "", M = "", D = "", H = "" } = decodeFields(frame);
        const told = { message: M, detail: D, hint: H };
        yield frame[0] === fromTarget.noticeResponse
          ? { kind: "notice", ...told }
          : { kind: "error", code: C, ...told };
        break;
      }
      case fromTarget.copyInResponse:
      case fromTarget.copyOutResponse:
        yield {
          kind: "error",
          code: "0A000",
          message: "COPY needs a client of its own",
          detail: "",
          hint: "Use psql",
        };
        return;
      case fromTarget.readyForQuery:
        yield { kind: "end" };
        return;
    }
  }
}
