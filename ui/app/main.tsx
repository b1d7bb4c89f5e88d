/** Starts the app: finds out who is signed in, opens the event stream, and shows the screen of the address. */
import { render } from "preact";
import { effect } from "@preact/signals";
import { LocationProvider, Route, Router, useLocation } from "preact-iso";
import type { Me } from "../contract.ts";
import { Failure, FocusHeading } from "./parts/basics.tsx";
import { tableList, verbList } from "./parts/format.ts";
import { later } from "./parts/later.tsx";
import { Desk } from "./screens/desk.tsx";
import { SignInScreen } from "./screens/sign_in.tsx";
import { Gate, Shell } from "./shell.tsx";
import { accessDesk } from "./state/access.ts";
import { ApiError, asApiError, get } from "./state/api.ts";
import { followSystem, readAppearance } from "./state/appearance.ts";
import { setTime, startClock } from "./state/clock.ts";
import { startKeys } from "./state/keys.ts";
import { meState } from "./state/me.ts";
import { announcement, newlyArrived, requests } from "./state/requests.ts";
import { chime } from "./state/sound.ts";
import { closeStream, onChange, openStream } from "./state/stream.ts";

// The inbox and the request are there at once; every other screen comes when it is opened.
const ConnectScreen = later<{ secret: string }>(async () =>
  (await import("./screens/connect.tsx")).ConnectScreen
);
const AccessScreen = later(async () => (await import("./screens/access.tsx")).AccessScreen);
const GrantScreen = later<{ id: string }>(async () => (await import("./screens/grant.tsx")).GrantScreen);
const AdvanceScreen = later(async () => (await import("./screens/advance.tsx")).AdvanceScreen);
const HistoryScreen = later(async () => (await import("./screens/history.tsx")).HistoryScreen);
const LiveScreen = later(async () => (await import("./screens/live.tsx")).LiveScreen);
const ConsoleScreen = later(async () => (await import("./screens/console.tsx")).ConsoleScreen);
const OverviewScreen = later(async () => (await import("./screens/overview.tsx")).OverviewScreen);
const ReplayScreen = later<{ id: string }>(async () => (await import("./screens/replay.tsx")).ReplayScreen);
const RulesScreen = later(async () => (await import("./screens/rules.tsx")).RulesScreen);
const SearchScreen = later(async () => (await import("./screens/search.tsx")).SearchScreen);
const SessionsScreen = later(async () => (await import("./screens/sessions.tsx")).SessionsScreen);
const TargetsScreen = later(async () => (await import("./screens/targets.tsx")).TargetsScreen);

async function findOut(): Promise<void> {
  try {
    const me = await get<Me>("/api/me");
    setTime(me.now);
    meState.value = { kind: "in", me };
  } catch (thrown) {
    const error = asApiError(thrown);
    if (error.status === 401) return;
    // Somebody who is in stays in: what failed is the way to Postern.
    if (meState.peek().kind === "in") return;
    meState.value = { kind: "failed", message: error.message, hint: error.hint };
  }
}

function NotFound() {
  return (
    <section class="page">
      <FocusHeading subject="not-found">There is no such page</FocusHeading>
      <p>
        The address is not one of Postern's: part of a link may have been lost.{" "}
        <a href="/">Go to the inbox</a>
      </p>
    </section>
  );
}

function App() {
  const { path } = useLocation();
  const state = meState.value;
  if (state.kind === "loading") return null;
  if (state.kind === "out" || path.startsWith("/auth/")) {
    return (
      <Gate title="Sign in">
        <SignInScreen />
      </Gate>
    );
  }
  if (state.kind === "failed") {
    return (
      <Gate>
        <div class="gate-card">
          <h1 class="visually-hidden">Postern</h1>
          <Failure error={new ApiError(0, "Failed", state.message, state.hint)} retry={findOut} />
        </div>
      </Gate>
    );
  }
  const secret = /^\/connect\/([^/]+)$/.exec(path)?.[1];
  if (secret === undefined) return <Inside />;
  return (
    <Gate>
      <ConnectScreen key={secret} secret={secret} />
    </Gate>
  );
}

function Inside() {
  return (
    <Shell>
      <Router>
        <Route path="/" component={DeskPage} />
        <Route path="/requests/:id" component={DeskPage} />
        <Route path="/history" component={HistoryScreen} />
        <Route path="/advance" component={AdvanceScreen} />
        <Route path="/live" component={LiveScreen} />
        <Route path="/rules" component={RulesScreen} />
        <Route path="/console" component={ConsoleScreen} />
        <Route path="/overview" component={OverviewScreen} />
        <Route path="/search" component={SearchScreen} />
        <Route path="/sessions" component={SessionsScreen} />
        <Route path="/sessions/:id" component={ReplayPage} />
        <Route path="/access" component={AccessScreen} />
        <Route path="/access/:id" component={GrantPage} />
        <Route path="/connect" component={TargetsScreen} />
        <Route default component={NotFound} />
      </Router>
    </Shell>
  );
}

function DeskPage({ params }: { params: { id?: string } }) {
  return <Desk {...(params.id === undefined ? {} : { id: params.id })} />;
}

function GrantPage({ params }: { params: { id: string } }) {
  return <GrantScreen key={params.id} id={params.id} />;
}

function ReplayPage({ params }: { params: { id: string } }) {
  return <ReplayScreen key={params.id} id={params.id} />;
}

/** A word to those who do not look at the page. */
effect(() => {
  const [first, ...more] = newlyArrived();
  if (first === undefined) return;
  const text = `${first.person} wants to run ${verbList(first.verbs)}${
    first.tables.length > 0 ? ` on ${tableList(first.tables)}` : ""
  } in ${first.target}${more.length > 0 ? `, and ${more.length} more` : ""}`;
  announcement.value = `New request: ${text}`;
  if (readAppearance().sound) chime();
  if (!document.hidden || !readAppearance().notify || Notification.permission !== "granted") return;
  const notification = new Notification("A statement waits for you", { body: text, tag: first.id });
  notification.onclick = () => {
    focus();
    history.pushState(null, "", `/requests/${first.id}`);
    dispatchEvent(new PopStateEvent("popstate"));
    notification.close();
  };
});

let streaming = false;
effect(() => {
  const signedIn = meState.value.kind === "in";
  if (signedIn === streaming) return;
  streaming = signedIn;
  if (signedIn) openStream(findOut);
  else closeStream();
});
onChange((change) => {
  if (change === null || change.type.startsWith("approval.")) requests.reload();
  if (change === null || change.type.startsWith("access.")) accessDesk.reload();
});

startClock();
startKeys();
followSystem();
findOut();
render(
  <LocationProvider scope={/^\/(?!auth\/|api\/)/}>
    <App />
  </LocationProvider>,
  document.getElementById("app")!,
);
