import assert from "node:assert/strict";
import { groupsOf, identityOf } from "../../../policy/identity/claims.ts";
import { createIdentityProvider } from "../../../policy/identity/mod.ts";

const options = { issuer: "https://issuer.example", clientId: "postern", groupsClaim: "groups" };
const how = { method: "browser", signedInAt: 1, expiresAt: 2 };
const nameOf = (claims: Record<string, unknown>) =>
  identityOf({ sub: "u-1", groups: [], ...claims }, options, how).name;

const refused = (part: string) => (error: Error & { code: string; hint?: string }) => {
  assert.equal(error.code, "AuthFailed");
  assert.ok(error.message.includes(part), `"${error.message}" should say "${part}"`);
  return true;
};

Deno.test("groups are read from wherever issuers put them", () => {
  assert.deepEqual(groupsOf({ groups: ["a", "b", "a"] }, "groups"), ["a", "b"]);
  assert.deepEqual(groupsOf({ groups: [] }, "groups"), []);
  assert.deepEqual(groupsOf({ groups: "a b  c" }, "groups"), ["a", "b", "c"]);
  assert.deepEqual(groupsOf({ groups: "DB Admins, Engineers" }, "groups"), ["DB Admins", "Engineers"]);
  assert.deepEqual(groupsOf({ realm_access: { roles: ["a"] } }, "realm_access.roles"), ["a"]);
  assert.deepEqual(groupsOf({ "https://x.example/groups": ["a"] }, "https://x.example/groups"), ["a"]);
  assert.deepEqual(groupsOf({ "cognito.groups": ["a"] }, "cognito.groups"), ["a"]);
  assert.deepEqual(groupsOf({ "a.b": { c: ["x"] } }, ["a.b", "c"]), ["x"]);
});

Deno.test("groups that are missing, left out or of another shape refuse the person and say why", () => {
  assert.throws(() => groupsOf({}, "groups"), refused('carries no claim "groups"'));
  assert.throws(() => groupsOf({ groups: null }, "groups"), refused('carries no claim "groups"'));
  assert.throws(() => groupsOf({ a: "text" }, "a.b"), refused('carries no claim "a.b"'));
  assert.throws(
    () => groupsOf({ groups: [{ name: "a" }] }, "groups"),
    refused("holds no list of group names"),
  );
  assert.throws(() => groupsOf({ groups: 7 }, "groups"), refused("holds no list of group names"));
  const overage = {
    _claim_names: { groups: "src1" },
    _claim_sources: { src1: { endpoint: "https://graph.example/" } },
  };
  assert.throws(() => groupsOf(overage, "groups"), refused("groups overage"));
  assert.throws(() => groupsOf({ hasgroups: true }, "groups"), refused("groups overage"));
  assert.throws(
    () => groupsOf({ groups: Array(2001).fill(0).map((_, n) => `g${n}`) }, "groups"),
    refused("too large"),
  );
  assert.throws(() => groupsOf({ groups: ["x".repeat(257)] }, "groups"), refused("too large"));
});

Deno.test("a path never leads through what every object inherits", () => {
  for (const path of ["constructor", "__proto__", "toString", "constructor.name", "a.length"]) {
    assert.throws(() => groupsOf({ a: [] }, path), refused("carries no claim"), path);
  }
});

Deno.test("an e-mail address names somebody only where the issuer verified it", () => {
  const email = "ada@example.test";
  assert.equal(nameOf({ email, email_verified: true }), email);
  assert.equal(nameOf({ email, email_verified: "true" }), email);
  assert.equal(nameOf({ email, email_verified: false, preferred_username: "ada" }), "ada");
  assert.equal(nameOf({ email, preferred_username: "ada" }), "ada");
  assert.equal(nameOf({ email }), "u-1");
  // The same unverified address under another claim's name is no better.
  assert.equal(nameOf({ email, email_verified: false, preferred_username: "Ada@example.test" }), "u-1");
});

Deno.test("names that would forge a line or hide in a list are not used", () => {
  assert.equal(nameOf({ preferred_username: "a\nb" }), "u-1");
  assert.equal(nameOf({ preferred_username: "a\u001b[31m" }), "u-1");
  assert.equal(nameOf({ preferred_username: "\u202eada" }), "u-1");
  assert.equal(nameOf({ preferred_username: "x".repeat(201) }), "u-1");
  assert.equal(nameOf({ preferred_username: "  ada " }), "ada");
});

Deno.test("claims without a subject name nobody", () => {
  for (const sub of [undefined, "", 7, "a\u0000b", null]) {
    assert.throws(() => identityOf({ sub, groups: [] }, options, how), refused("names nobody"));
  }
});

Deno.test("an issuer that could be listened to or lead elsewhere is refused before anything is sent", () => {
  const make = (issuer: string) => () =>
    createIdentityProvider({ ...options, issuer }, { clock: Date.now, log: () => {} });
  assert.throws(make("http://login.example.com"), refused("it is not https"));
  assert.throws(make("ftp://login.example.com"), refused("it is not https"));
  assert.throws(make("https://169.254.169.254/latest"), refused("link-local"));
  assert.throws(make("https://[fe80::1]/"), refused("link-local"));
  assert.throws(make("https://me:secret@login.example.com"), refused("holds credentials"));
  make("http://127.0.0.1:1")();
  make("http://localhost:1")();
  make("https://login.example.com/tenant")();
});
