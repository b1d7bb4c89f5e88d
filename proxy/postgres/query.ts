/** Postern's own queries: simple protocol, rows as text. */
import { PosternError } from "../../policy/errors.ts";
import type { TargetQuery } from "../../policy/ports.ts";
import type { Target } from "../../policy/types.ts";
import { decodeFields, decodeTextRow } from "./decode.ts";
import { query, terminate } from "./encode.ts";
import { fromTarget } from "./frames.ts";
import { connectTarget, type TargetLink } from "./target.ts";

const connectTimeoutMs = 10_000;
const statementTimeoutMs = 30_000;
/** A view's definition is one value; a catalog has none that comes near this. */
const frameBytesMax = 64 * 1024 * 1024;

/** A connection of its own for each text, closed after it. `sql` may hold several statements; all rows come back. */
export const targetQuery: TargetQuery = async (target, database, sql, before = []) => {
  const link = await connectTarget(target, database, {
    timeoutMs: connectTimeoutMs,
    frameBytesMax,
    parameters: {
      application_name: "postern catalog",
      client_encoding: "UTF8",
      options: `-c default_transaction_read_only=on -c statement_timeout=${statementTimeoutMs}`,
    },
  });
  const timer = setTimeout(
    () =>
      link.reader.fail(
        new PosternError("TargetUnavailable", `The target "${target.name}" did not answer in time`),
      ),
    statementTimeoutMs + connectTimeoutMs,
  );
  try {
    const rows = await runOn(link, target, [...before, sql].join(";\n"));
    link.stream.end(terminate);
    return rows;
  } finally {
    clearTimeout(timer);
    link.reader.release();
    link.stream.destroySoon();
  }
};

/** Rows as text on a link that is idle and still read by its `reader`. Rejects with TargetUnavailable. */
export async function runOn(link: TargetLink, target: Target, sql: string): Promise<(string | null)[][]> {
  const rows: (string | null)[][] = [];
  let error: PosternError | null = null;
  link.stream.write(query(sql));
  for (;;) {
    const frame = await link.reader.next();
    if (frame === null) throw unavailable(target, "closed the connection", "end of stream");
    switch (frame[0]) {
      case fromTarget.dataRow:
        rows.push(decodeTextRow(frame));
        break;
      case fromTarget.errorResponse: {
        const { C = "", M = "" } = decodeFields(frame);
        error ??= unavailable(target, `failed on Postern's own query (${C})`, M, C);
        break;
      }
      case fromTarget.readyForQuery:
        if (error !== null) throw error;
        return rows;
    }
  }
}

function unavailable(target: Target, problem: string, cause: unknown, targetCode?: string): PosternError {
  return new PosternError("TargetUnavailable", `The target "${target.name}" ${problem}`, {
    hint: "Try again; if it happens again, tell whoever runs Postern",
    cause,
    ...(targetCode === undefined ? {} : { targetCode }),
  });
}
