/** My access: what is open to me now and until when, what I wait for, and what I may ask for. */
import { useLocation } from "preact-iso";
import { useEffect, useState } from "preact/hooks";
import type { GrantView, MyAccess, Place } from "../../contract.ts";
import { FocusHeading, NoTargets } from "../parts/basics.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Marked } from "../parts/marked.tsx";
import { get } from "../state/api.ts";
import { now, setTime } from "../state/clock.ts";
import { announcement } from "../state/requests.ts";
import { useResource } from "../state/resource.ts";
import { onChange } from "../state/stream.ts";
import { GrantList } from "./access_parts.tsx";
import { AskForm } from "./ask_access.tsx";

export function AccessScreen() {
  const { query } = useLocation();
  const page = useResource("access", async () => {
    const answer = await get<MyAccess>("/api/access");
    setTime(answer.now);
    return answer;
  });
  useEffect(() =>
    onChange((change) => {
      if (change === null || change.type.startsWith("access.")) page.reload();
    }), [page]);
  return (
    <section class="page">
      <FocusHeading subject="access">My access</FocusHeading>
      <Loaded it={page} lines={4}>
        {(mine) => (
          <Mine
            mine={mine}
            target={query.target}
            wait={query.wait}
            onAsked={(grant) => {
              announcement.value = grant.state === "granted"
                ? `You have access to ${grant.target} ${(grant.startsAt ?? 0) > now.value ? "later" : "now"}`
                : `Your request for ${grant.target} waits for a decision`;
              page.reload();
            }}
          />
        )}
      </Loaded>
    </section>
  );
}

interface MineProps {
  readonly mine: MyAccess;
  /** From the link that a waiting client printed. */
  readonly target: string | undefined;
  readonly wait: string | undefined;
  readonly onAsked: (grant: GrantView) => void;
}

function Mine({ mine, target, wait, onAsked }: MineProps) {
  const isOpen = ({ state, endsAt, deadlineAt }: GrantView) =>
    state === "granted" ? (endsAt ?? 0) > now.value : state === "requested" && deadlineAt > now.value;
  const open = mine.grants.filter(isOpen);
  const over = mine.grants.filter((grant) => !isOpen(grant)).slice(0, 10);
  const started = ({ startsAt, state }: GrantView) => state === "granted" && (startsAt ?? 0) <= now.value;
  const grantOf = (target: string) => {
    const own = open.filter((grant) => grant.target === target);
    return own.find(started) ?? own[0];
  };
  const first = mine.places.filter(({ name }) => name === target);
  const places = [...first, ...mine.places.filter(({ name }) => name !== target)];
  return (
    <>
      <GrantList title="Open now, or waiting" grants={open} />
      {places.length === 0 ? <NoTargets /> : (
        <ul class="targets">
          {places.map((place) => (
            <li key={place.name}>
              <PlaceCard
                place={place}
                here={place.name === target}
                wait={place.name === target ? wait : undefined}
                has={grantOf(place.name)}
                onAsked={onAsked}
              />
            </li>
          ))}
        </ul>
      )}
      <GrantList title="Before" grants={over} />
    </>
  );
}

interface PlaceProps {
  readonly place: Place;
  readonly here: boolean;
  readonly wait: string | undefined;
  readonly has: GrantView | undefined;
  readonly onAsked: (grant: GrantView) => void;
}

function PlaceCard({ place, here, wait, has, onAsked }: PlaceProps) {
  const { name, environment, database, entry, breakGlass } = place;
  const [form, setForm] = useState<"ask" | "glass" | null>(here && entry === "ask" && !has ? "ask" : null);
  const asked = (grant: GrantView) => {
    setForm(null);
    onAsked(grant);
  };
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
      <p class="target-note">{wordsOf(place, has)}</p>
      {form === null
        ? (
          <div class="target-issue">
            {entry === "ask" && has?.state !== "requested"
              ? (
                <button type="button" class="button" onClick={() => setForm("ask")}>
                  Ask for access<span class="visually-hidden">to {name}</span>
                </button>
              )
              : null}
            {breakGlass
              ? (
                <button type="button" class="button ghost" onClick={() => setForm("glass")}>
                  Break the glass<span class="visually-hidden">of {name}</span>
                </button>
              )
              : null}
          </div>
        )
        : <AskForm key={form} place={place} wait={wait} breakGlass={form === "glass"} onAsked={asked} />}
      {form === "glass"
        ? (
          <p class="notice hold">
            It opens at once. Everybody who approves is told, it is marked in the record, and somebody reviews
            it afterwards.
          </p>
        )
        : null}
    </article>
  );
}

function wordsOf({ entry, offers }: Place, has: GrantView | undefined): string {
  if (has?.state === "granted" && (has.startsAt ?? 0) > now.value) {
    return "It opens to you later; see when above.";
  }
  if (has?.state === "granted") return "It is open to you now; connect as usual.";
  if (has?.state === "requested") return "You have asked for it; it waits for a decision.";
  if (entry === "open") return "Open to you by your groups; nothing has to be asked for.";
  if (entry === "glass") return "Closed to you, but for an emergency.";
  return offers.some(({ then }) => then === "grant")
    ? "Open for a time: at once where the risk is low, after a decision where it is high."
    : "Open for a time, after a decision.";
}
