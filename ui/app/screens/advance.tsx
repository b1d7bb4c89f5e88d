/** Approval in advance: statements, or a file of them, are approved as one and then run exactly so, each once. */
import { useLocation } from "preact-iso";
import { useState } from "preact/hooks";
import type { RequestAnswer, Submit, Targets } from "../../contract.ts";
import { Empty, Failure, FocusHeading } from "../parts/basics.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { type ApiError, asApiError, get, post } from "../state/api.ts";
import { useResource } from "../state/resource.ts";

const TEXT_LENGTH_MAX = 60_000;

export function AdvanceScreen() {
  const it = useResource<Targets>("targets", () => get<Targets>("/api/targets"));
  return (
    <section class="page">
      <FocusHeading subject="advance">Ask in advance</FocusHeading>
      <Loaded it={it} lines={4}>
        {({ targets }) =>
          targets.length === 0
            ? (
              <Empty title="No target is open to you">
                Ask for membership of a group that a target names.
              </Empty>
            )
            : <AdvanceForm names={targets.map(({ name }) => name)} />}
      </Loaded>
    </section>
  );
}

function AdvanceForm({ names }: { names: readonly string[] }) {
  const { route } = useLocation();
  const [target, setTarget] = useState(names[0]!);
  const [text, setText] = useState("");
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const write = (next: string) => {
    setText(next);
    setError(null);
  };
  const tooLong = text.length > TEXT_LENGTH_MAX;
  const ready = !busy && !tooLong && text.trim() !== "" && reason.trim() !== "";

  const ask = async (event: Event) => {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    setError(null);
    try {
      const body: Submit = { target, text, reason: reason.trim() };
      const { request } = await post<RequestAnswer>("/api/requests", body);
      route(`/requests/${request.id}`);
    } catch (thrown) {
      setError(asApiError(thrown));
      setBusy(false);
    }
  };
  return (
    <form class="console" onSubmit={ask} aria-label="Ask in advance">
      <p>
        What is approved here may then be run from any client, each statement once and to the letter, until
        its time is over. Statements that need no approval may stand between the others.
      </p>
      <Where names={names} target={target} onChoose={setTarget} />
      <Statements text={text} onInput={write} />
      {tooLong
        ? <p class="field-note" role="alert">{TEXT_LENGTH_MAX.toLocaleString()} characters at most</p>
        : null}
      <Reason reason={reason} onInput={setReason} />
      {error ? <Failure error={error} /> : null}
      <div class="console-actions">
        <button type="submit" class="button approve" disabled={!ready}>Ask for approval</button>
      </div>
    </form>
  );
}

interface WhereProps {
  readonly names: readonly string[];
  readonly target: string;
  readonly onChoose: (target: string) => void;
}

function Where({ names, target, onChoose }: WhereProps) {
  return (
    <label class="search-field">
      <span class="field-name">Target</span>
      <select value={target} onChange={(event) => onChoose(event.currentTarget.value)}>
        {names.map((name) => <option key={name} value={name}>{name}</option>)}
      </select>
    </label>
  );
}

function Statements({ text, onInput }: { text: string; onInput: (text: string) => void }) {
  return (
    <>
      <label class="field">
        <span class="field-name">
          From a file <span class="field-note">optional: what is approved is what stands below</span>
        </span>
        <input
          type="file"
          accept=".sql,.txt,text/plain,application/sql"
          onChange={async (event) => {
            const [file] = event.currentTarget.files ?? [];
            if (file !== undefined) onInput(await file.text());
          }}
        />
      </label>
      <label class="field">
        <span class="field-name">Statements</span>
        <textarea
          class="console-text"
          rows={12}
          value={text}
          spellcheck={false}
          placeholder="UPDATE …;"
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      </label>
    </>
  );
}

function Reason({ reason, onInput }: { reason: string; onInput: (text: string) => void }) {
  return (
    <label class="field">
      <span class="field-name">
        Reason <span class="field-note">required, kept in the record</span>
      </span>
      <textarea
        rows={2}
        maxLength={2000}
        value={reason}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}
