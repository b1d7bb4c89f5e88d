/** The inbox beside the request that is open: a list and its detail on wide screens, one of them on narrow ones. */
import { useLocation } from "preact-iso";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { RequestCard } from "../../contract.ts";
import { Badge, Countdown, Empty, Failure, Loading } from "../parts/basics.tsx";
import { counted, tableList, verbList } from "../parts/format.ts";
import { icons } from "../parts/icons.tsx";
import { Marked } from "../parts/marked.tsx";
import { Preview } from "../parts/statement.tsx";
import { useShortcuts } from "../state/keys.ts";
import { hasRole } from "../state/me.ts";
import { accessListed } from "../state/access.ts";
import { listed, mine, others, requests, toDecide } from "../state/requests.ts";
import { AccessGroups } from "./access_group.tsx";
import { RequestScreen } from "./request.tsx";

const wide = matchMedia("(min-width: 1100px)");

export function Desk({ id }: { id?: string }) {
  const { route } = useLocation();
  const list = useRef<HTMLDivElement>(null);
  const loaded = requests.data.value !== null;

  // Opens the most urgent one at the start only: what one reads must not change by itself.
  const mayOpen = useRef(id === undefined);
  useEffect(() => {
    if (!loaded || !mayOpen.current) return;
    mayOpen.current = false;
    const first = toDecide.peek()[0];
    if (first !== undefined && wide.matches) route(`/requests/${first.id}`, true);
  }, [loaded]);

  const move = (by: number) => {
    const cards = [...list.current?.querySelectorAll<HTMLAnchorElement>("a.card") ?? []];
    const focused = cards.indexOf(document.activeElement as HTMLAnchorElement);
    const from = focused >= 0
      ? focused
      : cards.findIndex((card) => card.getAttribute("aria-current") === "page");
    cards[Math.min(cards.length - 1, Math.max(0, from < 0 ? 0 : from + by))]?.focus();
  };
  useShortcuts(useMemo(() => [
    { key: "j", does: "Next request", run: () => move(1) },
    { key: "k", does: "Previous request", run: () => move(-1) },
    {
      key: "Enter",
      does: "Open the request that has the focus, or the first",
      run: () => {
        const first = listed.peek()[0];
        if (first !== undefined) route(`/requests/${first.id}`);
      },
    },
    { key: "u", does: "Back to the list", run: () => route("/") },
  ], [route]));

  // The request that is open is the page's subject.
  const Title = id === undefined ? "h1" : "h2";
  return (
    <div class={`desk ${id === undefined ? "desk-list-only" : "desk-open"}`}>
      <div class="desk-list" ref={list}>
        <Title class="desk-title">
          {hasRole("approver", "admin", "auditor") ? "Inbox" : "My waiting statements"}
        </Title>
        <RequestList open={id} />
        <p class="desk-more">
          <a href="/advance">Ask for approval in advance</a>
        </p>
      </div>
      <div class="desk-detail">
        {id === undefined ? <NothingOpen /> : (
          <>
            <a class="desk-back" href="/">{icons.back}All requests</a>
            <RequestScreen id={id} />
          </>
        )}
      </div>
    </div>
  );
}

function RequestList({ open }: { open: string | undefined }) {
  const error = requests.error.value;
  if (requests.data.value === null) {
    return error ? <Failure error={error} retry={requests.reload} /> : <Loading lines={4} />;
  }
  return (
    <>
      {error ? <Failure error={error} retry={requests.reload} /> : null}
      <Group title="For you to decide" requests={toDecide.value} open={open} />
      <AccessGroups />
      <Group title="Yours, waiting" requests={mine.value} open={open} />
      <Group title="Waiting for others" requests={others.value} open={open} />
      {listed.value.length + accessListed.value === 0
        ? (
          <Empty title="Nothing waits at the gate">
            {hasRole("approver", "admin", "auditor")
              ? "A statement that needs a decision shows up here by itself."
              : "When one of your statements needs an approval, it shows up here until somebody decides."}
          </Empty>
        )
        : null}
    </>
  );
}

interface GroupProps {
  readonly title: string;
  readonly requests: readonly RequestCard[];
  readonly open: string | undefined;
}

function Group({ title, requests, open }: GroupProps) {
  if (requests.length === 0) return null;
  return (
    <section class="group">
      <h2 class="group-title">
        {title} <span class="group-count">{requests.length}</span>
      </h2>
      <ul class="cards">
        {requests.map((request) => (
          <li key={request.id}>
            <Card request={request} open={request.id === open} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Card({ request, open }: { request: RequestCard; open: boolean }) {
  return (
    <a class="card" href={`/requests/${request.id}`} aria-current={open ? "page" : undefined}>
      <span class="card-top">
        <span class={`environment ${/prod/i.test(request.environment) ? "production" : ""}`}>
          {request.environment || "no environment"}
        </span>
        <span class="card-target">
          <Marked text={request.target} />
        </span>
        <Countdown until={request.deadlineAt} from={request.requestedAt} />
      </span>
      <span class="card-sentence">
        <strong>
          <Marked text={request.mine ? "You" : request.person} />
        </strong>{" "}
        {request.mine ? "want" : "wants"} to run <strong>{verbList(request.verbs)}</strong>
        <Marked text={request.tables.length > 0 ? ` on ${tableList(request.tables)}` : ""} />
      </span>
      <Preview text={request.preview.slice(0, 200)} whole={request.textLength} />
      <span class="card-foot">
        <span>rule {request.rule}</span>
        {request.parameterCount > 0 ? <span>{counted(request.parameterCount, "parameter")}</span> : null}
        {request.inTransaction ? <Badge tone="hold" icon="warn">in a transaction</Badge> : null}
        {request.quorum > 1 ? <span>{request.reviews.length} of {request.quorum} reviews</span> : null}
      </span>
    </a>
  );
}

function NothingOpen() {
  return (
    <div class="nothing-open">
      <p>Choose a request to read and decide it.</p>
      <p class="key-hints">
        <kbd>j</kbd> <kbd>k</kbd> move <kbd>Enter</kbd> open <kbd>?</kbd> all keys
      </p>
    </div>
  );
}
