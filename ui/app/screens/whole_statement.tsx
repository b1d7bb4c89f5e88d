/** One statement of a replay, whole. */
import { useEffect, useState } from "preact/hooks";
import type { SessionRow, StatementText } from "../../contract.ts";
import { Failure } from "../parts/basics.tsx";
import { counted } from "../parts/format.ts";
import { Statement } from "../parts/statement.tsx";
import { type ApiError, asApiError, get } from "../state/api.ts";
import { type StatementRow, textOf } from "./replay_rows.ts";

/** A replay's steps hold a statement's beginning; the whole, and its tokens, come when it is opened. */
export function WholeStatement(
  { row, session, length }: { row: StatementRow; session: SessionRow; length: number },
) {
  const [whole, setWhole] = useState<StatementText | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const beginning = textOf(row);
  const sequence = row.statement?.sequence ?? row.held?.sequence;
  const load = async () => {
    try {
      const path = `/api/sessions/${encodeURIComponent(session.id)}/events/${sequence}`;
      setWhole(await get<StatementText>(path));
      setError(null);
    } catch (thrown) {
      setError(asApiError(thrown));
    }
  };
  useEffect(() => {
    if (beginning.length === length) load();
  }, [sequence]);
  const text = whole?.text ?? beginning;
  return (
    <>
      <Statement
        text={text}
        colours={whole?.colours ?? null}
        label={text.length < length ? "The statement's beginning" : "The statement"}
      />
      {error ? <Failure error={error} retry={load} /> : null}
      {text.length < length
        ? (
          <button type="button" class="button small" onClick={load}>
            Load all {counted(length, "character")}
          </button>
        )
        : null}
    </>
  );
}
