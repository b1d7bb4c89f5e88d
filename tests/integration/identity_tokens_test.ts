/** Tokens that must not count, each made with the real issuer's own keys where that is what makes it dangerous. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { createIdentityProvider, type IdentityOptions } from "../../policy/identity/mod.ts";
import { type Issuer, makeKey, signJws, startIssuer } from "../support/issuer.ts";

const email = "devin@example.test";
const now = () => Math.floor(Date.now() / 1000);
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

type Make = (issuer: Issuer, claims: Record<string, unknown>) => string;

/** A JWS whose HMAC secret is the issuer's public key, in the spelling that a careless library would use. */
const hmacWithPublicKey = (format: "pem" | "jwk"): Make => (issuer, claims) => {
  const { publicKey, kid } = issuer.signingKey();
  const secret = format === "pem"
    ? publicKey.export({ type: "spki", format: "pem" })
    : JSON.stringify(publicKey.export({ format: "jwk" }));
  const signed = `${part({ alg: "HS256", kid, typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
};

const changed = (more: Record<string, unknown>): Make => (issuer, claims) => {
  const entries = Object.entries({ ...claims, ...more }).filter(([, value]) => value !== undefined);
  return issuer.signToken(Object.fromEntries(entries));
};

const withHeader = (header: Record<string, unknown>): Make => (issuer, claims) =>
  issuer.signToken(claims, header);

const unsigned = (alg: string): Make => (_, claims) => `${part({ alg, typ: "JWT" })}.${part(claims)}.`;

/** Signed by a stranger, whose public key comes along in the header. */
const ownKey = (header: (jwk: unknown) => Record<string, unknown>): Make => (issuer, claims) => {
  const stranger = makeKey("RS256");
  const jwk = stranger.publicKey.export({ format: "jwk" });
  return signJws(stranger, claims, { kid: issuer.signingKey().kid, ...header(jwk) });
};

const badTokens: readonly (readonly [string, Make, string])[] = [
  ["expired", changed({ iat: now() - 7200, exp: now() - 3600 }), "has expired at"],
  ["expired just beyond the clocks' slack", changed({ exp: now() - 62 }), "has expired at"],
  ["without an end", changed({ exp: undefined }), "lacks the claim `exp`"],
  ["with an end that is no number", changed({ exp: "tomorrow" }), "`exp`"],
  ["not valid yet", changed({ nbf: now() + 600 }), "`nbf`"],
  ["issued in the future", changed({ iat: now() + 600 }), "`iat`"],
  ["without a time of issue", changed({ iat: undefined }), "lacks the claim `iat`"],
  ["from another issuer", changed({ iss: "https://evil.example" }), 'another issuer, "https://evil.example"'],
  ["from the issuer with a slash more", (i, c) => i.signToken({ ...c, iss: `${i.url}/` }), "another issuer"],
  ["without an issuer", changed({ iss: undefined }), "lacks the claim `iss`"],
  ["for another audience", changed({ aud: "payroll" }), 'another audience, "payroll"'],
  ["without an audience", changed({ aud: undefined }), "lacks the claim `aud`"],
  ["for several audiences without saying whose it is", changed({ aud: ["postern", "payroll"] }), "(`azp`)"],
  ["issued to another application", changed({ azp: "payroll" }), 'another application, "payroll"'],
  ["without a person", changed({ sub: undefined }), "lacks the claim `sub`"],
  ["with an empty person", changed({ sub: "" }), "names nobody"],
  ["without groups", changed({ groups: undefined }), 'carries no claim "groups"'],
  ["signed by another key with a made-up id", (_, c) => signJws(makeKey("RS256"), c), "does not publish"],
  ["signed by another key under the issuer's key id", ownKey(() => ({})), "signature is not the issuer's"],
  ["signed by the key in its own header (jwk)", ownKey((jwk) => ({ jwk })), "signature is not the issuer's"],
  [
    "signed by a key it links to (jku)",
    ownKey(() => ({ jku: "http://127.0.0.1:1/keys" })),
    "signature is not the issuer's",
  ],
  ["without a signature (none)", unsigned("none"), "is not signed"],
  ["without a signature (NONE)", unsigned("NONE"), "is not signed"],
  ["without a signature (nOnE)", unsigned("nOnE"), "is not signed"],
  ["claiming RS256 without a signature", unsigned("RS256"), "signature is not the issuer's"],
  ["without an algorithm", withHeader({ alg: undefined }), "is not signed"],
  ["HS256 with the public key (PEM) as its secret", hmacWithPublicKey("pem"), "shared secret"],
  ["HS256 with the public key (JWK) as its secret", hmacWithPublicKey("jwk"), "shared secret"],
  ["with an algorithm nobody knows", withHeader({ alg: "RS1" }), "does not accept"],
  [
    "with an algorithm that is not the key's",
    withHeader({ alg: "ES256" }),
    "a key that the issuer does not publish",
  ],
  ["with extensions it insists on", withHeader({ crit: ["b64"], b64: false }), "`crit`"],
  ["a logout token", withHeader({ typ: "logout+jwt" }), 'of the type "logout+jwt"'],
  ["a proof of possession", withHeader({ typ: "dpop+jwt" }), 'of the type "dpop+jwt"'],
  [
    "a logout token without a type",
    changed({ events: { "http://schemas.openid.net/event/backchannel-logout": {} } }),
    "not for signing in",
  ],
  ["a refresh token in JWT's clothes", changed({ typ: "Refresh" }), 'of the kind "Refresh"'],
  ["changed after signing", (i, c) => {
    const [header, , signature] = i.signToken(c).split(".");
    return `${header}.${part({ ...c, groups: ["db-approvers"] })}.${signature}`;
  }, "signature is not the issuer's"],
  ["cut at the end", (i, c) => i.signToken(c).slice(0, -10), "signature is not the issuer's"],
  ["cut in the middle", (i, c) => i.signToken(c).split(".").slice(0, 2).join("."), "cannot be decoded"],
  ["encrypted", () => "eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d", "is encrypted"],
  ["no token at all", () => "hunter2", "cannot be decoded"],
  ["empty", () => "", "cannot be decoded"],
  ["a header that is no JSON", () => "bm9wZQ.e30.eA", "cannot be decoded"],
  [
    "far too long",
    (i, c) => i.signToken({ ...c, padding: "x".repeat(60_000) }),
    "longer than 60000 characters",
  ],
  [
    "a payload that is no object",
    (i) => i.signToken([] as unknown as Record<string, unknown>),
    "not a signed token that Postern can read",
  ],
];

async function withIssuer(
  body: (issuer: Issuer, verify: (token: string) => Promise<unknown>) => Promise<void>,
  options: Partial<IdentityOptions> = {},
) {
  const issuer = await startIssuer({
    people: [{ email, name: "Devin", groups: ["engineers"] }],
    clients: [{ id: "postern", secret: "s".repeat(20), redirectUris: ["http://127.0.0.1:1/cb"] }],
  });
  const provider = createIdentityProvider(
    { issuer: issuer.url, clientId: "postern", groupsClaim: "groups", ...options },
    { clock: Date.now, log: () => {} },
  );
  try {
    await body(issuer, (token) => provider.verifyToken(token));
  } finally {
    await issuer.close();
  }
}

Deno.test("a bad token is refused, and told why", async (t) => {
  const table: string[] = [];
  await withIssuer(async (issuer, verify) => {
    for (const [name, make, expected] of badTokens) {
      await t.step(name, async () => {
        const token = make(issuer, issuer.claimsOf(email, "postern"));
        await assert.rejects(verify(token), (error: Error & { code: string }) => {
          assert.equal(error.code, "AuthFailed");
          table.push(`${name.padEnd(52)} ${error.message}`);
          assert.ok(error.message.includes(expected), `"${error.message}" should say "${expected}"`);
          assert.ok(
            token.length < 20 || !error.message.includes(token.slice(-20)),
            "the token is not repeated",
          );
          return true;
        });
      });
    }
  });
  console.log(`BAD TOKEN                                            ANSWER\n${table.join("\n")}`);
});

Deno.test("good tokens count: ID tokens, access tokens, small clock differences, several audiences", async (t) => {
  const goodTokens: readonly (readonly [string, Make])[] = [
    ["as issued", (i, c) => i.signToken(c)],
    ["an access token (RFC 9068)", withHeader({ typ: "at+jwt" })],
    ["without a type", withHeader({ typ: undefined })],
    ["without a key id", withHeader({ kid: undefined })],
    ["expired within the clocks' slack", changed({ exp: now() - 30 })],
    ["issued within the clocks' slack", changed({ iat: now() + 30, nbf: now() + 30 })],
    ["for several audiences, issued to Postern", changed({ aud: ["postern", "account"], azp: "postern" })],
    ["with blanks around it, as pasted", (i, c) => ` ${i.signToken(c)}\n`],
  ];
  await withIssuer(async (issuer, verify) => {
    for (const [name, make] of goodTokens) {
      await t.step(name, async () => {
        const claims = issuer.claimsOf(email, "postern");
        const identity = await verify(make(issuer, claims)) as {
          name: string;
          method: string;
          groups: string[];
        };
        assert.equal(identity.name, email);
        assert.equal(identity.method, "token");
        assert.deepEqual(identity.groups, ["engineers"]);
      });
    }
  });
});

Deno.test("a token's identity ends with the token", async () => {
  await withIssuer(async (issuer, verify) => {
    const claims = issuer.claimsOf(email, "postern");
    const identity = await verify(issuer.signToken(claims)) as { expiresAt: number };
    assert.equal(identity.expiresAt, (claims.exp as number) * 1000);
  });
});

Deno.test("several audiences and other applications count where the config names them", async () => {
  await withIssuer(async (issuer, verify) => {
    const token = issuer.signToken({ ...issuer.claimsOf(email, "databases"), azp: "postern-cli" });
    assert.equal((await verify(token) as { name: string }).name, email);
  }, { audiences: ["postern", "databases"], authorizedParties: ["postern-cli"] });
});

Deno.test("after a rotation, a token without a key id is tried against every key", async () => {
  await withIssuer(async (issuer, verify) => {
    const old = issuer.signingKey();
    await issuer.rotateKeys();
    const claims = issuer.claimsOf(email, "postern");
    for (
      const token of [signJws(old, claims, { kid: undefined }), issuer.signToken(claims, { kid: undefined })]
    ) {
      assert.equal((await verify(token) as { name: string }).name, email);
    }
    await assert.rejects(
      verify(signJws(makeKey("RS256"), claims, { kid: undefined })),
      (error: Error) => error.message.includes("signature is not the issuer's"),
    );
  });
});
