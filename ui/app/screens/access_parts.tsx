/** How a request for access and a grant are told, wherever they show. */
import type { GrantView } from "../../contract.ts";
import { Badge, Countdown, Time, type Tone } from "../parts/basics.tsx";
import { duration, listed } from "../parts/format.ts";
import type { IconName } from "../parts/icons.tsx";
import { Marked } from "../parts/marked.tsx";
import { now } from "../state/clock.ts";

const looks: Readonly<Record<GrantView["state"], { tone: Tone; icon: IconName; word: string }>> = {
  requested: { tone: "hold", icon: "hold", word: "Waiting" },
  granted: { tone: "allow", icon: "allow", word: "Granted" },
  refused: { tone: "deny", icon: "deny", word: "Refused" },
  expired: { tone: "quiet", icon: "hold", word: "Expired" },
  withdrawn: { tone: "quiet", icon: "back", word: "Withdrawn" },
  ended: { tone: "quiet", icon: "stop", word: "Ended" },
  revoked: { tone: "deny", icon: "stop", word: "Ended early" },
};

export function GrantBadges({ grant }: { grant: GrantView }) {
  const { tone, icon, word } = looks[grant.state];
  return (
    <>
      <Badge tone={tone} icon={icon}>{word}</Badge>
      {grant.breakGlass ? <Badge tone="error" icon="warn">break-glass</Badge> : null}
      {grant.waiting && grant.state === "requested"
        ? <Badge tone="info" icon="connect">a client waits</Badge>
        : null}
    </>
  );
}

/** `reads and writes on public.*; shows public.customers.ssn unmasked` */
export function scopeText({ scope }: Pick<GrantView, "scope">): string {
  const kinds = scope.kinds === null ? "whatever the rules allow" : listed(scope.kinds);
  const tables = scope.tables === null ? "" : ` on ${listed(scope.tables)}`;
  const shown = scope.unmask.length === 0 ? "" : `; ${listed(scope.unmask)} without masks`;
  return `${kinds}${tables}${shown}`;
}

/** What is left of a grant, or of the wait for it. */
export function GrantTime({ grant }: { grant: GrantView }) {
  const { state, startsAt, endsAt, requestedAt, deadlineAt } = grant;
  // The sentence says from when.
  if (state === "granted" && startsAt !== null && startsAt > now.value) return null;
  if (state === "granted" && startsAt !== null && endsAt !== null) {
    return <Countdown until={endsAt} from={startsAt} />;
  }
  return state === "requested" ? <Countdown until={deadlineAt} from={requestedAt} /> : null;
}

export function GrantCard({ grant, open = false }: { grant: GrantView; open?: boolean }) {
  return (
    <a class="card" href={`/access/${grant.id}`} aria-current={open ? "page" : undefined}>
      <span class="card-top">
        <span class={`environment ${/prod/i.test(grant.environment) ? "production" : ""}`}>
          {grant.environment || "no environment"}
        </span>
        <span class="card-target">
          <Marked text={grant.target} />
        </span>
        <GrantTime grant={grant} />
      </span>
      <span class="card-sentence">
        <strong>
          <Marked text={grant.mine ? "You" : grant.person} />
        </strong>{" "}
        {grant.state === "requested" ? (grant.mine ? "ask" : "asks") : "asked"} for access for{" "}
        <strong>{duration(grant.durationMs)}</strong>
        {grant.startsAt !== null && grant.startsAt > now.value
          ? (
            <>
              , from <Time at={grant.startsAt} />
            </>
          )
          : null}
      </span>
      <span class="card-reason">
        <Marked text={grant.reason} />
      </span>
      <span class="card-foot">
        <GrantBadges grant={grant} />
        <span>rule {grant.rule}</span>
        {grant.quorum > 1 ? <span>{grant.reviews.length} of {grant.quorum} reviews</span> : null}
      </span>
    </a>
  );
}

/** Nothing where there are none. */
export function GrantList({ title, grants }: { title: string; grants: readonly GrantView[] }) {
  if (grants.length === 0) return null;
  return (
    <section class="group">
      <h2 class="group-title">
        {title} <span class="group-count">{grants.length}</span>
      </h2>
      <ul class="cards">
        {grants.map((grant) => (
          <li key={grant.id}>
            <GrantCard grant={grant} />
          </li>
        ))}
      </ul>
    </section>
  );
}
