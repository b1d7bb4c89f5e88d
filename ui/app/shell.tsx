/** The frame around every screen: navigation, connection state, announcements, settings and the keys. */
import { useLocation } from "preact-iso";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Dialog } from "./parts/dialog.tsx";
import { icons, Mark } from "./parts/icons.tsx";
import { SettingsDialog } from "./settings.tsx";
import { type Place, places } from "./places.ts";
import { activeShortcuts, useShortcuts } from "./state/keys.ts";
import { hasRole, me } from "./state/me.ts";
import { announcement, waitingCount } from "./state/requests.ts";
import { streamState } from "./state/stream.ts";

/** A page of its own at the gate: sign-in, and a client's consent. The card is the gate's arch. */
export function Gate({ children, title }: { children: ComponentChildren; title?: string }) {
  useTitle(title);
  return (
    <div class="gate">
      <main id="main" class="arch">
        <p class="gate-brand">
          <Mark size={44} />
          <span class="wordmark">Postern</span>
        </p>
        {children}
      </main>
    </div>
  );
}

/** What those pages are called in the window's title that are in no list. */
const titles: readonly (readonly [RegExp, string])[] = [
  [/^\/requests\//, "Request"],
  [/^\/access\//, "Access"],
  [/^\/sessions\//, "Session"],
  [/^\/connect\//, "A client wants in"],
];

const titleOf = (path: string): string =>
  titles.find(([pattern]) => pattern.test(path))?.[1] ??
    places.find(({ here }) => here.test(path))?.name ?? "Not found";

/** The place, and before it how many wait. */
export function useTitle(place?: string): void {
  const { path } = useLocation();
  const waiting = waitingCount.value;
  useEffect(() => {
    document.title = `${waiting > 0 ? `(${waiting}) ` : ""}${place ?? titleOf(path)} · Postern`;
  }, [path, waiting, place]);
}

export function Shell({ children }: { children: ComponentChildren }) {
  const [dialog, setDialog] = useState<"settings" | "keys" | "more" | null>(null);
  const { route } = useLocation();
  useTitle();
  useShortcuts(useMemo(() => [
    { key: "?", does: "Show these keys", run: () => setDialog("keys") },
    ...visiblePlaces().map(({ href, name }, at) => ({
      key: String((at + 1) % 10),
      does: `Go to ${name}`,
      run: () => route(href),
    })),
  ], [route]));
  return (
    <div class="shell">
      <a class="skip" href="#main">Skip to the content</a>
      <header class="rail">
        <a class="brand" href="/" aria-label="Postern, inbox">
          <Mark />
          <span class="wordmark">Postern</span>
        </a>
        <Navigation />
        <button type="button" class="rail-button rail-more" onClick={() => setDialog("more")}>
          {icons.more}
          <span class="rail-name">
            <span class="rail-label">More</span>
          </span>
        </button>
        <button type="button" class="rail-button rail-settings" onClick={() => setDialog("settings")}>
          {icons.settings}
          <span class="rail-name">
            <span class="rail-label">Settings</span>
            <span class="rail-person">{me.value?.name}</span>
          </span>
        </button>
      </header>
      <div class="body">
        <Connection />
        <main id="main" tabIndex={-1}>{children}</main>
      </div>
      <Announcer />
      {dialog === "settings" ? <SettingsDialog onClose={() => setDialog(null)} /> : null}
      {dialog === "more"
        ? <MoreDialog onClose={() => setDialog(null)} onSettings={() => setDialog("settings")} />
        : null}
      {dialog === "keys" ? <KeysDialog onClose={() => setDialog(null)} /> : null}
    </div>
  );
}

/** Those that this person has use for. */
const visiblePlaces = (): readonly Place[] =>
  places.filter(({ roles }) => roles === undefined || hasRole(...roles));

function Navigation() {
  const { path } = useLocation();
  return (
    <nav class="places" aria-label="Postern">
      {visiblePlaces().map((place) => <PlaceLink key={place.href} place={place} path={path} />)}
    </nav>
  );
}

function PlaceLink({ place, path }: { place: Place; path: string }) {
  const { href, name, icon, here, first, bar } = place;
  const waiting = waitingCount.value;
  return (
    <a
      href={href}
      class={`${first ? "places-first" : ""} ${bar ? "" : "places-lesser"}`}
      aria-current={here.test(path) ? "page" : undefined}
    >
      {icons[icon]}
      <span>{name}</span>
      {href === "/" && waiting > 0
        ? (
          <span class="places-count">
            {waiting}
            <span class="visually-hidden">waiting</span>
          </span>
        )
        : null}
    </a>
  );
}

/** On narrow screens: the places that the bar has no room for. */
function MoreDialog({ onClose, onSettings }: { onClose: () => void; onSettings: () => void }) {
  const { path } = useLocation();
  const opened = useRef(path);
  useEffect(() => {
    if (path !== opened.current) onClose();
  }, [path]);
  return (
    <Dialog title="More" onClose={onClose}>
      <nav class="places more-places" aria-label="More places">
        {visiblePlaces().filter(({ bar }) => !bar).map((place) => (
          <PlaceLink key={place.href} place={place} path={path} />
        ))}
        <button type="button" class="rail-button" onClick={onSettings}>
          {icons.settings}
          <span>Settings</span>
        </button>
      </nav>
      <div class="dialog-actions">
        <button type="button" class="button" autoFocus onClick={onClose}>Close</button>
      </div>
    </Dialog>
  );
}

function Connection() {
  if (streamState.value !== "offline") return null;
  return (
    <p class="offline" role="status">
      {icons.warn}
      Not connected to Postern: what you see may be out of date. Trying again…
    </p>
  );
}

/** Says what changed to those who do not see it, after what they are just hearing. */
function Announcer() {
  return <div class="visually-hidden" aria-live="polite" role="status">{announcement.value}</div>;
}

function KeysDialog({ onClose }: { onClose: () => void }) {
  const shortcuts = useMemo(() => {
    const byKey = new Map(activeShortcuts().map((shortcut) => [shortcut.key, shortcut]));
    return [...byKey.values()];
  }, []);
  useEffect(() => {
    const close = (event: KeyboardEvent) => event.key === "?" && onClose();
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  }, []);
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        {shortcuts.map(({ key, does }) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-actions">
        <button type="button" class="button" autoFocus onClick={onClose}>Close</button>
      </div>
    </Dialog>
  );
}
