/** Every place of the dashboard: what it is called, its key, and who has use for it. */
import type { Role } from "../contract.ts";
import type { IconName } from "./parts/icons.tsx";

export interface Place {
  readonly href: string;
  readonly name: string;
  readonly icon: IconName;
  /** Whether an address belongs to it. */
  readonly here: RegExp;
  /** Begins a group of its own in the list. */
  readonly first?: boolean;
  /** In the bar of a narrow screen; the others are under "More" there. */
  readonly bar?: boolean;
  /** Who sees it in the list; everybody where left out. */
  readonly roles?: readonly Role[];
}

export const places: readonly Place[] = [
  { href: "/", name: "Inbox", icon: "inbox", here: /^\/(requests\/|$)/, bar: true },
  { href: "/history", name: "Decided", icon: "history", here: /^\/history$/ },
  { href: "/live", name: "Live", icon: "live", here: /^\/live$/, first: true, bar: true },
  { href: "/sessions", name: "Sessions", icon: "sessions", here: /^\/sessions(\/|$)/, bar: true },
  { href: "/search", name: "Search", icon: "search", here: /^\/search$/ },
  { href: "/access", name: "My access", icon: "lock", here: /^\/access$/, first: true },
  { href: "/connect", name: "Connect", icon: "connect", here: /^\/connect$/, bar: true },
  { href: "/console", name: "Console", icon: "prompt", here: /^\/console$/ },
  { href: "/rules", name: "Rules", icon: "scales", here: /^\/rules$/, first: true },
  { href: "/overview", name: "Overview", icon: "chart", here: /^\/overview$/, roles: ["auditor", "admin"] },
];
