/** Notifications, each to a real receiver on this machine: webhook, Slack, Teams, e-mail. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { z } from "zod";
import { approvalDecided, approvalRequested } from "../../policy/audit/events.ts";
import { parseConfig } from "../../policy/config.ts";
import {
  type NotifyConfig,
  notifySchema,
  type StreamConfig,
  streamSchema,
} from "../../policy/notify/config.ts";
import { type RunningDeliveries, startDeliveries } from "../../policy/notify/mod.ts";
import type { EvidenceJournal } from "../../policy/ports.ts";
import type { ApprovalRequest } from "../../policy/types.ts";
import { request as sample } from "../unit/audit/samples.ts";
import { createAuthority } from "../support/certificates.ts";
import { smallEvent, withJournal } from "../support/journals.ts";
import { startHttpReceiver, startMailReceiver, until } from "../support/receivers.ts";

const url = "https://postern.example.test";
const retry = { firstMs: 20, mostMs: 200, pollMs: 200 };

/** What must be in no message, no log line, no event: planted in secrets, statements, parameters. */
const planted = {
  webhook: "whsec_cGxhbnRlZC13ZWJob29rLXNlY3JldA==",
  slackPath: "planted-slack-path",
  teamsPath: "planted-teams-path",
  password: "planted-smtp-password",
  value: "planted-masked-value",
};

const env: Record<string, string> = {};

const configSchema = z.strictObject({ notify: notifySchema, stream: streamSchema });

/** Sections as they stand in a config. */
function sections(text: string): { notify: NotifyConfig; stream: StreamConfig } {
  const parsed = parseConfig(text, configSchema, {
    file: "/nowhere/postern.yaml",
    env: (name) => env[name],
    readFile: () => "",
  });
  assert.ok(parsed.ok, parsed.ok ? "" : JSON.stringify(parsed.problems));
  return { notify: parsed.value.notify, stream: parsed.value.stream };
}

interface Setting {
  readonly journal: EvidenceJournal;
  readonly logged: string[];
  start(text: string): RunningDeliveries;
}

/** Runs on a fresh record; afterwards nothing planted may be in the log or in the events about deliveries. */
async function withDeliveries(body: (setting: Setting) => Promise<void>): Promise<void> {
  await withJournal(async (journal) => {
    const logged: string[] = [];
    const running: RunningDeliveries[] = [];
    const start = (text: string) => {
      const deliveries = startDeliveries({
        ...sections(text),
        url,
        file: "/nowhere/postern.yaml",
        journal,
        clock: Date.now,
        log: (level, message, fields) => logged.push(`${level} ${message} ${JSON.stringify(fields)}`),
        retry,
      });
      running.push(deliveries);
      return deliveries;
    };
    try {
      await body({ journal, logged, start });
    } finally {
      await Promise.all(running.map((one) => one.close()));
    }
    const states = JSON.stringify(running.map((one) => one.states()));
    const events = await journal.events({
      types: ["delivery.failing", "delivery.recovered", "delivery.dropped"],
    });
    const said = [logged.join("\n"), states, JSON.stringify(events)].join("\n");
    for (const secret of Object.values(planted)) {
      assert.ok(!said.includes(secret), `${secret} was logged or recorded`);
    }
  });
}

const asked = (id: string, parts: Partial<ApprovalRequest> = {}): ApprovalRequest => ({
  ...sample,
  id,
  text: `UPDATE customers SET ssn = '${planted.value}' WHERE id = $1`,
  parameters: [{ text: planted.value, type: "text", bytes: 20 }],
  tables: [{ schema: "public", name: "customers", access: "write" }],
  ...parts,
});

const recent = () => ({ requestedAt: Date.now(), deadlineAt: Date.now() + 900_000 });

Deno.test("a webhook is signed, says who, where and what, and nothing of the statement", () =>
  withDeliveries(async ({ journal, start }) => {
    const receiver = startHttpReceiver();
    env.SECRET = planted.webhook;
    try {
      await journal.append(smallEvent("so that there is a record"));
      const deliveries = start(
        `notify: { channels: { ops: { kind: webhook, url: "${receiver.url}", secret: { env: SECRET } } } }`,
      );
      await ready(deliveries);
      await journal.append(approvalRequested(asked("r-1", recent())));
      await until(() => receiver.taken.length === 1, "the request");
      const [{ headers, body }] = receiver.taken as [(typeof receiver.taken)[0]];
      const id = headers.get("webhook-id")!;
      const timestamp = headers.get("webhook-timestamp")!;
      const key = atob(planted.webhook.slice(6));
      const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
      assert.equal(headers.get("webhook-signature"), `v1,${signature}`);
      assert.ok(Math.abs(Date.now() / 1000 - Number(timestamp)) < 120);
      const message = JSON.parse(body);
      assert.equal(message.id, id);
      assert.match(message.title, /mia@example\.com asks for approval of UPDATE on orders-prod/);
      assert.equal(message.facts.Tables, "public.customers");
      assert.equal(message.facts.Rule, "writes-need-approval");
      assert.match(message.facts["Who decides"], /db-approvers/);
      assert.match(message.link, new RegExp(`^${url}/requests/r-1`));
      assert.ok(!body.includes(planted.value) && !body.includes("SET ssn"));
    } finally {
      await receiver.close();
    }
  }));

/** Waits until every channel has its place in the record. */
async function ready(deliveries: RunningDeliveries): Promise<void> {
  await until(
    () => deliveries.states().every((one) => one.state === "waiting" && one.sequence > 0),
    "all channels ready",
  );
}

Deno.test("Slack, Teams and e-mail show it in their own form, with a deep link", () =>
  withDeliveries(async ({ journal, start }) => {
    const authority = createAuthority();
    const certificate = authority.issue({ hosts: ["127.0.0.1"] });
    const slack = startHttpReceiver();
    const teams = startHttpReceiver();
    const mail = await startMailReceiver(certificate, { user: "postern", password: planted.password });
    env.SLACK = `${slack.url}/${planted.slackPath}`;
    env.TEAMS = `${teams.url}/${planted.teamsPath}`;
    env.SMTP = planted.password;
    env.CA = authority.certificate;
    try {
      await journal.append(smallEvent("so that there is a record"));
      const deliveries = start(`notify:
  channels:
    chat: { kind: slack, url: { env: SLACK } }
    shown: { kind: slack, url: { env: SLACK }, statements: true, targets: ["orders-*"] }
    elsewhere: { kind: slack, url: { env: SLACK }, targets: ["other-*"] }
    office: { kind: teams, url: { env: TEAMS } }
    mail: { kind: email, server: "127.0.0.1:${mail.port}", ca: { env: CA }, user: postern, password: { env: SMTP },
            from: "Postern <postern@example.test>", to: [dba@example.test, boss@example.test] }
`);
      await ready(deliveries);
      const masked = asked("r 2/ü", { text: "UPDATE customers SET ssn = '•••' -- <b> & ```", ...recent() });
      await journal.append(approvalRequested(masked));
      await journal.append(approvalDecided({
        ...masked,
        state: "denied",
        outcome: "refused by noor@example.com",
        reviews: [{ by: "noor@example.com", approve: false, reason: "not *today* <@here>", at: 1 }],
      }));
      await until(
        () => slack.taken.length === 4 && teams.taken.length === 2 && mail.mails.length === 2,
        "all of them",
      );
      const link = `${url}/requests/r%202%2F%C3%BC`;

      assert.ok(slack.taken.every(({ path }) => path.endsWith(planted.slackPath)));
      const bodies = slack.taken.map(({ body }) => JSON.parse(body));
      for (const body of bodies) {
        assert.equal(body.blocks.at(-1).elements[0].url, link);
        assert.ok(body.blocks[0].text.text.length <= 150);
        assert.ok(
          !JSON.stringify(body).includes("<@here>") ||
            body.blocks[1].fields.every(({ type }: { type: string }) => type === "plain_text"),
        );
      }
      const shown = bodies.filter((body) => JSON.stringify(body).includes("SET ssn"));
      assert.equal(shown.length, 1, "the statement only where the channel asks for it");
      assert.match(JSON.stringify(shown), /&lt;b&gt; &amp; '''/);

      const [card] = teams.taken.map(({ body }) => JSON.parse(body));
      assert.equal(card.attachments[0].contentType, "application/vnd.microsoft.card.adaptive");
      assert.equal(card.attachments[0].content.type, "AdaptiveCard");
      assert.equal(card.attachments[0].content.actions[0].url, link);

      const [first, second] = mail.mails.toSorted((a, b) => a.text.length - b.text.length).toReversed();
      assert.ok(first!.secure, "after STARTTLS");
      assert.equal(first!.user, "postern");
      assert.deepEqual(first!.to, ["dba@example.test", "boss@example.test"]);
      assert.match(first!.text, /Subject: \[Postern\] mia@example\.com asks for approval/);
      assert.match(unfolded(first!.text), /requests\/r%202%2F%C3%BC/);
      assert.match(unfolded(second!.text), /refused by noor/);
      assert.match(first!.text, /Message-ID: <evt_[0-9a-f]{32}@example\.test>/i);
      for (const { body } of [...slack.all, ...teams.all]) assert.ok(!body.includes(planted.value));
      for (const { text } of mail.mails) assert.ok(!text.includes(planted.value));
    } finally {
      await Promise.all([slack.close(), teams.close(), mail.close()]);
    }
  }));

/** Quoted-printable as far as lines go. */
const unfolded = (text: string) => text.replace(/=\r?\n/g, "").replaceAll("=3D", "=");

Deno.test("a channel that fails is retried with growing pauses, said to fail, and holds up no other", () =>
  withDeliveries(async ({ journal, start, logged }) => {
    const failing = startHttpReceiver((n) => n < 6 ? [500, 429, 503, 500, 302, 500][n]! : 200);
    const silent = startHttpReceiver((n) => n === 0 ? null : 200);
    const good = startHttpReceiver();
    env.SECRET = planted.webhook;
    try {
      await journal.append(smallEvent("so that there is a record"));
      const deliveries = start(`notify:
  channels:
    failing: { kind: webhook, url: "${failing.url}", secret: { env: SECRET }, for: [approvals] }
    silent: { kind: webhook, url: "${silent.url}", timeout: 1s, for: [approvals] }
    refused: { kind: webhook, url: "http://127.0.0.1:1/${planted.slackPath}", for: [approvals] }
    good: { kind: webhook, url: "${good.url}" }
`);
      await ready(deliveries);
      for (let i = 0; i < 5; i++) await journal.append(approvalRequested(asked(`r-${i}`, recent())));
      await until(
        () => failing.taken.length === 5 && silent.taken.length === 5,
        "the ones that failed first",
      );
      await until(
        () => good.taken.length >= 5 + 3,
        "and word of the channels that fail, to the one that works",
      );
      const ids = (taken: typeof good.taken) => taken.map(({ headers }) => headers.get("webhook-id"));
      assert.deepEqual(ids(failing.taken), ids(good.taken).slice(0, 5), "the same ids, in the same order");
      assert.equal(new Set(ids(failing.all)).size, 5, "an id is the same at each try");
      const state = (name: string) => deliveries.states().find((one) => one.name === name)!;
      await until(() => state("failing").state === "waiting", "the channel to work again");
      assert.equal(state("failing").delivered, 5);
      assert.equal(state("refused").state, "failing");
      assert.equal(state("refused").reason, "it refused the connection");
      const types = (await journal.events({ types: ["delivery.failing", "delivery.recovered"] }))
        .map(({ type, data }) => `${type} ${data.channel}`);
      assert.ok(types.includes("delivery.failing failing") && types.includes("delivery.recovered failing"));
      assert.equal(types.filter((one) => one === "delivery.failing refused").length, 1, "said once");
      assert.ok(logged.some((line) => line.includes("a channel fails")));
    } finally {
      await Promise.all([failing.close(), silent.close(), good.close()]);
    }
  }));

Deno.test("a message that is refused for good is given up, and one that is too old", () =>
  withDeliveries(async ({ journal, start }) => {
    const picky = startHttpReceiver((_, { body }) => body.includes("r-bad") ? 400 : 200);
    try {
      await journal.append(smallEvent("so that there is a record"));
      const text =
        `notify: { channels: { picky: { kind: webhook, url: "${picky.url}", for: [approvals], giveUpAfter: 1m } } }`;
      const deliveries = start(text);
      await ready(deliveries);
      await journal.append(approvalRequested(asked("r-bad", recent())));
      await journal.append(approvalRequested(asked("r-good", recent())));
      await until(() => picky.taken.length === 1, "the one after the bad one");
      assert.match(picky.taken[0]!.body, /r-good/);
      assert.equal(picky.all.length, 4, "three tries of the bad one");
      await deliveries.close();
      assert.equal(deliveries.states()[0]!.dropped, 1);
      const dropped = await journal.events({ types: ["delivery.dropped"] });
      assert.deepEqual(dropped.map(({ data }) => data.reason), ["it answered with status 400"]);
    } finally {
      await picky.close();
    }
  }));

Deno.test("metadata addresses are refused whatever name leads there, and redirects are not followed", () =>
  withDeliveries(async ({ journal, start }) => {
    const { destinationOf } = await import("../../policy/notify/guarded_address.ts");
    for (
      const host of ["169.254.169.254", "[fe80::1]", "::ffff:169.254.169.254", "[fd00:ec2::254]", "0.0.0.0"]
    ) {
      await assert.rejects(destinationOf(host, []), /metadata/, host);
    }
    assert.equal((await destinationOf("169.254.1.1", ["169.254.1.1"])).address, "169.254.1.1");
    assert.equal((await destinationOf("localhost", [])).tls.servername, "localhost");
    await journal.append(smallEvent("so that there is a record"));
    const deliveries = start(`notify:
  channels: { inner: { kind: webhook, url: "https://169.254.169.254/latest/meta-data", for: [approvals] } }`);
    await ready(deliveries);
    await journal.append(approvalRequested(asked("r", recent())));
    await until(() => deliveries.states()[0]!.dropped === 1, "it is given up");
    assert.match(deliveries.states()[0]!.reason, /metadata/);
  }));

Deno.test("e-mail without STARTTLS, with a certificate of nobody, or a wrong password, sends nothing", () =>
  withDeliveries(async ({ journal, start }) => {
    const authority = createAuthority();
    const certificate = authority.issue({ hosts: ["127.0.0.1"] });
    const account = { user: "postern", password: "another" };
    const plain = await startMailReceiver(certificate, account, { starttls: false });
    const secure = await startMailReceiver(certificate, account);
    secure.refuse = 1;
    env.SMTP = planted.password;
    env.RIGHT = account.password;
    env.CA = authority.certificate;
    const mail = (server: number, more: string) =>
      `{ kind: email, server: "127.0.0.1:${server}", from: p@example.test, to: [dba@example.test], user: postern, ${more} }`;
    try {
      await journal.append(smallEvent("so that there is a record"));
      const deliveries = start(`notify:
  channels:
    plain: ${mail(plain.port, "ca: { env: CA }, password: { env: SMTP }, for: [approvals]")}
    stranger: ${mail(secure.port, "password: { env: SMTP }, for: [approvals]")}
    wrong: ${mail(secure.port, "ca: { env: CA }, password: { env: SMTP }, for: [approvals]")}
    right: ${mail(secure.port, "ca: { env: CA }, password: { env: RIGHT }, for: [approvals]")}
`);
      await ready(deliveries);
      await journal.append(approvalRequested(asked("r", recent())));
      await until(
        () => secure.mails.length === 1,
        "the right one, after a temporary refusal",
        () => deliveries.states(),
      );
      await until(() => deliveries.states().filter(({ failures }) => failures > 0).length >= 3, "failures");
      const reasons = Object.fromEntries(deliveries.states().map(({ name, reason }) => [name, reason]));
      assert.match(reasons.plain!, /no STARTTLS/);
      assert.match(reasons.stranger!, /certificate|TLS/);
      assert.match(reasons.wrong!, /refused the user or password/);
      assert.equal(plain.mails.length, 0);
    } finally {
      await Promise.all([plain.close(), secure.close()]);
    }
  }));
