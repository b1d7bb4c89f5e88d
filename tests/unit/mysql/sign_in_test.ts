import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, privateDecrypt, sign } from "node:crypto";
import { Buffer } from "node:buffer";
import { has, offered, towardsTarget } from "../../../proxy/mysql/capabilities.ts";
import { Capability as C, Extended } from "../../../proxy/mysql/constants.ts";
import { ed25519Proof } from "../../../proxy/mysql/ed25519.ts";
import {
  decodeGreeting,
  encodeGreeting,
  type Greeting,
  printableScramble,
} from "../../../proxy/mysql/greeting.ts";
import {
  decodeAuthSwitch,
  decodeLogin,
  encodeAuthSwitch,
  encodeLogin,
  isSslRequest,
} from "../../../proxy/mysql/login.ts";
import { nameTarget } from "../../../proxy/mysql/naming.ts";
import {
  nativeProof,
  nativeProofHolds,
  rsaSealed,
  sha2Proof,
  sha2ProofHolds,
} from "../../../proxy/mysql/proofs.ts";
import type { Target } from "../../../policy/types.ts";
import { verifiersOf } from "../../../policy/identity/verifiers.ts";
import { Versions } from "../../../proxy/mysql/versions.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));

Deno.test("a greeting of MySQL 5.7, from the manual, and one of Postern's own", () => {
  const bytes = hex(
    `0a 35 2e 37 2e 32 2d 6d 31 32 00 0b 00 00 00 64 76 48 40 49 2d 43 4a 00 ff f7 08 02 00 0f 80 15
    00 00 00 00 00 00 00 00 00 00 2a 34 64 7c 63 5a 77 6b 34 5e 5d 3a 00
    6d 79 73 71 6c 5f 6e 61 74 69 76 65 5f 70 61 73 73 77 6f 72 64 00`,
  );
  const greeting = decodeGreeting(bytes);
  assert.equal(greeting.version, "5.7.2-m12");
  assert.equal(greeting.threadId, 11);
  assert.equal(Buffer.from(greeting.scramble).toString("latin1"), "dvH@I-CJ*4d|cZwk4^]:");
  assert.equal(greeting.plugin, "mysql_native_password");
  assert.equal(greeting.mariadb, false);
  const scramble = printableScramble();
  const own = {
    version: "5.5.5-10.11.1-MariaDB",
    threadId: 2 ** 32 - 1,
    scramble,
    capabilities: offered(true),
    collation: 45,
    status: 2,
    plugin: "caching_sha2_password",
    extended: 0,
  };
  assert.deepEqual(decodeGreeting(encodeGreeting(own)), {
    ...own,
    version: "10.11.1-MariaDB",
    mariadb: true,
  });
  for (let end = 0; end < bytes.length - 22; end++) {
    assert.throws(() => decodeGreeting(bytes.subarray(0, end)));
  }
});

Deno.test("scrambles are printable: clients read them as text", () => {
  const seen = new Set<number>();
  for (let count = 0; count < 2000; count++) {
    const scramble = printableScramble();
    assert.equal(scramble.length, 20);
    for (const byte of scramble) seen.add(byte);
  }
  assert.equal(Math.min(...seen), 0x21);
  assert.equal(Math.max(...seen), 0x7e);
  assert.equal(seen.size, 94);
});

Deno.test("a target that refuses, or is too old, is told apart from a broken one", () => {
  const refused = Buffer.concat([hex("ff 10 04"), Buffer.from("Too many connections")]);
  assert.throws(() => decodeGreeting(refused), { code: "TargetUnavailable", message: /error 1040/ });
  assert.throws(() => decodeGreeting(hex("09 35 00")), { code: "ProtocolViolation" });
});

Deno.test("a sign-in packet is read by what was offered, not by what the client claims", () => {
  const login = {
    capabilities: offered(true) | C.localFiles,
    extended: 0,
    collation: 45,
    user: "devin",
    response: hex("01 02 03"),
    database: "orders-prod",
    plugin: "mysql_native_password",
    attributes: new Map([["program_name", "mysql"], ["_pid", "1"]]),
  };
  const bytes = encodeLogin(login);
  const decoded = decodeLogin(bytes, offered(false));
  assert.equal(decoded.user, "devin");
  assert.equal(decoded.database, "orders-prod");
  assert.deepEqual([...decoded.attributes], [...login.attributes]);
  assert.ok(!has(decoded.capabilities, C.localFiles | C.ssl));
  // MariaDB's are read where bit 0 is not set, and where they were offered.
  const extended = encodeLogin({ ...login, extended: Extended.bulk | 1 << 4 });
  assert.equal(
    decodeLogin(extended, offered(false), Extended.bulk | Extended.progress).extended,
    Extended.bulk,
  );
  assert.equal(decodeLogin(extended, offered(false)).extended, 0);
  extended[0] = extended[0]! | C.longPassword;
  assert.equal(decodeLogin(extended, offered(false), Extended.bulk).extended, 0);
  const ends = new Set<string>();
  for (let end = 0; end < bytes.length; end++) {
    try {
      ends.add(JSON.stringify(decodeLogin(bytes.subarray(0, end), offered(false)).user));
    } catch (error) {
      assert.equal((error as { code: string }).code, "ProtocolViolation");
    }
  }
  assert.deepEqual([...ends], ['"devin"']);
  assert.throws(() => decodeLogin(hex("05 00 00 00 40 64 00"), offered(false)), /before version 4\.1/);
  assert.ok(isSslRequest(Buffer.concat([hex("00 08 00 00"), Buffer.alloc(28)])));
  assert.ok(!isSslRequest(Buffer.alloc(32)));
});

Deno.test("capabilities: a target is asked for what the client has, and for what Postern needs", () => {
  const client = C.protocol41 | C.secureConnection | C.pluginAuth | C.deprecateEof | C.multiResults;
  const modern = offered(true);
  const asked = towardsTarget(modern, client);
  assert.ok(has(asked, C.deprecateEof) && has(asked, C.sessionTrack) && !has(asked, C.multiStatements));
  assert.ok(!has(asked, C.localFiles) && !has(asked, C.compress));
  assert.throws(() => towardsTarget(modern & ~C.deprecateEof, client), /too old.*DEPRECATE_EOF/);
  assert.throws(() => towardsTarget(modern & ~C.sessionTrack, client), /SESSION_TRACK/);
});

Deno.test("proofs of a password hold for it and for no other", () => {
  const scramble = Buffer.from("dvH@I-CJ*4d|cZwk4^]:");
  const { doubleSha1, doubleSha256 } = verifiersOf("secret");
  assert.ok(nativeProofHolds(nativeProof("secret", scramble), scramble, doubleSha1));
  assert.ok(sha2ProofHolds(sha2Proof("secret", scramble), scramble, doubleSha256));
  assert.ok(!nativeProofHolds(nativeProof("Secret", scramble), scramble, doubleSha1));
  assert.ok(!sha2ProofHolds(sha2Proof("secret", Buffer.alloc(20, 65)), scramble, doubleSha256));
  for (const length of [0, 1, 19, 21, 31, 33]) {
    assert.ok(!nativeProofHolds(new Uint8Array(length), scramble, doubleSha1));
    assert.ok(!sha2ProofHolds(new Uint8Array(length), scramble, doubleSha256));
  }
  assert.equal(nativeProof("", scramble).length, 0);
});

Deno.test("ed25519: with a password of 32 bytes it is RFC 8032's own signature", () => {
  const password = "0123456789abcdef0123456789abcdef";
  const key = createPrivateKey({
    key: Buffer.concat([hex("302e020100300506032b657004220420"), Buffer.from(password)]),
    format: "der",
    type: "pkcs8",
  });
  for (const scramble of [Buffer.alloc(32, 7), Buffer.from("another scramble of 32 bytes....")]) {
    assert.deepEqual(Buffer.from(ed25519Proof(password, scramble)), sign(null, scramble, key));
  }
});

Deno.test("the password under a target's RSA key comes out by scramble and private key alone", () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const scramble = Buffer.from("dvH@I-CJ*4d|cZwk4^]:");
  const sealed = rsaSealed(
    "a longer secret than the scramble",
    scramble,
    String(publicKey.export({ type: "spki", format: "pem" })),
  );
  const open = privateDecrypt(privateKey, sealed).map((byte, index) => byte ^ scramble[index % 20]!);
  assert.equal(Buffer.from(open).toString(), "a longer secret than the scramble\0");
});

Deno.test("a request to switch plugins, both ways", () => {
  const scramble = Buffer.from("dvH@I-CJ*4d|cZwk4^]:");
  const asked = decodeAuthSwitch(encodeAuthSwitch("mysql_native_password", scramble));
  assert.equal(asked.plugin, "mysql_native_password");
  assert.deepEqual(Buffer.from(asked.data), scramble);
  assert.equal(decodeAuthSwitch(hex("fe")).plugin, "mysql_old_password");
  assert.throws(() => decodeAuthSwitch(hex("fe 61 62")), { code: "ProtocolViolation" });
});

Deno.test("the target in the schema or in the user", () => {
  const cases: [string, string, string, string][] = [
    ["devin", "orders", "devin", "orders"],
    ["devin", "orders/other", "devin", "orders/other"],
    ["devin@orders", "", "devin", "orders"],
    ["devin@orders", "other", "devin", "orders/other"],
    ["devin@orders/one", "other", "devin", "orders/one"],
    ["devin@orders", "orders", "devin", "orders"],
    ["devin@orders", "orders/x", "devin", "orders/x"],
    ["devin%orders.prod", "", "devin", "orders.prod"],
    ["devin@example.com", "orders", "devin@example.com", "orders"],
    ["devin@example.com", "", "devin@example.com", ""],
    ["devin@example.com@orders", "", "devin@example.com", "orders"],
    ["devin@example.com%orders", "x", "devin@example.com", "orders/x"],
    ["@orders", "", "@orders", ""],
    ["devin@", "", "devin@", ""],
    ["devin%", "a", "devin%", "a"],
    ["", "", "", ""],
  ];
  for (const [user, schema, person, database] of cases) {
    const named = nameTarget(user, schema);
    assert.deepEqual([named.user, named.database], [person, database], `${user} ${schema}`);
  }
});

Deno.test("a greeting's version is that of the client's last target, else of anybody's", () => {
  const versions = new Versions();
  assert.match(versions.forAddress("a").version, /^8\.0/);
  versions.learn("", "one", { version: "9.7.0", mariadb: false, extended: 0 });
  assert.deepEqual(versions.forAddress("a"), { version: "9.7.0", extended: 0 });
  versions.learn("a", "two", { version: "10.11.19-MariaDB", mariadb: true, extended: 0x3d });
  versions.learn("b", "three", { version: "11.4.2-MariaDB", mariadb: true, extended: 0 });
  // Of MariaDB's own capabilities, progress reports and bulk execution pass.
  assert.deepEqual(versions.forAddress("a"), { version: "5.5.5-10.11.19-MariaDB", extended: 5 });
  assert.deepEqual(versions.forAddress("b"), { version: "11.4.2-MariaDB", extended: 0 });
});

const greetingFor = (version: string, extended: number): Greeting => ({
  ...{ version, extended, mariadb: extended !== 0, threadId: 1, scramble: new Uint8Array(20) },
  ...{ capabilities: 0, collation: 45, status: 2, plugin: "" },
});

const named = (name: string) => ({ name }) as Target;

Deno.test("a first client is offered what every target has that said so in time", async () => {
  const versions = new Versions();
  const asked: string[] = [];
  const answers: Readonly<Record<string, Greeting>> = {
    new: greetingFor("11.4.2-MariaDB", 0x3d),
    old: greetingFor("10.11.19-MariaDB", 4),
    mysql: greetingFor("9.7.0", 0),
  };
  const ask = ({ name }: Target) => {
    asked.push(name);
    const answer = answers[name];
    return answer === undefined ? Promise.reject(new Error("down")) : Promise.resolve(answer);
  };
  versions.meet([named("new"), named("down")], ask);
  assert.deepEqual(await versions.greetingFor("a"), { version: "11.4.2-MariaDB", extended: 5 });
  versions.meet([named("new"), named("old")], ask);
  assert.equal((await versions.greetingFor("a")).extended, 4);
  versions.meet([named("new"), named("mysql")], ask);
  assert.equal((await versions.greetingFor("a")).extended, 0, "MySQL has no bulk execution");
  versions.learn("a", "new", answers.new!);
  assert.equal((await versions.greetingFor("a")).extended, 5, "who was at a MariaDB is offered what it has");
  assert.deepEqual(asked, ["new", "down", "new", "old", "new", "mysql"]);
});

Deno.test("a target that does not answer keeps a first client for two seconds, and no other at all", async () => {
  const versions = new Versions();
  versions.learn("known", "one", greetingFor("10.11.19-MariaDB", 5));
  versions.meet([named("silent")], () => new Promise(() => {}));
  assert.equal((await versions.greetingFor("known")).extended, 5);
  assert.equal((await versions.greetingFor("a")).version, "5.5.5-10.11.19-MariaDB");
});
