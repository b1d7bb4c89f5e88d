import { defaultLimits } from "../../../policy/config_limits.ts";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { inspect } from "node:util";
import {
  createPresentedSignIns,
  namesOneTimePassword,
  OneTimePasswords,
  type PasswordAttempt,
  provesSha1,
  provesSha256,
} from "../../../policy/identity/mod.ts";
import { verifiersOf } from "../../../policy/identity/verifiers.ts";
import type { Identity } from "../../../policy/types.ts";

const minute = 60_000;
const ada: Identity = {
  subject: "1",
  issuer: "https://i.example",
  name: "Ada.L@example.test",
  groups: ["engineers"],
  signedInAt: 0,
  expiresAt: 100 * minute,
  method: "browser",
};
const setUp = (options = {}) => {
  const time = { now: 1000 };
  return { time, passwords: new OneTimePasswords({ clock: () => time.now, ...options }) };
};
const at = (user: string, target = "orders", address = "10.0.0.1"): PasswordAttempt => ({
  user,
  target,
  address,
});
const failed = (code: string, part = "") => (error: Error & { code: string }) => {
  assert.equal(error.code, code);
  assert.ok(error.message.includes(part), error.message);
  return true;
};

Deno.test("a one-time password lets its person in once, at its target", () => {
  const { passwords } = setUp();
  const issued = passwords.issue(ada, "orders");
  assert.match(issued.user, /^adal-[a-z0-9]{8}$/);
  assert.match(issued.password, /^[a-z0-9]{24}$/);
  assert.equal(issued.expiresAt, 1000 + 5 * minute);
  const identity = passwords.verify(at(issued.user), issued.password);
  assert.deepEqual(identity, { ...ada, method: "one-time-password" });
  assert.throws(() => passwords.verify(at(issued.user), issued.password), failed("AuthFailed"));
});

Deno.test("wrong password, unknown user, other target, expired, used: one and the same answer", () => {
  const { time, passwords } = setUp();
  const messages = new Set<string>();
  const keep = (work: () => unknown) => {
    try {
      work();
      assert.fail("it was let in");
    } catch (error) {
      assert.equal((error as { code: string }).code, "AuthFailed");
      messages.add(`${(error as Error).message} ${(error as { hint?: string }).hint}`);
    }
  };
  const { user, password } = passwords.issue(ada, "orders");
  keep(() => passwords.verify(at(user), "wrong"));
  keep(() => passwords.verify(at(user), ""));
  keep(() => passwords.verify(at("nobody-22222222"), password));
  keep(() => passwords.verify(at(user, "other"), password));
  passwords.verify(at(user), password);
  keep(() => passwords.verify(at(user), password));
  const late = passwords.issue(ada, "orders");
  time.now = late.expiresAt;
  keep(() => passwords.verify(at(late.user), late.password));
  assert.equal(messages.size, 1);
});

Deno.test("which way a user name goes is in its form: what is issued has it, what people are called has not", () => {
  const { time, passwords } = setUp();
  for (let n = 0; n < 200; n++) {
    const { user } = passwords.issue(ada, "orders");
    assert.ok(namesOneTimePassword(user), user);
    time.now += 6 * minute;
    assert.ok(namesOneTimePassword(user), `${user}, expired`);
    time.now = 1000;
    passwords.revoke(ada);
    assert.ok(namesOneTimePassword(user), `${user}, revoked`);
  }
  assert.ok(namesOneTimePassword("nobody-bcdfghjk"));
  for (
    const name of [
      "ada",
      "ada.lovelace",
      "anna-lovelace",
      "svc-postgres",
      "dev-20260101",
      "bcdfghjk",
      "token",
      "",
    ]
  ) {
    assert.ok(!namesOneTimePassword(name), name);
  }
});

Deno.test("what is kept holds no password", () => {
  const { passwords } = setUp();
  const { password } = passwords.issue(ada, "orders");
  assert.ok(!inspect(passwords, { depth: 9, showHidden: true }).includes(password));
});

Deno.test("a password never outlives the sign-in that it came from", () => {
  const { time, passwords } = setUp();
  time.now = ada.expiresAt - minute;
  assert.equal(passwords.issue(ada, "orders").expiresAt, ada.expiresAt);
  time.now = ada.expiresAt;
  assert.throws(() => passwords.issue(ada, "orders"), failed("AuthFailed", "expired"));
});

Deno.test("guessing is slowed down per user and per address, whoever is asked for", () => {
  const { time, passwords } = setUp();
  const { user, password } = passwords.issue(ada, "orders");
  for (let n = 0; n < 5; n++) {
    assert.throws(() => passwords.verify(at(user, "orders", `10.0.0.${n}`), "guess"), failed("AuthFailed"));
  }
  assert.throws(
    () => passwords.verify(at(user, "orders", "10.0.0.9"), password),
    failed("LimitExceeded", "this user"),
  );
  for (let n = 0; n < 20; n++) {
    assert.throws(() => passwords.verify(at(`u${n}`, "orders", "10.9.9.9"), "guess"), failed("AuthFailed"));
  }
  assert.throws(
    () => passwords.challenge(at("u99", "orders", "10.9.9.9")),
    failed("LimitExceeded", "this address"),
  );
  time.now += 5 * minute;
  const again = passwords.issue(ada, "orders");
  assert.equal(passwords.verify(at(again.user, "orders", "10.9.9.9"), again.password).subject, ada.subject);
});

Deno.test("of two connections with one password the first to prove it has it", () => {
  const { passwords } = setUp();
  const { user } = passwords.issue(ada, "orders");
  const [first, second] = [passwords.challenge(at(user)), passwords.challenge(at(user))];
  assert.equal(first.succeed().subject, ada.subject);
  assert.throws(() => second.succeed(), failed("AuthFailed"));
});

Deno.test("an unknown user is challenged like a known one, the same way each time", () => {
  const { time, passwords } = setUp();
  const [one, two] = [passwords.challenge(at("who")), passwords.challenge(at("who"))];
  assert.deepEqual(one.verifiers, two.verifiers);
  assert.notDeepEqual(one.verifiers, passwords.challenge(at("whose")).verifiers);
  const real = passwords.challenge(at(passwords.issue(ada, "orders").user));
  const shape = (c: typeof one) => [
    c.verifiers.scram.salt.length,
    c.verifiers.scram.iterations,
    c.verifiers.scram.storedKey.length,
    c.verifiers.scram.serverKey.length,
    c.verifiers.doubleSha1.length,
    c.verifiers.doubleSha256.length,
  ];
  assert.deepEqual(shape(one), shape(real));
  assert.throws(() => one.succeed(), failed("AuthFailed"));
  // A name's salt says nothing of what became of it.
  const salt = (user: string) =>
    Buffer.from(passwords.challenge(at(user)).verifiers.scram.salt).toString("hex");
  const [used, late] = [passwords.issue(ada, "orders"), passwords.issue(ada, "orders")];
  const before = [salt(used.user), salt(late.user)];
  passwords.verify(at(used.user), used.password);
  time.now = late.expiresAt;
  assert.deepEqual([salt(used.user), salt(late.user)], before);
});

Deno.test("unused passwords are limited, and leaving revokes them", () => {
  const { passwords } = setUp({
    limits: () => ({ ...defaultLimits, oneTimePasswordsPerPersonMax: 2, oneTimePasswordsMax: 3 }),
  });
  const issued = [passwords.issue(ada, "orders"), passwords.issue(ada, "orders")];
  assert.throws(() => passwords.issue(ada, "orders"), failed("LimitExceeded"));
  const bob = { ...ada, subject: "2" };
  const his = passwords.issue(bob, "orders");
  assert.throws(() => passwords.issue({ ...ada, subject: "3" }, "orders"), failed("LimitExceeded"));
  passwords.revoke(ada);
  for (const { user, password } of issued) {
    assert.throws(() => passwords.verify(at(user), password), failed("AuthFailed"));
  }
  assert.equal(passwords.verify(at(his.user), his.password).subject, "2");
});

Deno.test("a password that could not be recorded, so that nobody was told it, takes no place", () => {
  const passwords = new OneTimePasswords({
    clock: () => 1000,
    limits: () => ({ ...defaultLimits, oneTimePasswordsPerPersonMax: 1 }),
  });
  passwords.withdraw(passwords.issue(ada, "orders"));
  passwords.issue(ada, "orders");
  assert.throws(() => passwords.issue(ada, "orders"), /limits\.oneTimePasswordsPerPerson/);
});

Deno.test("SCRAM verifiers are those of RFC 7677, section 3", () => {
  const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
  const { scram } = verifiersOf("pencil", salt);
  const nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const message =
    `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${nonce}`;
  const signature = createHmac("sha256", scram.serverKey).update(message).digest("base64");
  assert.equal(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  const proof = Buffer.from("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "base64");
  const clientSignature = createHmac("sha256", scram.storedKey).update(message).digest();
  const clientKey = proof.map((byte, n) => byte ^ (clientSignature[n] as number));
  assert.deepEqual(createHash("sha256").update(clientKey).digest(), Buffer.from(scram.storedKey));
  const salted = pbkdf2Sync("pencil", salt, 4096, 32, "sha256");
  assert.deepEqual(createHmac("sha256", salted).update("Client Key").digest(), Buffer.from(clientKey));
});

Deno.test("challenge answers are checked against what is kept, for both hashes", () => {
  const { doubleSha1, doubleSha256 } = verifiersOf("correct horse");
  const challenge = Buffer.from("abcdefghijklmnopqrst");
  const sum = (name: string, ...parts: Uint8Array[]) =>
    createHash(name).update(Buffer.concat(parts)).digest();
  const xor = (a: Buffer, b: Buffer) => Buffer.from(a.map((byte, n) => byte ^ (b[n] as number)));
  const text = Buffer.from("correct horse");
  const one = xor(sum("sha1", text), sum("sha1", challenge, sum("sha1", sum("sha1", text))));
  assert.ok(provesSha1(doubleSha1, challenge, one));
  const two = xor(sum("sha256", text), sum("sha256", sum("sha256", sum("sha256", text)), challenge));
  assert.ok(provesSha256(doubleSha256, challenge, two));
  for (let bit = 0; bit < 160; bit += 7) {
    const bent = Buffer.from(one);
    bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.ok(!provesSha1(doubleSha1, challenge, bent));
  }
  assert.ok(!provesSha1(doubleSha1, Buffer.from("other challenge....."), one));
  assert.ok(!provesSha1(doubleSha1, challenge, one.subarray(1)));
  assert.ok(!provesSha1(doubleSha1, challenge, Buffer.alloc(0)));
  assert.ok(!provesSha256(doubleSha256, challenge, Buffer.alloc(32)));
  assert.ok(!provesSha256(doubleSha256, challenge, two.subarray(0, 31)));
});

Deno.test("a password in the clear counts over TLS or on loopback only, an empty one never", async () => {
  const { passwords } = setUp();
  const provider = {
    verifyToken: () => Promise.resolve(ada),
    discovery: () => Promise.resolve({ configurationUrl: "https://x.example", scope: "openid" }),
  };
  const { verifyPassword: verify } = createPresentedSignIns(provider, passwords, {
    everyone: () => false,
  });
  const { user, password } = passwords.issue(ada, "orders");
  const from = (address: string, tls: string | null) => ({
    protocol: "p",
    database: "orders/other",
    client: { address, port: 1, application: "", user, tls },
  });
  assert.equal(await verify(from("10.0.0.1", null), ""), null);
  await assert.rejects(verify(from("10.0.0.1", null), password), failed("AuthFailed", "over TLS only"));
  await assert.rejects(
    verify(from("10.0.0.1", null), "eyJhbGciOiJub25lIn0.e30."),
    failed("AuthFailed", "over TLS only"),
  );
  assert.equal((await verify(from("10.0.0.1", "TLSv1.3"), password))?.method, "one-time-password");
  assert.equal((await verify(from("127.0.0.1", null), "eyJhbGciOiJub25lIn0.e30.x"))?.method, "browser");
});
