/** Whatever arrives as a token, claims or answer: a verified identity or AuthFailed, never anything else. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { identityOf } from "../../policy/identity/claims.ts";
import { createIdentityProvider, provesSha1, provesSha256 } from "../../policy/identity/mod.ts";
import { verifiersOf } from "../../policy/identity/verifiers.ts";
import { PosternError } from "../../policy/errors.ts";
import { startIssuer } from "../support/issuer.ts";

const seconds = Number(Deno.env.get("FUZZ_SECONDS") ?? 2);
const bounds = { numRuns: 1_000_000, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false };

const authFailed = (error: unknown) => error instanceof PosternError && error.code === "AuthFailed";

const options = { issuer: "https://issuer.example", clientId: "postern" };
const how = { method: "browser", signedInAt: 1, expiresAt: 2 };

Deno.test("claims of any shape name somebody properly, or are refused", () => {
  const path = fc.oneof(
    fc.constantFrom("groups", "a.b", "__proto__", "https://x/g"),
    fc.array(fc.string(), { minLength: 1 }),
  );
  const claims = fc.oneof(
    fc.dictionary(
      fc.constantFrom("sub", "email", "email_verified", "preferred_username", "groups", "a"),
      fc.jsonValue(),
    ),
    fc.record({
      sub: fc.string(),
      email: fc.string(),
      email_verified: fc.boolean(),
      groups: fc.array(fc.string()),
    }),
  );
  fc.assert(
    fc.property(claims, path, (given: Record<string, unknown>, groupsClaim) => {
      try {
        const identity = identityOf(given, { ...options, groupsClaim }, how);
        assert.ok(identity.subject.length > 0 && identity.name.length > 0);
        assert.doesNotMatch(identity.name + identity.subject, /\p{C}/u);
        assert.ok(identity.groups.every((group) => group === group.trim() && group !== ""));
        if (
          given.email_verified !== true && given.email_verified !== "true" && identity.name === given.email
        ) {
          assert.ok(
            [given.sub, given.preferred_username].includes(identity.name),
            "an unverified address became a name",
          );
        }
      } catch (error) {
        assert.ok(authFailed(error), String(error));
      }
    }),
    bounds,
  );
});

Deno.test("a token bent anywhere is refused, and a made-up one too", async () => {
  const issuer = await startIssuer({
    people: [{ email: "a@example.test", name: "A", groups: ["g"] }],
    clients: [{ id: "postern", secret: "s".repeat(20), redirectUris: ["http://127.0.0.1:1/cb"] }],
    signingAlgorithm: "ES256",
  });
  const provider = createIdentityProvider(
    { issuer: issuer.url, clientId: "postern", groupsClaim: "groups" },
    { clock: Date.now, log: () => {} },
  );
  const good = issuer.signToken(issuer.claimsOf("a@example.test", "postern"));
  const bytesOf = (token: string) =>
    token.trim().split(".").map((part) => Buffer.from(part, "base64url").toString("hex"));
  const letters = fc.constantFrom(..."ABCabc019-_.=+/ \n\u0000é");
  const bent = fc.tuple(fc.nat(good.length - 1), fc.nat(3), letters).map(([at, cut, letter]) =>
    good.slice(0, at) + letter + good.slice(at + cut)
  );
  const part = fc.oneof(fc.json(), fc.string()).map((text) => Buffer.from(text).toString("base64url"));
  const madeUp = fc.oneof(fc.string(), fc.tuple(part, part, part).map((parts) => parts.join(".")));
  try {
    await provider.verifyToken(good);
    await fc.assert(
      fc.asyncProperty(fc.oneof(bent, madeUp), async (token) => {
        try {
          await provider.verifyToken(token);
          // Base64 leaves bits unused at its end: the same bytes may be spelled in another way, and only those.
          assert.deepEqual(bytesOf(token), bytesOf(good), token);
        } catch (error) {
          assert.ok(authFailed(error), String(error));
        }
      }),
      bounds,
    );
    assert.ok((issuer.requests.get("/jwks") ?? 0) <= 2 + seconds / 10, "made-up tokens make no requests");
  } finally {
    await issuer.close();
  }
});

Deno.test("no answer of any bytes proves a password that it was not made with", () => {
  const { doubleSha1, doubleSha256 } = verifiersOf("a password of 24 letters");
  const challenge = Buffer.from("abcdefghijklmnopqrst");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (answer) => {
      assert.equal(provesSha1(doubleSha1, challenge, answer), false);
      assert.equal(provesSha256(doubleSha256, challenge, answer), false);
    }),
    bounds,
  );
});
