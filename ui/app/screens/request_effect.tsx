/** What a statement does and what that would change, as far as it could be told without running it. */
import type { RequestDetail } from "../../contract.ts";
import { Badge } from "../parts/basics.tsx";
import { bytes, count, counted, verbList } from "../parts/format.ts";
import { icons } from "../parts/icons.tsx";
import { Marked } from "../parts/marked.tsx";

type Impact = NonNullable<RequestDetail["impact"]>;

export function RequestEffect({ request }: { request: RequestDetail }) {
  const { impact, missingWhere } = request;
  const warnings = [
    ...(missingWhere ? ["It has no WHERE that restricts its rows"] : []),
    ...(impact?.warnings ?? []),
  ];
  return (
    <section class="effect" aria-label="Effect">
      <h2 class="minor">Effect</h2>
      <p>
        <strong>{verbList(request.verbs)}</strong> <Rows request={request} />
      </p>
      {warnings.length === 0 ? null : (
        <ul class="plain-list effect-warnings">
          {warnings.map((line) => (
            <li key={line}>
              {icons.warn} <Marked text={line} />
            </li>
          ))}
        </ul>
      )}
      <Tables request={request} />
      {impact === null ? null : (
        <>
          <dl class="effect-lines">
            <Lines title="Triggers" lines={impact.triggers} />
            <Lines title="Cascades" lines={impact.cascades} />
            <Lines title="Locks" lines={impact.locks} />
            <Lines title="Not computed" lines={impact.missing} />
          </dl>
          <Samples impact={impact} />
          {impact.plan.length > 0
            ? (
              <details>
                <summary>The plan, in words</summary>
                <pre class="plan">{impact.plan.join("\n")}</pre>
              </details>
            )
            : null}
        </>
      )}
    </section>
  );
}

function Rows({ request: { impact, state } }: { request: RequestDetail }) {
  if (impact === null) {
    return state === "pending"
      ? <span class="note" role="status">The estimate is under way; you need not wait for it.</span>
      : null;
  }
  const { exactRows, rows } = impact;
  if (exactRows !== null) {
    return (
      <>
        of <strong>{counted(exactRows, "row")}</strong>, counted{" "}
        {rows === null ? "just now" : `just now; the planner expects about ${count(rows)}`}
      </>
    );
  }
  return rows === null ? null : (
    <>
      of about <strong>{counted(rows, "row")}</strong>, by the planner's statistics
    </>
  );
}

/** The tables that its text names, then those that it reaches by triggers or keys. */
function Tables({ request: { tables, impact } }: { request: RequestDetail }) {
  // Several statements, or several places of one, may name the same.
  const uses = new Map(tables.map((one) => [JSON.stringify(one), one]));
  const named = [...uses.values()].map(({ schema, name, access }) => ({
    name: schema ? `${schema}.${name}` : name,
    access,
  }));
  const sizes = new Map((impact?.tables ?? []).map((table) => [table.name, table]));
  const further = [...sizes.values()].filter(({ name }) => !named.some((one) => one.name === name));
  if (named.length + further.length === 0) return <p>No table that Postern could tell</p>;
  return (
    <ul class="plain-list">
      {[...named, ...further].map(({ name, access }) => (
        <li key={`${name} ${access}`} class="effect-table">
          <code>
            <Marked text={name} />
          </code>
          <Badge tone={access === "write" ? "hold" : "quiet"}>
            {access === "write" ? "writes" : "reads"}
          </Badge>
          <Size table={sizes.get(name)} />
        </li>
      ))}
    </ul>
  );
}

function Size({ table }: { table: Impact["tables"][number] | undefined }) {
  if (table === undefined) return null;
  const { rows, bytes: size, indexes } = table;
  const parts = [
    rows === null ? "size unknown" : `about ${counted(rows, "row")}`,
    ...(size === null ? [] : [bytes(size)]),
    indexes === 1 ? "1 index" : `${indexes} indexes`,
  ];
  return <span class="note">{parts.join(", ")}</span>;
}

function Lines({ title, lines }: { title: string; lines: readonly string[] }) {
  if (lines.length === 0) return null;
  return (
    <>
      <dt>{title}</dt>
      <dd>
        {lines.map((line) => (
          <p key={line}>
            <Marked text={line} />
          </p>
        ))}
      </dd>
    </>
  );
}

function Samples({ impact: { samples } }: { impact: Impact }) {
  if (samples === null || samples.before.length === 0) return null;
  const { columns, before, after } = samples;
  return (
    <>
      <h3 class="minor">Sample rows, masked</h3>
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
