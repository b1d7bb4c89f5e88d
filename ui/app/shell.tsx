/** The frame around every screen: navigation, connection state, announcements, settings and the keys. */
import { useLocation } from "preact-iso";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Dialog } from "./parts/dialog.tsx";
import { icons, Mark } from "./parts/icons.tsx";
import { SettingsDialog } from "./settings.tsx";
import { activeShortcuts, useShortcuts } from "./state/keys.ts";
import { me } from "./state/me.ts";
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

/** What each place is called in the window's title. */
const titles: readonly (readonly [RegExp, string])[] = [
  [/^\/requests\//, "Request"],
  [/^\/history$/, "Decided"],
  [/^\/sessions\//, "Session"],
  [/^\/sessions$/, "Sessions"],
  [/^\/connect$/, "Connect"],
  [/^\/connect\//, "A client wants in"],
  [/^\/$/, "Inbox"],
];

/** The place, and before it how many wait. */
export function useTitle(place?: string): void {
  const { path } = useLocation();
  const waiting = waitingCount.value;
  useEffect(() => {
    const name = place ?? titles.find(([pattern]) => pattern.test(path))?.[1] ?? "Not found";
    document.title = `${waiting > 0 ? `(${waiting}) ` : ""}${name} · Postern`;
  }, [path, waiting, place]);
}

export function Shell({ children }: { children: ComponentChildren }) {
  const [dialog, setDialog] = useState<"settings" | "keys" | null>(null);
  const { route } = useLocation();
  useTitle();
  useShortcuts(useMemo(() => [
    { key: "?", does: "Show these keys", run: () => setDialog("keys") },
    { key: "1", does: "Go to the inbox", run: () => route("/") },
    { key: "2", does: "Go to what was decided", run: () => route("/history") },
    { key: "3", does: "Go to sessions", run: () => route("/sessions") },
    { key: "4", does: "Go to connect", run: () => route("/connect") },
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
        <button type="button" class="rail-button" onClick={() => setDialog("settings")}>
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
      {dialog === "keys" ? <KeysDialog onClose={() => setDialog(null)} /> : null}
    </div>
  );
}

function Navigation() {
  const { path } = useLocation();
  const waiting = waitingCount.value;
  const places = [
    { href: "/", name: "Inbox", icon: icons.inbox, here: path === "/" || path.startsWith("/requests") },
    { href: "/history", name: "Decided", icon: icons.history, here: path === "/history" },
    { href: "/sessions", name: "Sessions", icon: icons.sessions, here: path.startsWith("/sessions") },
    { href: "/connect", name: "Connect", icon: icons.connect, here: path === "/connect" },
  ];
  return (
    <nav class="places" aria-label="Postern">
      {places.map(({ href, name, icon, here }) => (
        <a key={href} href={href} aria-current={here ? "page" : undefined}>
          {icon}
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
      ))}
    </nav>
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
