/** Small parts that every screen uses. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ApiError } from "../state/api.ts";
import { now } from "../state/clock.ts";
import { left, moment } from "./format.ts";
import { type IconName, icons } from "./icons.tsx";

/** A time in the browser's zone, its UTC form at hand. */
export function Time({ at }: { at: number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={new Date(at).toISOString()}>
      {moment(at, now.peek())}
    </time>
  );
}

/** What is left until a deadline; `of` is the whole wait, for the bar. */
export function Countdown({ until, from }: { until: number; from: number }) {
  const leftMs = until - now.value;
  const share = Math.min(1, Math.max(0, leftMs / Math.max(1, until - from)));
  const urgent = leftMs < 60_000;
  return (
    <span class={`countdown${urgent ? " urgent" : ""}`}>
      <span class="countdown-bar" style={{ "--left": String(share) }} />
      <span class="countdown-text" title={`Until ${new Date(until).toISOString()}`}>{left(leftMs)} left</span>
    </span>
  );
}

export type Tone = "allow" | "hold" | "deny" | "error" | "quiet" | "info";

/** A state in words with an icon: never by colour alone. */
export function Badge(
  { tone, icon, children }: { tone: Tone; icon?: IconName; children: ComponentChildren },
) {
  return (
    <span class={`badge ${tone}`}>
      {icon ? icons[icon] : null}
      {children}
    </span>
  );
}

/** A heading that takes the focus when its screen or its subject appears. */
export function FocusHeading({ subject, children }: { subject: string; children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), [subject]);
  return <h1 ref={heading} tabIndex={-1} class="focus-heading">{children}</h1>;
}

export function Failure({ error, retry }: { error: ApiError; retry?: () => void }) {
  return (
    <div class="failure" role="alert">
      {icons.error}
      <div>
        <p class="failure-text">{error.message}</p>
        {error.hint ? <p class="failure-hint">{error.hint}</p> : null}
        {retry ? <button type="button" class="button small" onClick={retry}>Try again</button> : null}
      </div>
    </div>
  );
}

/** Shapes of what comes, so that nothing jumps. */
export function Loading({ lines = 3 }: { lines?: number }) {
  return (
    <div class="loading" role="status">
      <span class="visually-hidden">Loading</span>
      {Array.from({ length: lines }, (_, at) => <div key={at} class="loading-line" aria-hidden="true" />)}
    </div>
  );
}

/** Nothing here, and what that means. */
export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div class="empty">
      <OpenGate />
      <p class="empty-title">{title}</p>
      <p class="empty-text">{children}</p>
    </div>
  );
}

export function NoTargets() {
  return (
    <Empty title="No target is open to you">
      Targets open by your groups at the identity provider. Ask for membership of one of a target's groups,
      then sign in again.
    </Empty>
  );
}

function OpenGate() {
  return (
    <svg
      class="open-gate"
      viewBox="0 0 160 104"
      width="160"
      height="104"
      aria-hidden="true"
      focusable="false"
    >
      <path class="stone" d="M2 102V30h24V18h22v12h64V18h22v12h24v72z" />
      <path
        class="joint"
        d="M2 54h40M2 78h36M118 54h40M122 78h36M20 30v24M30 54v24M14 78v24M140 30v24M130 54v24M146 78v24"
      />
      <path class="opening" d="M50 102V70a30 30 0 0 1 60 0v32z" />
      <path class="door" d="M50 102V70c0-9 4-17 10-22l-2 60z" />
      <path class="path" d="M60 102h44" />
    </svg>
  );
}

/** `what` tells several on one page apart, for those who only hear them. */
export function CopyButton({ text, label, what }: { text: string; label: string; what?: string }) {
  const button = useRef<HTMLButtonElement>(null);
  const copy = async () => {
    const { current } = button;
    let done = "Copied";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      done = "Select and copy it yourself: the browser did not let this page";
    }
    if (current) current.dataset.done = done;
    setTimeout(() => current && delete current.dataset.done, 2000);
  };
  return (
    <button ref={button} type="button" class="button ghost small copy" onClick={copy}>
      {icons.copy}
      {label}
      {what ? <span class="visually-hidden">{what}</span> : null}
    </button>
  );
}
