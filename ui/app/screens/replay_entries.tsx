/** The rows of a replay. A row opens to its whole story. */
import { type ReadonlySignal, type Signal, useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useCallback } from "preact/hooks";
import type { SessionRow } from "../../contract.ts";
import { Badge, CopyButton, Time } from "../parts/basics.tsx";
import { Blocks } from "../parts/blocks.tsx";
import { counted, duration, offset, verbList } from "../parts/format.ts";
import { icons } from "../parts/icons.tsx";
import { Marked } from "../parts/marked.tsx";
import { Preview, Value } from "../parts/statement.tsx";
import { now } from "../state/clock.ts";
import { RecordedRows } from "./recorded_rows.tsx";
import { rowLooks, type RowState, type Shown, type StatementRow, stateOf, textOf } from "./replay_rows.ts";
import { WholeStatement } from "./whole_statement.tsx";

/** Which rows are open, by key: kept while a row's block is not drawn. */
export type Opened = Signal<ReadonlySet<string>>;

function toggle(opened: Opened, key: string): void {
  const keys = new Set(opened.value);
  if (!keys.delete(key)) keys.add(key);
  opened.value = keys;
}

interface EntriesProps {
  readonly rows: readonly Shown[];
  /** Another number where what the list holds is another. */
  readonly version?: number;
  readonly session: SessionRow;
  readonly opened: Opened;
  /** The key of the row that is played, or that the address names. */
  readonly current: ReadonlySignal<string | null>;
}

export function Entries({ rows, version = 0, session, opened, current }: EntriesProps) {
  const render = useCallback(
    (row: Shown) => <Entry key={row.key} row={row} session={session} opened={opened} current={current} />,
    [session, opened, current],
  );
  return (
    <Blocks
      class="steps"
      rows={rows}
      version={version}
      keyOf={(row) => row.key}
      usualHeight={45}
      show={{ key: current.value, isIn }}
      render={render}
    />
  );
}

function Entry(
  { row, session, opened, current }: Omit<EntriesProps, "rows" | "version"> & { readonly row: Shown },
) {
  return (
    <li class="step" data-key={row.key}>
      {row.row === "statement"
        ? <StatementEntry row={row} session={session} opened={opened} current={current} />
        : row.row === "fold"
        ? <Fold row={row} session={session} opened={opened} current={current} />
        : row.row === "gap"
        ? <p class="step-gap">{duration(row.ms)} without a statement</p>
        : (
          <p class="step-note">
            <span class="step-offset">{offset(row.note.at - session.startedAt)}</span>
            <span class="step-note-text">
              {noteNames[row.note.type] ?? row.note.type}
              <Marked text={row.note.text ? `: ${row.note.text}` : ""} />
            </span>
          </p>
        )}
    </li>
  );
}

const isIn = (row: Shown, key: string): boolean =>
  row.key === key || row.row === "fold" && row.rows.some((one) => one.key === key);

const noteNames: Readonly<Record<string, string>> = {
  "session.started": "Session started",
  "session.ended": "Session ended",
};

interface FoldProps {
  readonly row: Extract<Shown, { row: "fold" }>;
  readonly session: SessionRow;
  readonly opened: Opened;
  readonly current: ReadonlySignal<string | null>;
}

function Fold({ row: { key, rows }, session, opened, current }: FoldProps) {
  // What is played is seen, folded or not.
  const open = opened.value.has(key) || rows.some((row) => row.key === current.value);
  const first = rows[0]!;
  return (
    <>
      <button type="button" class="step-fold" aria-expanded={open} onClick={() => toggle(opened, key)}>
        <span class="step-offset">{offset(first.at - session.startedAt)}</span>
        {icons.chevron}
        {counted(rows.length, "statement")} that only asked the catalogs
      </button>
      {open
        ? (
          <div class="nested">
            <Entries rows={rows} session={session} opened={opened} current={current} />
          </div>
        )
        : null}
    </>
  );
}

interface StatementEntryProps {
  readonly row: StatementRow;
  readonly session: SessionRow;
  readonly opened: Opened;
  readonly current: ReadonlySignal<string | null>;
}

function StatementEntry({ row, session, opened, current }: StatementEntryProps) {
  const isCurrent = useComputed(() => current.value === row.key).value;
  const open = opened.value.has(row.key);
  const state = stateOf(row, session.live);
  const { tone, icon, word } = rowLooks[state];
  const verbs = row.statement?.verbs ?? row.held?.verbs ?? [];
  const length = row.statement?.textLength ?? row.held?.textLength ?? 0;
  return (
    <>
      <button
        type="button"
        class={`step-head ${tone}`}
        aria-expanded={open}
        aria-current={isCurrent ? "step" : undefined}
        onClick={() => toggle(opened, row.key)}
      >
        <span class="step-offset">{offset(row.at - session.startedAt)}</span>
        <Badge tone={tone} icon={icon}>{word}</Badge>
        <span class="step-text">
          <Preview text={textOf(row).slice(0, 300)} whole={length} />
        </span>
        <span class="step-result">{resultOf(row, state)}</span>
      </button>
      {open ? <Story row={row} session={session} verbs={verbs} length={length} /> : null}
    </>
  );
}

function resultOf(row: StatementRow, state: RowState): string {
  const { outcome, statement, held } = row;
  if (state === "failed") return outcome?.error?.code ?? "";
  if (state === "waiting" && held) return duration(Math.max(0, now.value - held.at));
  if (state === "denied" || state === "refused") return statement?.rule ?? held?.rule ?? "";
  if (outcome === null) return "";
  const rows = outcome.rows === null ? outcome.tag : counted(outcome.rows, "row");
  return [rows, duration(outcome.durationMs)].filter(Boolean).join(", ");
}

interface StoryProps {
  readonly row: StatementRow;
  readonly session: SessionRow;
  readonly verbs: readonly string[];
  readonly length: number;
}

function Story({ row, session, verbs, length }: StoryProps) {
  const { statement, outcome, held, review } = row;
  const waitedMs = statement?.waitedMs ?? (held && review ? review.at - held.at : null);
  return (
    <div class="story">
      <WholeStatement row={row} session={session} length={length} />
      <dl class="story-facts">
        <Line name="At">
          <Time at={row.at} />
        </Line>
        <Line name="Does">{verbList(verbs)}</Line>
        <Line name="Rule">
          <code>{statement?.rule ?? held?.rule}</code> {statement?.reason}
        </Line>
        {waitedMs === null ? null : <Line name="Waited">{duration(waitedMs)}</Line>}
        {review?.reviews.map((one) => (
          <Line key={one.by} name={one.approve ? "Approved by" : "Denied by"}>
            <Marked text={one.by} />, <Time at={one.at} />
            <Marked text={one.reason ? ` “${one.reason}”` : ""} />
          </Line>
        ))}
        {review && review.reviews.length === 0
          ? (
            <Line name="Ended">
              <Marked text={review.outcome} />
            </Line>
          )
          : null}
        {statement && statement.tables.length > 0
          ? (
            <Line name="Touches">
              <Marked
                text={statement.tables.map(({ schema, name, access }) =>
                  `${schema ? `${schema}.` : ""}${name} (${access === "write" ? "writes" : "reads"})`
                ).join(", ")}
              />
            </Line>
          )
          : null}
        {statement && statement.masked.length > 0
          ? <Line name="Masked">{statement.masked.join(", ")}</Line>
          : null}
        {statement?.parameters.map(({ text, type }, at) => (
          <Line key={at} name={`Parameter ${at + 1}`}>
            <Value text={text} /> <span class="fact-note">{type}</span>
          </Line>
        ))}
        {outcome ? <Outcome outcome={outcome} /> : null}
        <Links row={row} session={session} />
      </dl>
      {row.result ? <RecordedRows session={session.id} step={row.result} /> : null}
    </div>
  );
}

function Outcome({ outcome }: { outcome: NonNullable<StatementRow["outcome"]> }) {
  const { error, tag, durationMs, sent, bytes } = outcome;
  return (
    <>
      {error
        ? (
          <Line name="Error">
            <Marked text={`${error.code}: ${error.message}`} />
          </Line>
        )
        : <Line name="Result">{tag || "done"} in {duration(durationMs)}</Line>}
      <Line name="Data">
        {sent === null ? "" : `${counted(sent, "byte")} sent, `}
        {counted(bytes, "byte")} received
      </Line>
    </>
  );
}

function Links({ row, session }: { row: StatementRow; session: SessionRow }) {
  const { statement, held } = row;
  return (
    <>
      <Line name="Link">
        <CopyButton
          text={`${location.origin}/sessions/${session.id}#${statement?.sequence ?? row.key}`}
          label="Copy the link to this statement"
        />
      </Line>
      {held
        ? (
          <Line name="Request">
            <a href={`/requests/${held.request}`}>Open the request</a>
          </Line>
        )
        : null}
    </>
  );
}

function Line({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="line">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
