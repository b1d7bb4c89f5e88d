/** Streaming the record to a collector: at least once, whatever is cut, refused or stopped on the way. */
import assert from "node:assert/strict";
import { z } from "zod";
import { parseConfig } from "../../policy/config.ts";
import { streamSchema } from "../../policy/notify/config.ts";
import { type RunningDeliveries, startDeliveries } from "../../policy/notify/mod.ts";
import type { EvidenceJournal } from "../../policy/ports.ts";
import type { AuditEvent } from "../../policy/types.ts";
import { openJournal } from "../../policy/store/journal.ts";
import { createAuthority } from "../support/certificates.ts";
import { smallEvent, withJournal } from "../support/journals.ts";
import { postgresqlHere, startPostgresql } from "../support/postgresql.ts";
import { testNeeding } from "../support/programs.ts";
import { startHttpReceiver, startSyslogReceiver, until } from "../support/receivers.ts";
import { oneOfEach } from "../unit/audit/samples.ts";
import { signedHeaders } from "../../policy/notify/webhooks.ts";
import { Secret } from "../../policy/config_values.ts";

const configSchema = z.strictObject({ stream: streamSchema });
const env: Record<string, string> = {};

function startStream(journal: EvidenceJournal, text: string, folder = "/nowhere"): RunningDeliveries {
  const parsed = parseConfig(text, configSchema, {
    file: `${folder}/postern.yaml`,
    env: (name) => env[name],
    readFile: () => "",
  });
  assert.ok(parsed.ok, parsed.ok ? "" : JSON.stringify(parsed.problems));
  return startDeliveries({
    notify: { channels: {}, allowAddresses: [] },
    stream: parsed.value.stream,
    url: "https://postern.example.test",
    file: `${folder}/postern.yaml`,
    journal,
    clock: Date.now,
    log: () => {},
    retry: { firstMs: 20, mostMs: 200, pollMs: 100, leaseMs: 3000 },
  });
}

const fill = async (journal: EvidenceJournal, count: number): Promise<AuditEvent[]> =>
  await Promise.all(Array.from({ length: count }, (_, i) => journal.append(smallEvent(`event ${i}`))));

/** All of them arrived, in order but for those that came twice. */
function assertAll(arrived: readonly AuditEvent[], sent: readonly AuditEvent[]): void {
  const hashes = new Set(arrived.map(({ hash }) => hash));
  const missing = sent.filter(({ hash }) => !hashes.has(hash)).map(({ sequence }) => sequence);
  assert.deepEqual(missing, [], "nothing is lost");
  const once = [...new Map(arrived.map((event) => [event.sequence, event])).keys()];
  assert.deepEqual(once, once.toSorted((a, b) => a - b), "in order");
}

const eventsOf = (body: string): AuditEvent[] => JSON.parse(body).events;

Deno.test("a webhook gets every event in batches, signed, also those of while it was down, and over a restart", () =>
  withJournal(async (journal) => {
    let down = false;
    const receiver = startHttpReceiver((n) => down || n % 3 === 1 ? 503 : 200);
    env.SECRET = "a secret of some length";
    const text =
      `stream: { siem: { kind: webhook, url: "${receiver.url}", secret: { env: SECRET }, batch: 7, from: beginning } }`;
    try {
      const arrived = () => receiver.taken.flatMap(({ body }) => eventsOf(body));
      const sent = await fill(journal, 40);
      let stream = startStream(journal, text);
      sent.push(...await fill(journal, 60));
      await until(() => arrived().length > 20, "the first batches");
      await stream.close();
      sent.push(...await fill(journal, 30));
      down = true;
      stream = startStream(journal, text);
      await until(() => stream.states()[0]!.state === "failing", "the failure to be seen");
      sent.push(...await fill(journal, 30));
      down = false;
      await until(() => arrived().some(({ sequence }) => sequence === sent.at(-1)!.sequence), "the last");
      await stream.close();
      assertAll(arrived(), sent);
      const { headers, body } = receiver.taken[0]!;
      const [id, timestamp] = ["webhook-id", "webhook-timestamp"].map((name) => headers.get(name)!);
      const expected = signedHeaders(new Secret(env.SECRET), id!, Number(timestamp) * 1000, body);
      assert.equal(headers.get("webhook-signature"), expected["webhook-signature"]);
      assert.ok(eventsOf(body).length <= 7);
    } finally {
      await receiver.close();
    }
  }));

/** RFC 5424: priority, version, time, host, program, process, type, one structured element, and JSON. */
const rfc5424 =
  /^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([\x21-\x7e]+) postern (\d+) ([\x21-\x7e]{1,32}) \[postern@32473 ((?:[^\]\\]|\\.)*)\] (\{.*\})$/s;

Deno.test("syslog over TCP: every message well formed, and a collector that dies unread loses nothing", () =>
  withJournal(async (journal) => {
    const first = await startSyslogReceiver();
    const { port } = first;
    const text =
      `stream: { siem: { kind: syslog, server: "127.0.0.1:${port}", tls: false, from: beginning, messageSize: 4KB } }`;
    const odd = { ...smallEvent("x".repeat(20_000)), person: 'a "quoted]\\ \n name \u00e9' };
    const sent = await Promise.all([...oneOfEach(), odd].map((draft) => journal.append(draft)));
    const stream = startStream(journal, text);
    let second: typeof first | undefined;
    try {
      await until(() => first.messages.length === sent.length, "the first messages");
      // It stops reading, takes what comes, and dies with it.
      first.pause();
      sent.push(...await fill(journal, 50));
      await until(() => stream.states()[0]!.delivered === sent.length, "them to be sent");
      first.cut();
      await first.close();
      sent.push(...await fill(journal, 20));
      second = await startSyslogReceiver(undefined, port);
      const all = () => [...first.messages, ...second!.messages];
      await until(
        () => new Set(all().map((one) => JSON.parse(rfc5424.exec(one)![7]!).sequence)).size === sent.length,
        "all",
      );
      const events = all().map((message) => JSON.parse(rfc5424.exec(message)![7]!));
      const whole = events.filter(({ cut }) => cut !== true);
      assertAll(whole, sent.filter(({ data }) => JSON.stringify(data).length < 4000));
      for (const message of all()) {
        assert.ok(new TextEncoder().encode(message).length <= 4096);
        const [, priority] = rfc5424.exec(message)!;
        assert.equal(Number(priority) >> 3, 13);
      }
      const [escaped] = all().filter((message) => message.includes("quoted"));
      assert.match(escaped!, /person="a \\"quoted\\\]\\\\ {3}name \u00e9"/);
      assert.equal(
        events.filter(({ cut }) => cut === true).length > 0,
        true,
        "the long one is cut, and says so",
      );
    } finally {
      await stream.close();
      await second?.close();
    }
  }));

Deno.test("syslog over TLS goes to a collector with the right certificate only; a stop loses nothing", () =>
  withJournal(async (journal) => {
    const authority = createAuthority();
    const receiver = await startSyslogReceiver(authority.issue({ hosts: ["127.0.0.1"] }));
    const impostor = await startSyslogReceiver(createAuthority().issue({ hosts: ["127.0.0.1"] }));
    env.CA = authority.certificate;
    const sent = await fill(journal, 20);
    const text = `stream:
  siem: { kind: syslog, server: "127.0.0.1:${receiver.port}", tls: { ca: { env: CA } }, from: beginning }
  other: { kind: syslog, server: "127.0.0.1:${impostor.port}", tls: { ca: { env: CA } }, from: beginning }
`;
    let stream = startStream(journal, text);
    try {
      await until(() => receiver.messages.length >= 20, "the messages");
      await until(
        () => stream.states().some(({ state }) => state === "failing"),
        "the impostor to be refused",
      );
      assert.equal(impostor.messages.length, 0);
      assert.match(stream.states().find(({ name }) => name === "other")!.reason, /certificate/);
      await stream.close();
      const reached = stream.states().find(({ name }) => name === "siem")!.sequence;
      assert.ok(reached >= 20, "closing waits until the collector has read it");
      sent.push(...await fill(journal, 20));
      stream = startStream(journal, text);
      const sequences = () =>
        new Set(receiver.messages.map((one) => JSON.parse(rfc5424.exec(one)![7]!).sequence));
      await until(() => sent.every(({ sequence }) => sequences().has(sequence)), "all of them");
    } finally {
      await stream.close();
      await Promise.all([receiver.close(), impostor.close()]);
    }
  }));

Deno.test("a file of JSON Lines is rotated by size, goes on after a half-written line, and holds everything", () =>
  withJournal(async (journal) => {
    const folder = await Deno.makeTempDir({ prefix: "postern-stream-" });
    const text =
      "stream: { log: { kind: file, path: out/audit.jsonl, from: beginning, rotate: { size: 4KB, keep: 20 } } }";
    try {
      const sent = await fill(journal, 30);
      let stream = startStream(journal, text, folder);
      await until(() => stream.states()[0]!.state === "failing", "the missing folder to be seen");
      assert.equal(stream.states()[0]!.reason, "its folder does not exist");
      await Deno.mkdir(`${folder}/out`);
      await until(() => stream.states()[0]!.delivered >= 30, "the events");
      await stream.close();
      await Deno.writeTextFile(`${folder}/out/audit.jsonl`, '{"half":', { append: true });
      sent.push(...await fill(journal, 30));
      stream = startStream(journal, text, folder);
      const last = sent.at(-1)!.sequence;
      await until(() => stream.states()[0]!.sequence >= last, "the rest");
      await stream.close();
      const names = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name)
        .sort((a, b) => Number(b.split(".")[2] ?? 0) - Number(a.split(".")[2] ?? 0));
      assert.ok(names.length > 3, names.join());
      const lines = names.flatMap((name) => Deno.readTextFileSync(`${folder}/out/${name}`).split("\n"));
      for (const name of names) assert.ok(Deno.statSync(`${folder}/out/${name}`).size <= 4096);
      assertAll(lines.filter((line) => line.endsWith("}")).map((line) => JSON.parse(line)), sent);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }));

testNeeding(
  [postgresqlHere],
  "of two nodes on one PostgreSQL one delivers, and the other takes over",
  async () => {
    const database = await startPostgresql();
    const receiver = startHttpReceiver();
    const root = await Deno.makeTempDir({ prefix: "postern-stream-" });
    try {
      const { user, password, host, port, database: name } = database;
      const url = `postgres://${user}:${password}@${host}:${port}/${name}`;
      const text = `stream: { siem: { kind: webhook, url: "${receiver.url}", from: beginning } }`;
      const [a, b] = await Promise.all(
        ["a", "b"].map((node) => openJournal({ folder: `${root}/${node}`, url })),
      );
      try {
        const sent = await fill(a!, 10);
        const one = startStream(a!, text);
        await until(() => one.states()[0]!.delivered === 10, "the first node's deliveries");
        const two = startStream(b!, text);
        await until(() => two.states()[0]!.state === "elsewhere", "the second to stand by");
        await one.close();
        sent.push(...await fill(b!, 5));
        await until(() => two.states()[0]!.delivered === 5, "the second node's deliveries");
        await two.close();
        const arrived = receiver.taken.flatMap(({ body }) => eventsOf(body));
        assertAll(arrived, sent);
        assert.equal(arrived.length, sent.length, "none twice");
      } finally {
        await Promise.all([a!.close(), b!.close()]);
      }
    } finally {
      await receiver.close();
      await database.close();
      await Deno.remove(root, { recursive: true });
    }
  },
);
