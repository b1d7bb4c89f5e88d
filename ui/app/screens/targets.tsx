/** What one may reach, the lines to copy, and one-time passwords for clients that cannot show a link. */
import { useEffect, useState } from "preact/hooks";
import type { ConnectLine, OneTimePassword, ReachableTarget, Targets } from "../../contract.ts";
import { CopyButton, Countdown, Failure, FocusHeading, NoTargets } from "../parts/basics.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Marked } from "../parts/marked.tsx";
import { type ApiError, asApiError, get, post } from "../state/api.ts";
import { now, setTime } from "../state/clock.ts";
import { announcement } from "../state/requests.ts";
import { useResource } from "../state/resource.ts";

export function TargetsScreen() {
  const page = useResource("targets", () => get<Targets>("/api/targets"));
  return (
    <section class="page">
      <FocusHeading subject="connect">Connect</FocusHeading>
      <Loaded it={page} lines={4}>
        {({ targets }) =>
          targets.length === 0 ? <NoTargets /> : (
            <>
              <p class="targets-lead">
                Use the client that you know. What you run is judged and recorded under your own name.
              </p>
              <ul class="targets">
                {targets.map((target) => (
                  <li key={target.name}>
                    <TargetCard target={target} />
                  </li>
                ))}
              </ul>
            </>
          )}
      </Loaded>
    </section>
  );
}

function TargetCard({ target }: { target: ReachableTarget }) {
  const { name, environment, database, listening, lines } = target;
  return (
    <article class="target" aria-label={name}>
      <header class="target-head">
        <h2 class="target-name">
          <Marked text={name} />
        </h2>
        <span class={`environment ${/prod/i.test(environment) ? "production" : ""}`}>
          {environment || "no environment"}
        </span>
        <span class="target-database">
          database <Marked text={database} />
        </span>
      </header>
      {listening ? null : (
        <p class="notice warn">
          Postern has no listener for this target. Whoever runs it can give its protocol an address.
        </p>
      )}
      {lines.length > 0
        ? (
          <div class="target-way">
            <h3 class="minor">Without a password</h3>
            <Lines lines={lines} />
          </div>
        )
        : null}
      {listening ? <PasswordWay target={name} /> : null}
    </article>
  );
}

type Issued = OneTimePassword & { readonly issuedAt: number };

/** A password lives in this component only: gone with it, with its time, and with the next one. */
function PasswordWay({ target }: { target: string }) {
  const [issued, setIssued] = useState<Issued | null>(null);
  const [expired, setExpired] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const over = issued !== null && issued.expiresAt <= now.value;

  useEffect(() => {
    if (!over) return;
    setIssued(null);
    setExpired(true);
    announcement.value = `The one-time password for ${target} has expired`;
  }, [over]);

  const issue = async () => {
    setBusy(true);
    setError(null);
    try {
      const answer = await post<OneTimePassword>(`/api/targets/${encodeURIComponent(target)}/password`, {});
      setTime(answer.now);
      setIssued({ ...answer, issuedAt: answer.now });
      setExpired(false);
      announcement.value = `A one-time password for ${target} is ready: its lines follow the button`;
    } catch (thrown) {
      setError(asApiError(thrown));
    }
    setBusy(false);
  };

  return (
    <div class="target-way">
      <h3 class="minor">For GUIs, drivers and scripts</h3>
      <div class="target-issue">
        <button type="button" class="button" disabled={busy} onClick={issue}>
          New one-time password
          <span class="visually-hidden">for {target}</span>
        </button>
        {issued && !over ? <Countdown until={issued.expiresAt} from={issued.issuedAt} /> : null}
        <span class="target-note">
          {issued && !over
            ? "Good once, for this target. It is shown only now."
            : expired
            ? "The password has expired, and its lines were removed."
            : "Good once, for this target, for minutes."}
        </span>
      </div>
      {error ? <Failure error={error} /> : null}
      {issued && !over
        ? (
          <div role="group" aria-label={`One-time password for ${target}`}>
            <Lines lines={issued.lines} />
          </div>
        )
        : null}
    </div>
  );
}

function Lines({ lines }: { lines: readonly ConnectLine[] }) {
  return (
    <ul class="connect-lines">
      {lines.map(({ label, line }) => (
        <li key={label} class="connect-line">
          <span class="connect-label">{label}</span>
          <CopyButton text={line} label="Copy" what={`the line: ${label}`} />
          <code class="connect-text">
            <Marked text={line} />
          </code>
        </li>
      ))}
    </ul>
  );
}
