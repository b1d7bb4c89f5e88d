/** What to search for, as fields; the address holds it, so that a search can be sent to somebody. */
import { useLocation } from "preact-iso";
import { useState } from "preact/hooks";
import { Dialog } from "../parts/dialog.tsx";
import { icons } from "../parts/icons.tsx";
import { now } from "../state/clock.ts";
import { hasRole } from "../state/me.ts";
import { dropSearch, keepSearch, readSearches } from "../state/searches.ts";

/** Fields of the address's query, by their names in it. `span` is relative to now; `from` and `to` are not. */
export const fields = [
  "text",
  "person",
  "target",
  "table",
  "verdict",
  "kind",
  "rule",
  "span",
  "from",
  "to",
  "template",
] as const;
export type Field = typeof fields[number];
export type Wanted = Readonly<Partial<Record<Field, string>>>;

export function wantedOf(query: Readonly<Record<string, string>>): Wanted {
  return Object.fromEntries(fields.flatMap((field) => query[field] ? [[field, query[field]]] : []));
}

export function queryOf(wanted: Wanted): string {
  return new URLSearchParams(Object.entries(wanted).filter(([, value]) => value !== "")).toString();
}

const DAY_MS = 86_400_000;

const spans: readonly { readonly id: string; readonly name: string; readonly ms: number }[] = [
  { id: "1d", name: "24 hours", ms: DAY_MS },
  { id: "7d", name: "7 days", ms: 7 * DAY_MS },
  { id: "30d", name: "30 days", ms: 30 * DAY_MS },
];

/** The API's query of what is wanted now. */
export function askOf({ span, from, to, ...rest }: Wanted): URLSearchParams {
  const ask = new URLSearchParams(rest);
  const ms = spans.find(({ id }) => id === span)?.ms;
  if (ms !== undefined) ask.set("from", String(Math.max(0, now.peek() - ms)));
  else if (span === "custom") {
    const [first, last] = [Date.parse(from ?? ""), Date.parse(to ?? "")];
    if (!Number.isNaN(first)) ask.set("from", String(first));
    // To the end of the minute that was named.
    if (!Number.isNaN(last)) ask.set("to", String(last + 59_999));
  }
  return ask;
}

const verdicts = [["allow", "Allowed"], ["approve", "Held"], ["deny", "Refused"]] as const;
const kinds = [
  ["read", "Reads"],
  ["write", "Writes"],
  ["ddl", "Schema changes"],
  ["admin", "Administration"],
  ["copy", "COPY"],
  ["call", "CALL"],
  ["session", "Settings"],
  ["transaction", "Transactions"],
  ["unknown", "Other"],
] as const;

export function SearchForm({ wanted }: { wanted: Wanted }) {
  const { route } = useLocation();
  const [draft, setDraft] = useState<Wanted>(wanted);
  const go = (next: Wanted) => {
    setDraft(next);
    const query = queryOf(next);
    route(query === "" ? "/search" : `/search?${query}`);
  };
  const change = (field: Field) => (value: string) => setDraft({ ...draft, [field]: value });
  /** A choice counts at once; what is typed, with Enter or the button. */
  const choose = (field: Field) => (value: string) => go({ ...draft, [field]: value });
  return (
    <form
      class="search-form"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        go(draft);
      }}
    >
      <div class="search-words">
        <label class="search-text">
          <span class="visually-hidden">Words of the statement</span>
          {icons.search}
          <input
            type="search"
            placeholder="Words of the statement"
            value={draft.text ?? ""}
            autoComplete="off"
            spellcheck={false}
            onInput={(event) => change("text")(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button approve">Search</button>
      </div>
      <Fields draft={draft} change={change} choose={choose} />
      {draft.template
        ? (
          <p class="search-template">
            Only statements of one shape, whatever their literals are.{" "}
            <button type="button" class="button ghost small" onClick={() => choose("template")("")}>
              Any shape
            </button>
          </p>
        )
        : null}
      <Kept wanted={wanted} go={(query) => route(`/search?${query}`)} />
    </form>
  );
}

interface FieldsProps {
  readonly draft: Wanted;
  readonly change: (field: Field) => (value: string) => void;
  readonly choose: (field: Field) => (value: string) => void;
}

function Fields({ draft, change, choose }: FieldsProps) {
  return (
    <div class="search-fields">
      {hasRole("auditor", "admin")
        ? <TextField name="Person" value={draft.person} set={change("person")} />
        : null}
      <TextField name="Target" value={draft.target} set={change("target")} />
      <TextField name="Table" value={draft.table} set={change("table")} hint="public.orders" />
      <Choice name="Verdict" value={draft.verdict} options={verdicts} set={choose("verdict")} />
      <Choice name="Kind" value={draft.kind} options={kinds} set={choose("kind")} />
      <Choice
        name="Time"
        value={draft.span}
        options={[...spans.map(({ id, name }) => [id, name] as const), ["custom", "From … to …"]]}
        set={choose("span")}
      />
      {draft.span === "custom"
        ? (
          <>
            <TimeField name="From" value={draft.from} set={choose("from")} />
            <TimeField name="To" value={draft.to} set={choose("to")} />
          </>
        )
        : null}
    </div>
  );
}

interface FieldProps {
  readonly name: string;
  readonly value: string | undefined;
  readonly set: (value: string) => void;
  readonly hint?: string;
}

function TextField({ name, value = "", set, hint }: FieldProps) {
  return (
    <label class="search-field">
      <span class="field-name">{name}</span>
      <input
        type="text"
        value={value}
        placeholder={hint}
        autoComplete="off"
        spellcheck={false}
        onInput={(event) => set(event.currentTarget.value)}
      />
    </label>
  );
}

function TimeField({ name, value = "", set }: FieldProps) {
  return (
    <label class="search-field">
      <span class="field-name">{name}</span>
      <input type="datetime-local" value={value} onChange={(event) => set(event.currentTarget.value)} />
    </label>
  );
}

interface ChoiceProps extends FieldProps {
  readonly options: readonly (readonly [string, string])[];
}

function Choice({ name, value = "", options, set }: ChoiceProps) {
  return (
    <label class="search-field">
      <span class="field-name">{name}</span>
      <select value={value} onChange={(event) => set(event.currentTarget.value)}>
        <option value="">Any</option>
        {options.map(([id, label]) => <option key={id} value={id}>{label}</option>)}
      </select>
    </label>
  );
}

/** Searches that were kept, to run with one click; and the way to keep this one. */
function Kept({ wanted, go }: { wanted: Wanted; go: (query: string) => void }) {
  const [searches, setSearches] = useState(readSearches);
  const [naming, setNaming] = useState(false);
  const query = queryOf(wanted);
  if (searches.length === 0 && query === "") return null;
  return (
    <div class="search-kept" role="group" aria-label="Kept searches">
      {searches.map((one) => (
        <span key={one.name} class="kept">
          <button
            type="button"
            class="chip"
            aria-pressed={one.query === query}
            onClick={() => go(one.query)}
          >
            {one.name}
          </button>
          <button
            type="button"
            class="kept-drop"
            aria-label={`Forget the search ${one.name}`}
            onClick={() => setSearches(dropSearch(one.name))}
          >
            {icons.deny}
          </button>
        </span>
      ))}
      {query !== "" && !searches.some((one) => one.query === query)
        ? (
          <button type="button" class="button ghost small" onClick={() => setNaming(true)}>
            Keep this search
          </button>
        )
        : null}
      {naming
        ? (
          <NameDialog
            onClose={() => setNaming(false)}
            onName={(name) => {
              setSearches(keepSearch({ name, query }));
              setNaming(false);
            }}
          />
        )
        : null}
    </div>
  );
}

function NameDialog({ onClose, onName }: { onClose: () => void; onName: (name: string) => void }) {
  const [name, setName] = useState("");
  return (
    <Dialog title="Keep this search" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() !== "") onName(name.trim());
        }}
      >
        <label class="field">
          <span class="field-name">
            Name <span class="field-note">kept in this browser</span>
          </span>
          <input
            type="text"
            maxLength={60}
            value={name}
            required
            autoFocus
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <div class="dialog-actions">
          <button type="button" class="button ghost" onClick={onClose}>Cancel</button>
          <button type="submit" class="button approve" disabled={name.trim() === ""}>Keep</button>
        </div>
      </form>
    </Dialog>
  );
}
