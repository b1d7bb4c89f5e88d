/** A client of Postern's own listener, for statements from the dashboard: simple protocol, rows as text. */
import type { ConsoleEvent } from "../../policy/console.ts";
import {
  consoleName,
  consoleRowBytesMax,
  ConsoleRows,
  consoleTimeoutMs,
  listenerAsTarget,
} from "../console.ts";
import { refusalOf } from "../forward.ts";
import type { ConsoleRequest } from "../protocol.ts";
import { cancelAtTarget } from "./cancel.ts";
import { decodeFields, decodeRowDescription, decodeTag, decodeTextRow } from "./decode.ts";
import { query, terminate } from "./encode.ts";
import { fromTarget } from "./frames.ts";
import { connectTarget, type TargetLink } from "./target.ts";

export async function* runConsole(request: ConsoleRequest): AsyncIterable<ConsoleEvent> {
  const { target: name, text, signal } = request;
  const own = listenerAsTarget(request);
  const link = await connectTarget(own, name, {
    timeoutMs: consoleTimeoutMs,
    frameBytesMax: consoleRowBytesMax,
    parameters: { application_name: consoleName, client_encoding: "UTF8" },
    signal,
  }).catch((error) => Promise.reject(refusalOf(error)));
  const cancel = () => {
    cancelAtTarget(own, link, consoleTimeoutMs).catch(() => link.stream.destroy());
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
  const rows = new ConsoleRows();
  for (;;) {
    const frame = await link.reader.next();
    if (frame === null) return;
    switch (frame[0]) {
      case fromTarget.rowDescription:
        yield { kind: "columns", names: decodeRowDescription(frame, true).map(({ name }) => name ?? "") };
        break;
      case fromTarget.dataRow:
        if (rows.wants) yield* rows.add(decodeTextRow(frame));
        else rows.skip();
        break;
      case fromTarget.commandComplete:
        yield* rows.end(() => decodeTag(frame));
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
