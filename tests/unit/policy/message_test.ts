/** What notifications say of each type of event, and what they never say. */
import assert from "node:assert/strict";
import { isNotified, messageOf } from "../../../policy/notify/message.ts";
import { mailOf, slackBlocks, teamsCard, webhookBody } from "../../../policy/notify/renderings.ts";
import type { AuditEvent, EventDraft } from "../../../policy/types.ts";
import { accessOfEach, alsoHappening, oneOfEach, run } from "../audit/samples.ts";

const url = "https://postern.example.test";

const event = (draft: EventDraft, i = 0): AuditEvent => ({
  ...draft,
  sequence: i + 1,
  at: 1_750_000_000_000,
  previous: "0".repeat(64),
  hash: String(i).padStart(64, "a"),
});

const all = [...oneOfEach(), ...accessOfEach(), ...alsoHappening()];

Deno.test("requests, decisions, access, break-glass and failing channels are told; statements that ran are not", () => {
  const told = new Map(
    all.map((draft, i) => [draft.type, messageOf(event(draft, i), { url, statements: false })]),
  );
  for (const [type, message] of told) assert.equal(message !== null, isNotified(type), type);
  assert.equal(told.get("statement.judged"), null);
  assert.equal(told.get("approval.requested")?.topic, "approvals");
  assert.equal(told.get("access.requested")?.topic, "access");
  assert.equal(told.get("access.requested")?.link, `${url}/access/grant-1`);
  assert.equal(told.get("delivery.failing")?.topic, "alerts");
  const glass = accessOfEach().find(({ type }) => type === "access.glass")!;
  const broken = messageOf(event({ ...glass, data: { ...glass.data, breakGlass: true } }), {
    url,
    statements: false,
  });
  assert.deepEqual([broken?.topic, broken?.urgent], ["break-glass", true]);
  assert.match(
    broken!.title,
    /^BREAK-GLASS: mia@example\.com has opened access to orders-prod for 60 minutes$/,
  );
});

Deno.test("no statement and no parameter is in any message, and only the text where a channel asks for it", () => {
  for (const [i, draft] of all.entries()) {
    for (const statements of [false, true]) {
      const message = messageOf(event(draft, i), { url, statements });
      if (message === null) continue;
      const shown = [slackBlocks(message), teamsCard(message), mailOf(message), webhookBody(message)];
      for (const form of shown.map((one) => JSON.stringify(one))) {
        assert.equal(form.includes("lower($1)"), statements && draft.type === "approval.requested");
        assert.ok(!form.includes('"parameters"'), "parameters are for the dashboard");
      }
      assert.ok(message.link.startsWith(`${url}/`));
    }
  }
  assert.ok(run.text.includes("lower($1)"));
});

Deno.test("names with markup, line breaks and turned letters stay one line of text in every form", () => {
  const odd = '<!channel> *x* [a](http://evil.test)\n\u202e"; \u0000'.repeat(30);
  const draft = oneOfEach().find(({ type }) => type === "approval.requested")!;
  const data = { ...draft.data, person: odd, rule: odd };
  const message = messageOf(event({ ...draft, person: odd, data }), { url, statements: true })!;
  assert.doesNotMatch(message.title, /[\p{Cc}\u202e]/u);
  assert.ok(message.facts.every(([, text]) => text.length <= 300 && !/[\p{Cc}\u202e]/u.test(text)));
  const slack = JSON.stringify(slackBlocks(message));
  assert.ok(!slack.includes('"text":"<!channel>') || slack.includes('"type":"plain_text"'));
  assert.match(
    JSON.stringify(slackBlocks(message)),
    /"text":"&lt;!channel&gt;/,
    "the fallback text is markup to Slack",
  );
  assert.match(JSON.stringify(teamsCard(message)), /\\\\\[a\\\\\]\\\\\(http/, "facts are Markdown to Teams");
  assert.doesNotMatch(mailOf(message).subject, /[\r\n]/);
});
