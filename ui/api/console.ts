/** Statements from the dashboard. They are judged, held, masked and recorded by the session that they run in. */
import type { ConsoleEvent } from "../../policy/console.ts";
import { asPosternError } from "../../policy/errors.ts";
import { limitReached } from "../../policy/limits.ts";
import { consoleRunSchema, type ConsoleTargets } from "../contract.ts";
import { addressOf, bodyOf, type DashboardContext, type DashboardDeps, HttpRefusal } from "./http.ts";

export function consoleRoutes(deps: DashboardDeps) {
  const { access, console: client } = deps;
  const running = new Map<string, number>();

  const targetsOf = (c: DashboardContext) =>
    access.targets(c.get("viewer").identity).filter((one) => one.console && client.speaks(one.protocol));

  return {
    targets(c: DashboardContext): Response {
      const targets = targetsOf(c).map(({ name, environment, database }) => ({
        name,
        environment,
        database,
      }));
      const body: ConsoleTargets = { targets };
      return c.json(body);
    },

    async run(c: DashboardContext): Promise<Response> {
      const { target: name, text } = await bodyOf(c, consoleRunSchema);
      const { identity } = c.get("viewer");
      const target = targetsOf(c).find((one) => one.name === name);
      if (target === undefined) {
        throw new HttpRefusal(
          403,
          "Forbidden",
          `There is no target "${name}" that you may use from the dashboard`,
          "Use a client of your own, or ask whoever runs Postern for `console: true` on the target",
        );
      }
      const now = running.get(identity.name) ?? 0;
      if (now >= deps.limits.consoleStatements) {
        throw limitReached(
          "dashboard.limits.consoleStatements",
          `${now} of your statements run already (dashboard.limits.consoleStatements)`,
          "Cancel one",
        );
      }
      running.set(identity.name, now + 1);
      const { user, password } = await access.issuePassword(identity, name, addressOf(c));
      const cancel = new AbortController();
      const events = client.run({ target, user, password, text, signal: cancel.signal });
      let ended = false;
      const over = () => {
        if (ended) return;
        ended = true;
        const left = (running.get(identity.name) ?? 1) - 1;
        if (left > 0) running.set(identity.name, left);
        else running.delete(identity.name);
      };
      return c.body(streamed(events, () => cancel.abort(), over), 200, {
        "content-type": "application/jsonl; charset=utf-8",
        "x-accel-buffering": "no",
      });
    },
  };
}

/** A line for each event, pulled as the browser reads; a browser that goes away cancels. */
function streamed(
  events: AsyncIterable<ConsoleEvent>,
  cancel: () => void,
  over: () => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const it = events[Symbol.asyncIterator]();
  const line = (event: ConsoleEvent) => encoder.encode(`${JSON.stringify(event)}\n`);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await it.next();
        if (!next.done) return controller.enqueue(line(next.value));
      } catch (thrown) {
        const { code, message, hint = "", cause } = asPosternError(thrown);
        const detail = typeof cause === "string" ? cause : "";
        controller.enqueue(line({ kind: "error", code, message, detail, hint }));
      }
      over();
      controller.close();
    },
    cancel() {
      cancel();
      over();
      // It goes on until the answer to the cancel has come, and is thrown away.
      (async () => {
        while (!(await it.next()).done);
      })().catch(() => {});
    },
  });
}
