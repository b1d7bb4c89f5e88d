/** Runs a statement in the browser, for those without a client at hand: through the same gate as any client. */
import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { ConsoleTargets } from "../../contract.ts";
import { Badge, Empty, Failure, FocusHeading } from "../parts/basics.tsx";
import { left } from "../parts/format.ts";
import { icons } from "../parts/icons.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Marked } from "../parts/marked.tsx";
import { get } from "../state/api.ts";
import { now } from "../state/clock.ts";
import { type Run, startRun } from "../state/console.ts";
import { useShortcuts } from "../state/keys.ts";
import { announcement, mine } from "../state/requests.ts";
import { useResource } from "../state/resource.ts";
import { ResultGrid } from "./result_grid.tsx";

export function ConsoleScreen() {
  const it = useResource<ConsoleTargets>("console", () => get<ConsoleTargets>("/api/console"));
  return (
    <section class="page wide">
      <FocusHeading subject="console">Console</FocusHeading>
      <Loaded it={it} lines={4}>
        {({ targets }) =>
          targets.length === 0
            ? (
              <Empty title="No target is open here">
                A target takes statements from the dashboard where its config says{" "}
                <code>console: true</code>, and your groups may reach it.
              </Empty>
            )
            : <Console targets={targets} />}
      </Loaded>
    </section>
  );
}

function Console({ targets }: { targets: ConsoleTargets["targets"] }) {
  const [target, setTarget] = useState(targets[0]!.name);
  const [text, setText] = useState("");
  const run = useSignal<Run | null>(null);
  const current = run.value;
  const running = current?.running.value ?? false;

  const start = (event?: Event) => {
    event?.preventDefault();
    if (running || text.trim() === "") return;
    run.value = startRun({ target, text }, new Set(mine.peek().map(({ id }) => id)));
  };
  // Whoever leaves does not wait for it any more.
  useEffect(() => () => run.peek()?.cancel(), []);
  useEffect(() => {
    if (current !== null && !running) announcement.value = "The statement has ended: its result follows";
  }, [running]);
  useShortcuts(
    useMemo(() =>
      running
        ? [{
          key: "c",
          does: "Cancel the statement that runs",
          run: () => run.peek()?.cancel(),
        }]
        : [], [running]),
  );

  return (
    <>
      <form class="console" onSubmit={start}>
        <Where targets={targets} target={target} setTarget={setTarget} />
        <label>
          <span class="visually-hidden">Statement</span>
          <textarea
            class="console-text"
            rows={6}
            value={text}
            maxLength={50_000}
            spellcheck={false}
            placeholder="SELECT …"
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) start(event);
            }}
          />
        </label>
        <div class="console-actions">
          <button type="submit" class="button approve" disabled={running || text.trim() === ""}>
            {icons.play}
            Run <kbd>Ctrl Enter</kbd>
          </button>
          {running
            ? (
              <button type="button" class="button deny" onClick={() => current?.cancel()}>
                {icons.stop}
                Cancel
              </button>
            )
            : null}
          {current !== null && running ? <Waiting run={current} /> : null}
        </div>
      </form>
      {current === null ? null : <Outcome run={current} />}
    </>
  );
}

interface WhereProps {
  readonly targets: ConsoleTargets["targets"];
  readonly target: string;
  readonly setTarget: (target: string) => void;
}

function Where({ targets, target, setTarget }: WhereProps) {
  const environment = targets.find(({ name }) => name === target)?.environment ?? "";
  return (
    <div class="console-where">
      <label class="search-field">
        <span class="field-name">Target</span>
        <select value={target} onChange={(event) => setTarget(event.currentTarget.value)}>
          {targets.map(({ name }) => <option key={name} value={name}>{name}</option>)}
        </select>
      </label>
      <span class={`environment ${/prod/i.test(environment) ? "production" : ""}`}>
        {environment || "no environment"}
      </span>
      <p class="field-note">
        Judged, masked and recorded under your name. Each run is a session of its own.
      </p>
    </div>
  );
}

/** A notice of a hold: its request is shown instead. */
const isHoldNotice = (detail: string): boolean => /\/requests\/[\w-]+/.test(detail);

/** A client of MySQL is told nothing while it waits, so what it waits for is looked up among one's own requests. */
function Waiting({ run }: { run: Run }) {
  const spent = left(now.value - run.startedAt);
  const held = mine.value.find(({ id, target }) => target === run.target && !run.before.has(id));
  if (held === undefined) return <Badge tone="info" icon="running">Running {spent}</Badge>;
  return (
    <p class="console-held" role="status">
      <Badge tone="hold" icon="hold">Waiting {spent}</Badge> The rule <code>{held.rule}</code>{" "}
      asks for approval. <a href={`/requests/${held.id}`}>Open its request</a>
    </p>
  );
}

function Outcome({ run }: { run: Run }) {
  const failure = run.failure.value;
  return (
    <div class="console-outcome">
      {failure ? <Failure error={failure} /> : null}
      {run.told.value.map((one, at) =>
        one.kind === "error"
          ? (
            <div key={at} class="failure" role="alert">
              {icons.error}
              <div>
                <p class="failure-text">
                  <Marked text={`${one.message} (${one.code})`} />
                </p>
                <p class="failure-hint">
                  <Marked text={[one.detail, one.hint].filter(Boolean).join(". ")} />
                </p>
              </div>
            </div>
          )
          : isHoldNotice(one.detail)
          ? null
          : (
            <p key={at} class="notice quiet">
              <Marked text={[one.message, one.detail, one.hint].filter(Boolean).join(". ")} />
            </p>
          )
      )}
      {run.results.value.map((result, at) => <ResultGrid key={at} result={result} at={at + 1} />)}
    </div>
  );
}
