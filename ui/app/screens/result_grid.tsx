/** One result: its rows by pages, each value on a line, the long ones cut until they are asked for. */
import { useState } from "preact/hooks";
import { count, counted } from "../parts/format.ts";
import { Marked } from "../parts/marked.tsx";
import type { ConsoleResult } from "../state/console.ts";

const PAGE_ROWS = 100;
const CELL_LENGTH_MAX = 120;

export function ResultGrid({ result, at }: { result: ConsoleResult; at: number }) {
  const [page, setPage] = useState(0);
  const { columns, rows, tag } = result;
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
  const shown = rows.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS);
  return (
    <section class="result" aria-label={`Result ${at}`}>
      <p class="result-head" role="status">
        <strong>{tag?.tag ?? "Rows are coming"}</strong>
        {columns.length > 0
          ? (
            <span class="cell-note">
              {counted(columns.length, "column")}
              {tag !== null && tag.rows > rows.length
                ? `, the first ${count(rows.length)} of ${count(tag.rows)} rows`
                : ""}
            </span>
          )
          : null}
      </p>
      {columns.length === 0
        ? null
        : <Rows columns={columns} rows={shown} first={page * PAGE_ROWS + 1} label={`Rows of result ${at}`} />}
      {pages > 1
        ? (
          <div class="result-pages" role="group" aria-label="Pages">
            <button
              type="button"
              class="button small"
              disabled={page === 0}
              onClick={() => setPage(page - 1)}
            >
              Previous
            </button>
            <span>Page {page + 1} of {pages}</span>
            <button
              type="button"
              class="button small"
              disabled={page >= pages - 1}
              onClick={() => setPage(page + 1)}
            >
              Next
            </button>
          </div>
        )
        : null}
    </section>
  );
}

interface RowsProps extends Pick<ConsoleResult, "columns" | "rows"> {
  /** The number of the first of these rows. */
  readonly first: number;
  readonly label: string;
  /** By position: columns whose values are masked. */
  readonly masked?: readonly boolean[];
}

/** Rows as a table that scrolls by itself. */
export function Rows({ columns, rows, first, label, masked = [] }: RowsProps) {
  return (
    <div
      class="table-scroll result-scroll"
      tabIndex={0}
      role="group"
      aria-label={label}
    >
      <table class="result-table">
        <thead>
          <tr>
            <th scope="col" class="number">
              <span class="visually-hidden">Row</span>
            </th>
            {columns.map((name, column) => (
              <th key={column} scope="col">
                <Marked text={name} />
                {masked[column] ? <span class="cell-note">&#32;masked</span> : null}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              <th scope="row" class="number">{count(first + index)}</th>
              {row.map((value, column) => (
                <td key={column}>
                  <Cell value={value} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ value }: { value: string | null }) {
  const [whole, setWhole] = useState(false);
  if (value === null) return <span class="value-null">NULL</span>;
  if (value.length <= CELL_LENGTH_MAX || whole) return <Marked text={value} />;
  return (
    <>
      <Marked text={value.slice(0, CELL_LENGTH_MAX)} />
      <button type="button" class="cell-more" onClick={() => setWhole(true)}>
        … {count(value.length)} characters
      </button>
    </>
  );
}
