/** "Would this pass?": a statement, a person and a target; the verdict, and every rule's part in it. */
import { useState } from "preact/hooks";
import type { PolicyAnswer, RuleTrace, Tried, Try } from "../../contract.ts";
import { Badge, Failure, Time } from "../parts/basics.tsx";
import { icons } from "../parts/icons.tsx";
import { Marked } from "../parts/marked.tsx";
import { thenLooks } from "../parts/states.ts";
import { type ApiError, asApiError, post } from "../state/api.ts";
import { me } from "../state/me.ts";

export function TryOut({ policy }: { policy: PolicyAnswer }) {
  const [text, setText] = useState("");
  const [target, setTarget] = useState(policy.targets[0]?.name ?? "");
  const [person, setPerson] = useState(me.value?.name ?? "");
  const [groups, setGroups] = useState((me.value?.groups ?? []).join(", "));
  const [tried, setTried] = useState<Tried | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  const ask = async (event?: Event) => {
    event?.preventDefault();
    if (busy || text.trim() === "") return;
    setBusy(true);
    setError(null);
    try {
      const who = policy.all ? { person: person.trim(), groups: wordsOf(groups) } : {};
      const body: Try = { text, target, ...who };
      setTried(await post<Tried>("/api/policy/try", body));
    } catch (thrown) {
      setTried(null);
      setError(asApiError(thrown));
    }
    setBusy(false);
  };

  if (policy.targets.length === 0) {
    return <p class="none">No target is open to you, so there is nothing to try a statement on.</p>;
  }
  return (
    <section class="try" aria-label="Would this pass?">
      <form class="try-form" onSubmit={ask}>
        <label class="field try-text">
          <span class="field-name">
            Would this pass? <span class="field-note">It is judged, not run, and not recorded.</span>
          </span>
          <textarea
            rows={3}
            value={text}
            maxLength={50_000}
            spellcheck={false}
            placeholder="UPDATE orders SET status = 'shipped' WHERE id = 7"
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask(event);
            }}
          />
        </label>
        <Whose
          policy={policy}
          disabled={busy || text.trim() === ""}
          {...{ target, setTarget, person, setPerson, groups, setGroups }}
        />
      </form>
      {error ? <Failure error={error} retry={() => ask()} /> : null}
      {tried === null ? null : <Answer tried={tried} />}
    </section>
  );
}

interface WhoseProps {
  readonly policy: PolicyAnswer;
  readonly disabled: boolean;
  readonly target: string;
  readonly setTarget: (target: string) => void;
  readonly person: string;
  readonly setPerson: (person: string) => void;
  readonly groups: string;
  readonly setGroups: (groups: string) => void;
}

function Whose(props: WhoseProps) {
  const { policy, disabled, target, setTarget, person, setPerson, groups, setGroups } = props;
  return (
    <div class="try-fields">
      <label class="search-field">
        <span class="field-name">On</span>
        <select value={target} onChange={(event) => setTarget(event.currentTarget.value)}>
          {policy.targets.map(({ name }) => <option key={name} value={name}>{name}</option>)}
        </select>
      </label>
      {policy.all
        ? (
          <>
            <label class="search-field">
              <span class="field-name">By</span>
              <input
                type="text"
                value={person}
                autoComplete="off"
                spellcheck={false}
                onInput={(event) => setPerson(event.currentTarget.value)}
              />
            </label>
            <label class="search-field">
              <span class="field-name">In the groups</span>
              <input
                type="text"
                value={groups}
                autoComplete="off"
                spellcheck={false}
                onInput={(event) => setGroups(event.currentTarget.value)}
              />
            </label>
          </>
        )
        : null}
      <button type="submit" class="button approve" disabled={disabled}>
        {icons.scales}
        Judge it
      </button>
    </div>
  );
}

const wordsOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

function Answer({ tried }: { tried: Tried }) {
  const { tone, icon, word } = thenLooks[tried.verdict];
  return (
    <div class={`answer ${tone}`} role="status">
      <p class="answer-head">
        <Badge tone={tone} icon={icon}>{word}</Badge>
        <span class="answer-reason">
          <Marked text={tried.reason} />
        </span>
      </p>
      <p class="cell-note">
        for <Marked text={tried.person} /> in <Marked text={tried.groups.join(", ") || "no group"} />, as of
        {" "}
        <Time at={tried.at} />
        {tried.hint ? <Marked text={`. ${tried.hint}`} /> : null}
      </p>
      {tried.statements.map((statement, at) => (
        <section key={at} class="answer-statement" aria-label={`Statement ${at + 1}`}>
          {tried.statements.length > 1
            ? (
              <h3 class="minor">
                Statement {at + 1}: {statement.reason}
              </h3>
            )
            : null}
          <Facts statement={statement} />
          <Trace statement={statement} />
        </section>
      ))}
    </div>
  );
}

type Statement = Tried["statements"][number];

function Facts({ statement }: { statement: Statement }) {
  const { verb, kind, tables, functions, masked, missingWhere, catalogOnly, unsafe } = statement;
  return (
    <dl class="facts compact answer-facts">
      <div class="fact">
        <dt>Understood as</dt>
        <dd>
          <code>{verb || kind}</code>
          <span class="fact-note">
            {[kind, missingWhere ? "no restricting WHERE" : "", catalogOnly ? "catalogs only" : ""]
              .filter(Boolean).join(", ")}
          </span>
        </dd>
      </div>
      <div class="fact">
        <dt>Touches</dt>
        <dd>
          {tables.length === 0
            ? "no table"
            : tables.map(({ schema, name, access }) => (
              <span key={`${schema}.${name}.${access}`} class="answer-table">
                <code>
                  <Marked text={schema ? `${schema}.${name}` : name} />
                </code>{" "}
                {access === "write" ? "writes" : "reads"}
              </span>
            ))}
        </dd>
      </div>
      {functions.length > 0
        ? (
          <div class="fact">
            <dt>Calls</dt>
            <dd>
              <Marked text={functions.slice(0, 8).join(", ")} />
            </dd>
          </div>
        )
        : null}
      {masked.length > 0
        ? (
          <div class="fact">
            <dt>Masked</dt>
            <dd>
              <Marked text={masked.join(", ")} />
            </dd>
          </div>
        )
        : null}
      {unsafe.length > 0
        ? (
          <div class="fact">
            <dt>The floor objects to</dt>
            <dd>
              <Marked text={unsafe.map(({ what }) => what).join("; ")} />
            </dd>
          </div>
        )
        : null}
    </dl>
  );
}

const fitWords: Readonly<Record<RuleTrace["fit"], string>> = {
  decides: "Decides",
  asks: "Asks, and the next ones speak too",
  unmet: "Does not fit",
  after: "Not asked any more",
};

function Trace({ statement }: { statement: Statement }) {
  // What the floor refuses, no rule has decided.
  const byFloor = !statement.trace.some(({ rule, fit }) =>
    rule === statement.rule && (fit === "decides" || fit === "asks")
  );
  return (
    <>
      {byFloor
        ? (
          <p class="section-note">
            Decided by <code>{statement.rule}</code>, before the rules.
          </p>
        )
        : null}
      <ol class="trace">
        {statement.trace.map((rule) => {
          const { tone, icon } = thenLooks[rule.then];
          const met = rule.fit === "decides" || rule.fit === "asks";
          return (
            <li key={rule.rule} class={`trace-row ${met && !byFloor ? "met" : ""}`}>
              <span class="trace-fit">
                {met ? <Badge tone={tone} icon={icon}>{fitWords[rule.fit]}</Badge> : fitWords[rule.fit]}
              </span>
              <code>{rule.rule}</code>
              <span class="trace-why">
                <Marked
                  text={[
                    rule.tables.length > 0 ? `for ${rule.tables.join(", ")}` : "",
                    ...(met && rule.tables.length === 0 ? [] : rule.why),
                  ].filter(Boolean).join("; ")}
                />
              </span>
            </li>
          );
        })}
      </ol>
    </>
  );
}
