/** What a statement would do, as far as it could be told without running it. */
import type { RequestDetail } from "../../contract.ts";
import { bytes, count, counted } from "../parts/format.ts";
import { icons } from "../parts/icons.tsx";
import { Marked } from "../parts/marked.tsx";

type Impact = NonNullable<RequestDetail["impact"]>;

export function RequestImpact({ request }: { request: RequestDetail }) {
  const { impact, state } = request;
  if (impact === null) {
    if (state !== "pending") return null;
    return (
      <section class="impact" aria-label="Impact">
        <h2 class="minor">Impact</h2>
        <p class="fact-note" role="status">The estimate is under way; you need not wait for it.</p>
      </section>
    );
  }
  return (
    <section class="impact" aria-label="Impact">
      <h2 class="minor">Impact, an estimate</h2>
      <Headline impact={impact} />
      <Lines title="Look twice" lines={impact.warnings} warn />
      <Tables impact={impact} />
      <Lines title="Triggers" lines={impact.triggers} />
      <Lines title="Cascades by foreign key" lines={impact.cascades} />
      <Lines title="Locks" lines={impact.locks} />
      <Samples impact={impact} />
      {impact.plan.length > 0
        ? (
          <details>
            <summary>The plan, in words</summary>
            <pre class="plan">{impact.plan.join("\n")}</pre>
          </details>
        )
        : null}
      <Lines title="Not computed" lines={impact.missing} />
    </section>
  );
}

function Headline({ impact: { exactRows, rows } }: { impact: Impact }) {
  if (exactRows !== null) {
    return (
      <p class="impact-rows">
        <strong>{counted(exactRows, "row")}</strong> matched when it was counted
        {rows === null ? "" : `; the planner expects about ${count(rows)}`}.
      </p>
    );
  }
  if (rows === null) return null;
  return (
    <p class="impact-rows">
      About <strong>{counted(rows, "row")}</strong>, by the planner's statistics.
    </p>
  );
}

function Lines({ title, lines, warn }: { title: string; lines: readonly string[]; warn?: boolean }) {
  if (lines.length === 0) return null;
  return (
    <>
      <h3 class="impact-title">{title}</h3>
      <ul class={warn ? "plain-list impact-warnings" : "plain-list"}>
        {lines.map((line) => (
          <li key={line}>
            {warn ? icons.warn : null} <Marked text={line} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Tables({ impact: { tables } }: { impact: Impact }) {
  if (tables.length === 0) return null;
  return (
    <div class="table-scroll" tabIndex={0} role="group" aria-label="Sizes of its tables">
      <table>
        <thead>
          <tr>
            <th scope="col">Table</th>
            <th scope="col" class="number">Rows, about</th>
            <th scope="col" class="number">Size</th>
            <th scope="col" class="number">Indexes</th>
          </tr>
        </thead>
        <tbody>
          {tables.map((table) => (
            <tr key={table.name}>
              <th scope="row">
                <code>
                  <Marked text={table.name} />
                </code>
              </th>
              <td class="number">{table.rows === null ? "unknown" : count(table.rows)}</td>
              <td class="number">{table.bytes === null ? "unknown" : bytes(table.bytes)}</td>
              <td class="number">{table.indexes}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Samples({ impact: { samples } }: { impact: Impact }) {
  if (samples === null || samples.before.length === 0) return null;
  const { columns, before, after } = samples;
  return (
    <>
      <h3 class="impact-title">Sample rows, masked</h3>
      <div class="table-scroll" tabIndex={0} role="group" aria-label="Sample rows">
        <table>
          <thead>
            <tr>
              <th scope="col">Row</th>
              {(before[0] ?? []).map((_, at) => <th key={at} scope="col">{columns[at] ?? at + 1}</th>)}
            </tr>
          </thead>
          <tbody>
            {before.map((row, at) => (
              <>
                <SampleRow
                  key={`${at} before`}
                  name={after === null ? `${at + 1}` : `${at + 1}, as it is`}
                  row={row}
                />
                {after === null
                  ? null
                  : <SampleRow key={`${at} after`} name="as it would be" row={after[at] ?? []} />}
              </>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function SampleRow({ name, row }: { name: string; row: readonly (string | null)[] }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      {row.map((value, at) => (
        <td key={at}>
          {value === null ? <span class="value-null">NULL</span> : <Marked text={value.slice(0, 200)} />}
        </td>
      ))}
    </tr>
  );
}
