/** What the client saw of a statement's results, as far as the record has it. */
import { useEffect, useState } from "preact/hooks";
import type { RecordedResults } from "../../contract.ts";
import { Failure } from "../parts/basics.tsx";
import { counted } from "../parts/format.ts";
import { type ApiError, asApiError, get } from "../state/api.ts";
import { Rows } from "./result_grid.tsx";

interface RecordedRowsProps {
  /** The session's id. */
  readonly session: string;
  readonly step: { readonly sequence: number; readonly rows: number };
}

export function RecordedRows({ session, step: { sequence } }: RecordedRowsProps) {
  const [found, setFound] = useState<RecordedResults | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const load = async () => {
    try {
      setFound(
        await get<RecordedResults>(`/api/sessions/${encodeURIComponent(session)}/results/${sequence}`),
      );
      setError(null);
    } catch (thrown) {
      setError(asApiError(thrown));
    }
  };
  useEffect(() => {
    load();
  }, [session, sequence]);
  if (error) return <Failure error={error} retry={load} />;
  if (found === null) return <p class="cell-note" role="status">The recorded rows are coming</p>;
  return (
    <>
      {found.results.map(({ columns, rows, more }, at) => (
        <section key={at} class="result" aria-label={`Recorded result ${at + 1}`}>
          <p class="result-head">
            <strong>{headOf(rows.length, more)}</strong>
            <span class="cell-note">as the client saw {rows.length === 1 ? "it" : "them"}</span>
          </p>
          <Rows
            columns={columns.map(({ name }) =>
              name
            )}
            masked={columns.map(({ masked }) =>
              masked
            )}
            rows={rows}
            first={1}
            label={`Rows of recorded result ${at + 1}`}
          />
        </section>
      ))}
    </>
  );
}

function headOf(rows: number, more: boolean): string {
  if (!more) return rows === 0 ? "No rows" : counted(rows, "row");
  return rows === 0 ? "Rows that are not recorded" : `The first ${counted(rows, "row")}, not all of it`;
}
