/** Statements of the whole record, found by who, where, what, verdict and time; each leads to its place in a replay. */
import { useLocation } from "preact-iso";
import { useSignal } from "@preact/signals";
import type { SearchAnswer, StatementHit } from "../../contract.ts";
import { Badge, Empty, FocusHeading, Time } from "../parts/basics.tsx";
import { count, counted, zone } from "../parts/format.ts";
import { icons } from "../parts/icons.tsx";
import { LoadedPages } from "../parts/loaded.tsx";
import { Marked } from "../parts/marked.tsx";
import { verdictLooks } from "../parts/states.ts";
import { Preview } from "../parts/statement.tsx";
import { get } from "../state/api.ts";
import { setTime } from "../state/clock.ts";
import { hasRole } from "../state/me.ts";
import { usePages } from "../state/pages.ts";
import { askOf, queryOf, SearchForm, type Wanted, wantedOf } from "./search_form.tsx";

export function SearchScreen() {
  const { query } = useLocation();
  const wanted = wantedOf(query);
  const key = queryOf(wanted);
  return (
    <section class="page wide">
      <FocusHeading subject="search">
        {hasRole("auditor", "admin") ? "Search" : "Search my statements"}
      </FocusHeading>
      <SearchForm key={key} wanted={wanted} />
      <Results key={`found ${key}`} wanted={wanted} />
    </section>
  );
}

function Results({ wanted }: { wanted: Wanted }) {
  const key = queryOf(wanted);
  const behind = useSignal(0);
  const pages = usePages<StatementHit>(key, {
    load: async (cursor) => {
      const ask = askOf(wanted);
      if (cursor !== null) ask.set("before", String(cursor));
      const answer = await get<SearchAnswer>(`/api/search?${ask}`);
      setTime(answer.now);
      behind.value = Math.max(0, answer.recordedTo - answer.indexedTo);
      return { items: answer.hits, next: answer.next };
    },
    idOf: ({ sequence }) => String(sequence),
  });
  return (
    <>
      <LoadedPages
        pages={pages}
        further="Look further back"
        empty={
          <Empty title={key === "" ? "Nothing was run yet" : "No statement fits"}>
            {key === ""
              ? "Every statement that goes through Postern can be found here."
              : "Words are found whatever their case is. Leave a field out to find more."}
          </Empty>
        }
      >
        {(items) => <Found hits={items} wanted={wanted} more={pages.more.value} />}
      </LoadedPages>
      <p class="zone">
        Times are in {zone()}.{" "}
        {behind.value > 0 ? `The newest ${counted(behind.value, "event")} can be found in a moment.` : ""}
      </p>
    </>
  );
}

/** A search's fields as its export says them. */
const exported = {
  text: "words",
  template: "shape",
  rule: "rule",
  person: "person",
  target: "target",
  table: "table",
  verdict: "verdict",
  kind: "kind",
  from: "time",
  to: "time",
} as const;

function Found(
  { hits, wanted, more }: { hits: readonly StatementHit[]; wanted: Wanted; more: boolean },
) {
  const ask = askOf(wanted);
  const filter = new URLSearchParams(
    Object.keys(exported).flatMap((name) => {
      const value = ask.get(name);
      return value === null || value === "" ? [] : [[name === "text" ? "words" : name, value]];
    }),
  );
  const names = new Set(Object.entries(exported).flatMap(([name, word]) => ask.get(name) ? [word] : []));
  return (
    <>
      <div class="found-head">
        <p role="status">
          {count(hits.length)}
          {more ? " so far" : hits.length === 1 ? " statement" : " statements"}
        </p>
        {hasRole("auditor", "admin")
          ? (
            <a class="button ghost small" href={`/api/audit/export?${filter}`} download>
              {icons.download}
              Export the record{names.size > 0 ? ` by its ${[...names].join(", ")}` : ""}
            </a>
          )
          : null}
      </div>
      <ol class="found">
        {hits.map((hit) => (
          <li key={hit.sequence}>
            <Hit hit={hit} wanted={wanted} />
          </li>
        ))}
      </ol>
    </>
  );
}

function Hit({ hit, wanted }: { hit: StatementHit; wanted: Wanted }) {
  const { tone, icon, word } = verdictLooks(hit.verdict, hit.forwarded);
  const shape = queryOf({ ...wanted, text: "", template: hit.template });
  return (
    <article class="hit">
      <span class="hit-state">
        <Badge tone={tone} icon={icon}>{word}</Badge>
      </span>
      <span class="hit-main">
        <a class="hit-link" href={`/sessions/${hit.session}#${hit.sequence}`}>
          <Preview text={hit.text.slice(0, 400)} whole={hit.textLength} />
        </a>
        <span class="hit-foot">
          <span>
            <Marked text={hit.person} />
          </span>
          <span>
            <Marked text={hit.target} />
          </span>
          <span>rule {hit.rule}</span>
          {hit.masked.length > 0 ? <span>{counted(hit.masked.length, "masked column")}</span> : null}
          {wanted.template ? null : <a class="hit-shape" href={`/search?${shape}`}>others of this shape</a>}
        </span>
      </span>
      <span class="hit-time">
        <Time at={hit.at} />
      </span>
    </article>
  );
}
