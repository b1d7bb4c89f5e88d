/** The form that asks for access to a target: why, for how long, and where it is wanted, less or more than usual. */
import { useState } from "preact/hooks";
import type { AskAccess, GrantAnswer, GrantView, Place } from "../../contract.ts";
import { Failure } from "../parts/basics.tsx";
import { duration } from "../parts/format.ts";
import { type ApiError, asApiError, post } from "../state/api.ts";

const minute = 60_000;
const choices = [15 * minute, 60 * minute, 120 * minute, 240 * minute, 480 * minute, 1440 * minute];

/** The spans that some rule may give. */
function spansOf({ breakGlass, offers }: Place, glass: boolean): readonly number[] {
  const most = glass
    ? breakGlass?.durationMaxMs ?? 0
    : Math.max(...offers.map(({ durationMaxMs }) => durationMaxMs), 0);
  const spans = choices.filter((span) => span <= most);
  return spans.length > 0 ? spans : [most];
}

interface AskProps {
  readonly place: Place;
  /** Of a client that waits at the door. */
  readonly wait: string | undefined;
  readonly breakGlass: boolean;
  readonly onAsked: (grant: GrantView) => void;
}

/** What may be asked for beside the time: names as in `public.customers.ssn`, one a line. */
const namesOf = (text: string): string[] => text.split(/[\s,]+/).filter((name) => name !== "");

export function AskForm({ place, wait, breakGlass, onAsked }: AskProps) {
  const [reason, setReason] = useState("");
  const [unmask, setUnmask] = useState("");
  const [from, setFrom] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const offered = spansOf(place, breakGlass);
  const [durationMs, setDuration] = useState(offered[Math.min(1, offered.length - 1)]!);
  const mayUnmask = !breakGlass && place.offers.some(({ unmask }) => unmask.length > 0);

  const ask = async (event: Event) => {
    event.preventDefault();
    if (busy || reason.trim() === "") return;
    setBusy(true);
    setError(null);
    const names = namesOf(unmask);
    const body: AskAccess = {
      target: place.name,
      reason: reason.trim(),
      durationMs,
      ...(names.length > 0 ? { unmask: names } : {}),
      ...(from === "" ? {} : { startsAt: new Date(from).getTime() }),
      ...(wait === undefined ? {} : { wait }),
      ...(breakGlass ? { breakGlass } : {}),
    };
    try {
      onAsked((await post<GrantAnswer>("/api/access", body)).grant);
    } catch (thrown) {
      setError(asApiError(thrown));
    }
    setBusy(false);
  };

  const label = `${breakGlass ? "Break-glass" : "Access"} to ${place.name}`;
  return (
    <form class="ask-access" onSubmit={ask} aria-label={label}>
      <label class="field">
        <span class="field-name">
          Reason <span class="field-note">required, kept in the record</span>
        </span>
        <textarea
          rows={2}
          maxLength={2000}
          required
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
      </label>
      <Spans name={label} offered={offered} chosen={durationMs} onChoose={setDuration} />
      {breakGlass ? null : <From value={from} onInput={setFrom} />}
      {mayUnmask ? <Unmask names={unmask} onInput={setUnmask} /> : null}
      {error ? <Failure error={error} /> : null}
      <div class="dialog-actions">
        <button
          type="submit"
          class={`button ${breakGlass ? "deny" : "approve"}`}
          disabled={busy || reason.trim() === ""}
        >
          {breakGlass ? "Break the glass" : "Ask for access"}
        </button>
      </div>
    </form>
  );
}

interface SpansProps {
  /** Of this form's own choice, among others on the page. */
  readonly name: string;
  readonly offered: readonly number[];
  readonly chosen: number;
  readonly onChoose: (span: number) => void;
}

function Spans({ name, offered, chosen, onChoose }: SpansProps) {
  return (
    <fieldset class="ask-spans">
      <legend class="field-name">For how long</legend>
      {offered.map((span) => (
        <label key={span} class="field inline">
          <input type="radio" name={name} checked={span === chosen} onChange={() => onChoose(span)} />
          {duration(span)}
        </label>
      ))}
    </fieldset>
  );
}

/** By the browser's own clock and zone. */
function From({ value, onInput }: { value: string; onInput: (text: string) => void }) {
  return (
    <label class="field">
      <span class="field-name">
        From <span class="field-note">optional; at once, or as soon as it is decided, where left empty</span>
      </span>
      <input type="datetime-local" value={value} onInput={(event) => onInput(event.currentTarget.value)} />
    </label>
  );
}

function Unmask({ names, onInput }: { names: string; onInput: (text: string) => void }) {
  return (
    <label class="field">
      <span class="field-name">
        Columns without their masks{" "}
        <span class="field-note">optional, as schema.table.column; may need a decision</span>
      </span>
      <input type="text" value={names} onInput={(event) => onInput(event.currentTarget.value)} />
    </label>
  );
}
