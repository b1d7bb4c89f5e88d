/** `postern access`: asks for access to a target for a time, and waits until it is there. */
import {
  type AskAccess,
  grantAnswerSchema,
  type GrantView,
  type MyAccess,
  myAccessSchema,
} from "../contract.ts";
import { CredentialsFile } from "./credentials.ts";
import { SignedIn } from "./dashboard.ts";
import { type Commands, say, UsageError, type Values } from "./run.ts";

const pollMs = 2_000;
const unitsMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const env = (name: string) => Deno.env.get(name);

/** `2h` in milliseconds. Throws UsageError. */
export function spanMs(text: string): number {
  const [, number, unit] = /^(\d{1,6})(s|m|h|d)$/.exec(text) ?? [];
  if (number === undefined) throw new UsageError(`"${text}" is no span of time, as in 30m, 2h or 1d`);
  return Number(number) * (unitsMs[unit ?? ""] ?? 0);
}

/** `2h` from now, or a moment as in 2026-01-31T08:00Z, by this machine's clock where no zone is named. Throws UsageError. */
export function startMs(text: string, now: number): number {
  if (/^\d{1,6}(s|m|h|d)$/.test(text)) return now + spanMs(text);
  const at = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text) ? Date.parse(text.replace(" ", "T")) : NaN;
  if (Number.isNaN(at)) {
    throw new UsageError(`"${text}" is no moment, as in 2026-01-31T08:00Z, or 2h from now`);
  }
  return at;
}

async function access(target: string | undefined, values: Values): Promise<number> {
  const signedIn = SignedIn.of(new CredentialsFile(env), values.url, env);
  if (target === undefined) return await say(listing(await signedIn.call("/api/access", myAccessSchema)));
  const { grant } = await signedIn.call("/api/access", grantAnswerSchema, wantedOf(target, values));
  if (grant.state === "granted") return await say(told(grant));
  console.log(told(grant));
  if (values["no-wait"] === true) return 0;
  return await decided(signedIn, grant);
}

function wantedOf(target: string, values: Values): AskAccess {
  const { reason } = values;
  if (typeof reason !== "string" || reason.trim() === "") {
    throw new UsageError("Say why: --reason TEXT; whoever decides, and the record, keep it");
  }
  const list = (name: string) => {
    const text = values[name];
    return typeof text === "string" ? text.split(",").map((one) => one.trim()) : undefined;
  };
  const [kinds, tables, unmask] = [list("kinds"), list("tables"), list("unmask")];
  return {
    target,
    reason,
    durationMs: spanMs(String(values.for ?? "1h")),
    ...(typeof values.from === "string" ? { startsAt: startMs(values.from, Date.now()) } : {}),
    ...(kinds === undefined ? {} : { kinds: kinds as NonNullable<AskAccess["kinds"]> }),
    ...(tables === undefined ? {} : { tables }),
    ...(unmask === undefined ? {} : { unmask }),
    ...(values["break-glass"] === true ? { breakGlass: true } : {}),
  };
}

/** Ctrl-C withdraws, as it does for a statement that waits. */
async function decided(signedIn: SignedIn, asked: GrantView): Promise<number> {
  const path = `/api/access/${asked.id}`;
  const stopped = Promise.withResolvers<"stopped">();
  const stop = () => stopped.resolve("stopped");
  Deno.addSignalListener("SIGINT", stop);
  try {
    for (;;) {
      const { promise: later, resolve } = Promise.withResolvers<"later">();
      const timer = setTimeout(() => resolve("later"), pollMs);
      const next = await Promise.race([later, stopped.promise]);
      clearTimeout(timer);
      if (next === "stopped") {
        const { grant } = await signedIn.call(`${path}/withdraw`, grantAnswerSchema, {});
        return await say(told(grant), 1);
      }
      const { grant } = await signedIn.call(path, grantAnswerSchema);
      if (grant.state !== "requested") return await say(told(grant), grant.state === "granted" ? 0 : 1);
    }
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
  }
}

const clock = (at: number) => `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;

function told(
  { target, state, startsAt, endsAt, deadlineAt, approvers, outcome, rule, breakGlass }: GrantView,
): string {
  const from = (startsAt ?? 0) > Date.now() ? ` from ${clock(startsAt ?? 0)}` : "";
  switch (state) {
    case "granted":
      return `You have access to ${target}${from} until ${clock(endsAt ?? 0)} (rule ${rule})${
        breakGlass ? ".\nEverybody who approves was told, and somebody reviews it afterwards." : ""
      }`;
    case "requested":
      return `Your request for ${target}${from} waits for a member of ${approvers.join(" or ")}, until ${
        clock(deadlineAt)
      } (rule ${rule}). Ctrl-C withdraws it`;
    default:
      return `Access to ${target}: ${state}${outcome === "" ? "" : `, ${outcome}`}`;
  }
}

function listing({ places, grants, now }: MyAccess): string {
  const words = { open: "open to you", ask: "ask for it", glass: "by break-glass only" };
  const lines = places.map(({ name, entry, environment, breakGlass }) => {
    const own = grants.filter(({ target, state, endsAt }) =>
      target === name && state === "granted" && (endsAt ?? 0) > now
    );
    const has = own.find(({ startsAt }) => (startsAt ?? 0) <= now) ?? own[0];
    const from = (has?.startsAt ?? 0) > now ? `from ${clock(has?.startsAt ?? 0)} ` : "";
    const state = has === undefined ? words[entry] : `open ${from}until ${clock(has.endsAt ?? 0)}`;
    const glass = breakGlass !== null && entry === "ask" ? " (or --break-glass)" : "";
    return `${name.padEnd(24)} ${environment.padEnd(12)} ${state}${has === undefined ? glass : ""}`;
  });
  return lines.length === 0 ? "No target is open to you" : lines.join("\n");
}

export const accessCommands: Commands = {
  access: {
    usage:
      "[TARGET --reason TEXT [--for 2h] [--from WHEN] [--kinds A,B] [--tables S.T,…] [--unmask S.T.C,…] [--break-glass] [--no-wait]] [--url URL]",
    about: "asks for access to a target for a time, and waits for it; alone, what there is to ask for",
    options: {
      reason: "string",
      for: "string",
      from: "string",
      kinds: "string",
      tables: "string",
      unmask: "string",
      "break-glass": "boolean",
      "no-wait": "boolean",
      url: "string",
    },
    operands: [0, 1],
    run: ([target], values) => access(target, values),
  },
};
