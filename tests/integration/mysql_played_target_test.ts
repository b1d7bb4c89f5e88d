/** Targets that no test can make a real one be: hostile, old, broken, slow; and plugins that Debian's do not have. */
import assert from "node:assert/strict";
import { constants, generateKeyPairSync, privateDecrypt } from "node:crypto";
import { Buffer } from "node:buffer";
import { Capability as C, Command } from "../../proxy/mysql/constants.ts";
import { encodePacket } from "../../proxy/mysql/packets.ts";
import { encodeAuthSwitch } from "../../proxy/mysql/login.ts";
import { KeepAlive } from "../../proxy/mysql/keep_alive.ts";
import { connectTarget, ownOptions } from "../../proxy/mysql/target_link.ts";
import { createMysql } from "../../proxy/mysql/mod.ts";
import { ed25519Proof } from "../../proxy/mysql/ed25519.ts";
import { offered } from "../../proxy/mysql/capabilities.ts";
import type { Channel } from "../../proxy/mysql/channel.ts";
import { devin, type FakeGate, type GateOptions, startGate, targetOf } from "../support/mysql_gate.ts";
import { answerOf, definition, error, ok, packets, textRow } from "../support/mysql_answers.ts";
import { type PlayedTarget, playTarget, type TargetScript } from "../support/mysql_target.ts";
import { errorOf, WireClient } from "../support/mysql_wire.ts";

const scramble = Buffer.from("dvH@I-CJ*4d|cZwk4^]:");

async function withTarget(
  script: TargetScript,
  body: (gate: FakeGate, target: PlayedTarget) => Promise<void>,
  options: Partial<GateOptions> = {},
): Promise<void> {
  const target = await playTarget(script);
  const sentence = () => ({ verdict: "allow" as const });
  const gate = await startGate({ target: targetOf(target), sentence, ...options });
  try {
    await body(gate, target);
  } finally {
    await gate.close();
    await target.close();
  }
}

async function connect(gate: FakeGate): Promise<WireClient> {
  const { user, password } = gate.passwords.issue(devin, "orders-prod");
  return await WireClient.connect({ port: gate.port, user, password, database: "orders-prod" });
}

/** Runs one query of Postern's own against a target with this sign-in. */
async function signsIn(script: TargetScript): Promise<PlayedTarget> {
  const target = await playTarget(script);
  try {
    await createMysql().query(targetOf(target), "app", "DO 1");
    return target;
  } finally {
    await target.close();
  }
}

const next = async (channel: Channel, sequence: number) => {
  channel.reader.expect(sequence);
  return (await channel.packet(100_000, "an answer")).payload;
};

Deno.test("sha256_password without TLS: the target's key is asked for, and the password sealed by it", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  let opened = "";
  await signsIn({
    authenticate: async (channel) => {
      await channel.write(encodePacket(2, encodeAuthSwitch("sha256_password", scramble)));
      assert.deepEqual([...await next(channel, 3)], [1]);
      const pem = String(publicKey.export({ type: "spki", format: "pem" }));
      await channel.write(encodePacket(4, Buffer.concat([Buffer.from([1]), Buffer.from(pem)])));
      const key = { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING };
      const sealed = privateDecrypt(key, await next(channel, 5));
      opened = Buffer.from(sealed.map((byte, index) => byte ^ scramble[index % 20]!)).toString();
      await channel.write(encodePacket(6, ok({ status: 2 })));
    },
  });
  assert.equal(opened, "target-secret\0");
});

Deno.test("client_ed25519 on request, for the scramble of that request", async () => {
  const long = Buffer.from("another scramble of 32 bytes....");
  await signsIn({
    authenticate: async (channel) => {
      await channel.write(encodePacket(2, encodeAuthSwitch("client_ed25519", long)));
      assert.deepEqual(Buffer.from(await next(channel, 3)), ed25519Proof("target-secret", long));
      await channel.write(encodePacket(4, ok({ status: 2 })));
    },
  });
});

Deno.test("a target that asks for the password readable, by an old hash, or for ever, does not get it", async () => {
  const asks = (plugin: string) => async (channel: Channel) => {
    await channel.write(encodePacket(2, encodeAuthSwitch(plugin, scramble)));
    await next(channel, 3).catch(() => {});
  };
  const hostile: [string, TargetScript, RegExp][] = [
    ["clear", { authenticate: asks("mysql_clear_password") }, /clear text, and the connection has no TLS/],
    ["dialog", { authenticate: asks("dialog") }, /plugin dialog, which Postern lacks/],
    [
      "old",
      { authenticate: (channel) => channel.write(encodePacket(2, Buffer.from([0xfe]))) },
      /mysql_old_password/,
    ],
    [
      "data",
      { authenticate: (channel) => channel.write(encodePacket(2, Buffer.from([1, 9]))) },
      /no use for/,
    ],
    [
      "clear in the greeting",
      { plugin: "mysql_clear_password", authenticate: asks("mysql_clear_password") },
      /no TLS/,
    ],
    ["for ever", {
      authenticate: async (channel) => {
        for (let number = 2; number < 40; number += 2) {
          await channel.write(encodePacket(number, encodeAuthSwitch("mysql_native_password", scramble)));
          await next(channel, number + 1);
        }
      },
    }, /does not come to an end/],
  ];
  for (const [name, script, why] of hostile) {
    const target = await playTarget(script);
    const failed = await createMysql().query(targetOf(target), "app", "DO 1").catch((thrown) => thrown);
    assert.equal(failed.code, "TargetUnavailable", name);
    assert.match(String(failed.cause), why);
    for (const { response } of target.logins) assert.ok(!Buffer.from(response).includes("target-secret"));
    await target.close();
  }
});

Deno.test("no TLS where it must be, versions too old, errors and nonsense in place of a greeting", async () => {
  const cases: [TargetScript, RegExp][] = [
    [{ capabilities: offered(false) & ~C.sessionTrack }, /too old.*SESSION_TRACK/],
    [{ firstBytes: packets(0, Buffer.from("\xff\x10\x04Too many connections", "latin1")) }, /error 1040/],
    [{ firstBytes: Buffer.from("SSH-2.0-OpenSSH_9.2\r\n") }, /more than 4096 bytes|out of order/],
    [{ firstBytes: packets(0, Buffer.from("\x0a8.0\0abc", "latin1")) }, /a greeting that ends too early/],
  ];
  for (const [script, why] of cases) {
    const target = await playTarget(script);
    await assert.rejects(createMysql().query(targetOf(target), "app", "DO 1"), why);
    await target.close();
  }
  const target = await playTarget();
  const strict = targetOf(target, { tls: { mode: "require" } });
  await assert.rejects(createMysql().query(strict, "app", "DO 1"), /does not offer TLS/);
  assert.equal(target.logins.length, 0, "nothing was sent before");
  await target.close();
});

Deno.test("a target that asks for a file gets nothing, the client an error, and both stay in step", () =>
  withTarget({
    answer: async (payload, _login, channel) => {
      if (payload[0] === Command.query) {
        await channel.write(packets(1, Buffer.from("\xfb/etc/passwd", "latin1")));
        assert.equal((await next(channel, 2)).length, 0);
        return packets(3, ok({ status: 2 }));
      }
      return packets(1, ok({ status: 2 }));
    },
  }, async (gate) => {
    const client = await connect(gate);
    const refused = await client.refused(Command.query, "LOAD DATA LOCAL INFILE 'x' INTO TABLE t");
    assert.match(refused.message, /asked for a file of the client's.*no local files/);
    assert.equal((await client.ask(Command.ping))[0], 0);
    client.close();
  }));

Deno.test("a target that breaks the protocol in a result ends the connection, and is recorded", () =>
  withTarget({
    answer: (payload, { capabilities }) =>
      payload[0] === Command.query
        ? Buffer.concat([
          packets(1, ...answerOf([definition("a", 253)], [textRow("x")], capabilities, 2).slice(0, 2)),
          packets(9, textRow("y")),
        ])
        : packets(1, ok({ status: 2 })),
  }, async (gate) => {
    const client = await connect(gate);
    const answer = await client.query("SELECT 1");
    assert.match(
      errorOf(answer.at(-1)!).message,
      /the target broke the protocol: packet number 9 where 3 must come/,
    );
    await client.channel.more();
    assert.ok(client.channel.ended);
    assert.equal(gate.outcomes.get("s1-1")?.error?.code, "1429");
  }));

Deno.test("a target that closes inside a packet closes the client too: no error fits inside a row", () =>
  withTarget({
    answer: async (_payload, { capabilities }, channel) => {
      const whole = packets(
        1,
        ...answerOf([definition("a", 253)], [textRow("x".repeat(1000))], capabilities, 2),
      );
      await channel.write(whole.subarray(0, -100));
      channel.stream.end();
      return new Promise<null>((resolve) => setTimeout(() => resolve(null), 50));
    },
  }, async (gate) => {
    const client = await connect(gate);
    await assert.rejects(client.query("SELECT 1"), /closed the connection/);
    assert.equal(gate.outcomes.get("s1-1")?.error?.code, "1429");
  }));

Deno.test("an error with a masked value in a tainted statement is replaced in the client and in the record", () =>
  withTarget({
    answer: () => packets(1, error(1292, "22007", "Truncated incorrect DOUBLE value: '078-05-1120'")),
  }, async (gate) => {
    const client = await connect(gate);
    const refused = await client.refused(Command.query, "SELECT 1");
    assert.equal(refused.code, 1292);
    assert.doesNotMatch(refused.message + gate.outcomes.get("s1-1")!.error!.message, /078/);
    client.close();
  }, { sentence: () => ({ tainted: true }) }));

Deno.test("a client that does not read stops the target, and both go on when it does", async () => {
  const row = textRow("x".repeat(60_000));
  let sent = 0;
  await withTarget({
    answer: async (_payload, { capabilities }, channel) => {
      const [head, ...rest] = answerOf([definition("a", 253)], [], capabilities, 2);
      await channel.write(packets(1, head!, ...rest.slice(0, -1)));
      for (let number = 3; sent < 1000; number++) {
        await channel.write(encodePacket(number, row));
        sent++;
      }
      return encodePacket(3 + 1000, rest.at(-1)!);
    },
  }, async (gate) => {
    const client = await connect(gate);
    client.channel.stream.pause();
    await client.send(Command.query, "SELECT 1");
    // The kernel's buffers hold some megabytes; after that nothing moves.
    let before = -1;
    while (sent !== before) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    assert.ok(sent < 900, `${sent} of 1000 rows were sent to a client that reads none`);
    client.channel.stream.resume();
    const answer = await client.result();
    assert.equal(answer.length, 1 + 1 + 1000 + 1);
    client.close();
  });
});

Deno.test("while a statement is held the target is kept awake, and its answers stay apart from the statement's", async () => {
  const pings: number[] = [];
  const target = await playTarget({
    answer: async (payload) => {
      if (payload[0] !== Command.ping) return packets(1, ok({ status: 2, affected: 5 }));
      pings.push(pings.length);
      await new Promise((resolve) => setTimeout(resolve, 20));
      return packets(1, ok({ status: 2 }));
    },
  });
  const link = await connectTarget(targetOf(target), "app", ownOptions(5_000, "test"));
  let failed: unknown = null;
  const alive = new KeepAlive(link.channel, 5, (error) => failed = error);
  while (pings.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  await alive.stop();
  await link.channel.write(encodePacket(0, Buffer.from("\x03UPDATE t")));
  link.channel.reader.expect(1);
  const { payload } = await link.channel.packet(1_000, "an answer");
  assert.deepEqual([payload[0], payload[1]], [0, 5]);
  const broken = new KeepAlive(link.channel, 5, (error) => failed = error);
  await target.close();
  while (failed === null) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.match(String(failed), /the target closed the connection/);
  await broken.stop();
  link.channel.close();
});
