/** Lets a waiting client in, or not: only after somebody has compared what it shows with what they see here. */
import { useState } from "preact/hooks";
import type { Client, ConnectPage, Done } from "../../contract.ts";
import { Countdown, Failure, FocusHeading, Loading } from "../parts/basics.tsx";
import { icons } from "../parts/icons.tsx";
import { Marked } from "../parts/marked.tsx";
import { type ApiError, asApiError, get, post } from "../state/api.ts";
import { now, setTime } from "../state/clock.ts";
import { me } from "../state/me.ts";
import { useResource } from "../state/resource.ts";

export function ConnectScreen({ secret }: { secret: string }) {
  const path = `/api/connect/${encodeURIComponent(secret)}`;
  const page = useResource<ConnectPage>(secret, async () => {
    const answer = await get<ConnectPage>(path);
    setTime(answer.now);
    return answer;
  });
  const [done, setDone] = useState<"confirm" | "reject" | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  const decide = async (decision: "confirm" | "reject") => {
    setBusy(true);
    setError(null);
    try {
      await post<Done>(path, { decision });
      setDone(decision);
    } catch (thrown) {
      setError(asApiError(thrown));
    }
    setBusy(false);
  };

  if (done) return <Decided decision={done} />;
  const answer = page.data.value;
  if (answer === null) {
    const failure = page.error.value;
    return <div class="gate-card">{failure ? <Gone error={failure} /> : <Waiting />}</div>;
  }
  const expired = answer.deadlineAt <= now.value;
  return (
    <div class="gate-card">
      <FocusHeading subject={secret}>A client wants in as you</FocusHeading>
      <p class="gate-lead">
        It would act as <strong>{me.value?.name}</strong> on{" "}
        <strong>{answer.target}</strong>. Compare the code with the one in your terminal:
      </p>
      <p class="code">
        <span class="visually-hidden">Code {answer.code}</span>
        {[...answer.code].map((char, at) => <span key={at} aria-hidden="true">{char}</span>)}
      </p>
      <ClientFacts client={answer.client} />
      <p class="notice warn">
        {icons.warn}
        Confirm only a connection that you have just made yourself. Nobody may ask you to open such a link for
        them.
      </p>
      {error ? <Failure error={error} /> : null}
      {expired
        ? <p class="decision-bar">The time is over. Connect again with your client.</p>
        : (
          <div class="gate-actions">
            <button type="button" class="button approve" disabled={busy} onClick={() => decide("confirm")}>
              {icons.allow}
              Same code: let it in
            </button>
            <button type="button" class="button deny" disabled={busy} onClick={() => decide("reject")}>
              {icons.deny}
              This is not mine
            </button>
            <Countdown until={answer.deadlineAt} from={answer.deadlineAt - 120_000} />
          </div>
        )}
    </div>
  );
}

function ClientFacts({ client }: { client: Client }) {
  return (
    <dl class="facts compact">
      <div class="fact">
        <dt>Comes from</dt>
        <dd>
          {client.address}, port {client.port}
          <span class="fact-note">{client.tls ?? "without TLS"}</span>
        </dd>
      </div>
      <div class="fact">
        <dt>Calls itself</dt>
        <dd>
          <Marked text={client.application || "nothing"} />
          <span class="fact-note">claimed, not verified</span>
        </dd>
      </div>
      <div class="fact">
        <dt>Asks as user</dt>
        <dd>
          <Marked text={client.user || "none"} />
          <span class="fact-note">claimed, not verified</span>
        </dd>
      </div>
    </dl>
  );
}

function Decided({ decision }: { decision: "confirm" | "reject" }) {
  const confirmed = decision === "confirm";
  return (
    <div class="gate-card">
      <div class={`gate-done ${confirmed ? "allow" : "deny"}`}>{confirmed ? icons.allow : icons.deny}</div>
      <FocusHeading subject={decision}>
        {confirmed ? "Your client is signed in" : "That client was turned away"}
      </FocusHeading>
      <p class="gate-lead">
        {confirmed
          ? "Go back to your terminal: its prompt comes up now. You can close this page."
          : "It was disconnected. If somebody sent you the link, tell your security team."}
      </p>
      <p class="gate-more">
        <a href="/sessions">My sessions</a>
        <a href="/">My waiting statements</a>
      </p>
    </div>
  );
}

function Waiting() {
  return (
    <>
      <h1 class="visually-hidden">A client wants in</h1>
      <Loading lines={4} />
    </>
  );
}

function Gone({ error }: { error: ApiError }) {
  return (
    <>
      <FocusHeading subject="gone">This link leads nowhere</FocusHeading>
      <Failure error={error} />
    </>
  );
}
