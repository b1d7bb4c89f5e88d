/** The identity provider against a real issuer: sign-in, its refusals, key rotation, and an issuer that misbehaves. */
import { gzipSync } from "node:zlib";
import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import {
  createIdentityProvider,
  createIssuers,
  Departures,
  type IdentityOptions,
} from "../../policy/identity/mod.ts";
import { type Issuer, type IssuerOptions, signInByHttp, startIssuer } from "../support/issuer.ts";

const redirectUri = "http://127.0.0.1:1/auth/callback";
const ada = { email: "ada@example.test", name: "Ada", groups: ["db-approvers", "engineers"] };

const failed = (part: string) => (error: Error & { code: string }) => {
  assert.equal(error.code, "AuthFailed", error.message);
  assert.ok(error.message.includes(part), `"${error.message}" should say "${part}"`);
  return true;
};

async function withIssuer(
  body: (issuer: Issuer) => Promise<void>,
  options: Partial<IssuerOptions> = {},
): Promise<void> {
  const issuer = await startIssuer({
    people: [ada],
    clients: [
      { id: "postern", secret: "a-secret-of-the-client", redirectUris: [redirectUri] },
      { id: "postern-public", redirectUris: [redirectUri] },
    ],
    ...options,
  });
  try {
    await body(issuer);
  } finally {
    await issuer.close();
  }
}

function providerOf(issuer: string, options: Partial<IdentityOptions> = {}, clock = Date.now) {
  return createIdentityProvider({
    issuer,
    clientId: "postern",
    clientSecret: "a-secret-of-the-client",
    groupsClaim: "groups",
    ...options,
  }, { clock, log: () => {} });
}

/** As a browser does it, up to the redirect that the dashboard would get. */
async function signIn(provider: ReturnType<typeof providerOf>, person: string | null = ada.email) {
  const { url, flow } = await provider.begin(redirectUri);
  const page = await signInByHttp(url, person, { stopAt: redirectUri });
  return { callback: page.url, flow };
}

Deno.test("a person signs in by code and PKCE, with a confidential and with a public client", async () => {
  await withIssuer(async (issuer) => {
    for (const options of [{}, { clientId: "postern-public", clientSecret: undefined }]) {
      const provider = providerOf(issuer.url, options);
      const { callback, flow } = await signIn(provider);
      const identity = await provider.complete(callback, flow);
      assert.equal(identity.name, ada.email);
      assert.equal(identity.subject, ada.email);
      assert.equal(identity.issuer, issuer.url);
      assert.deepEqual(identity.groups, ada.groups);
      assert.equal(identity.method, "browser");
      assert.equal(identity.expiresAt - identity.signedInAt, 8 * 3_600_000);
    }
    assert.equal(issuer.requests.get("/.well-known"), 2, "one discovery for each provider");
  });
});

for (const signingAlgorithm of ["PS256", "ES256", "EdDSA"] as const) {
  Deno.test(`an issuer may sign with ${signingAlgorithm}`, async () => {
    await withIssuer(async (issuer) => {
      const provider = providerOf(issuer.url);
      const { callback, flow } = await signIn(provider);
      assert.equal((await provider.complete(callback, flow)).name, ada.email);
    }, { signingAlgorithm });
  });
}

Deno.test("the address that the browser is sent to asks for a code with PKCE, state and nonce", async () => {
  await withIssuer(async (issuer) => {
    const provider = providerOf(issuer.url);
    const [one, two] = await Promise.all([provider.begin(redirectUri), provider.begin(redirectUri)]);
    const [first, second] = [one, two].map(({ url }) => new URL(url).searchParams);
    assert.equal(first?.get("response_type"), "code");
    assert.equal(first?.get("code_challenge_method"), "S256");
    assert.equal(first?.get("redirect_uri"), redirectUri);
    assert.match(first?.get("scope") ?? "", /^openid /);
    for (const name of ["state", "nonce", "code_challenge"]) {
      assert.ok((first?.get(name) ?? "").length >= 43, name);
      assert.notEqual(first?.get(name), second?.get(name), name);
    }
    assert.notEqual(one.flow, two.flow);
  });
});

Deno.test("an answer counts once, for the browser and the sign-in that it belongs to", async () => {
  await withIssuer(async (issuer) => {
    const provider = providerOf(issuer.url);
    const used = await signIn(provider);
    await provider.complete(used.callback, used.flow);
    await assert.rejects(provider.complete(used.callback, used.flow), failed("not under way"));
    await assert.rejects(provider.complete(used.callback, "made-up"), failed("not under way"));

    const [mine, theirs] = [await signIn(provider), await provider.begin(redirectUri)];
    await assert.rejects(provider.complete(mine.callback, theirs.flow), failed("`state`"));

    const bent = await signIn(provider);
    bent.callback.searchParams.set("iss", "https://other.example");
    await assert.rejects(provider.complete(bent.callback, bent.flow), failed("another issuer"));

    const guessed = await signIn(provider);
    guessed.callback.searchParams.set("code", "guessed");
    await assert.rejects(provider.complete(guessed.callback, guessed.flow), failed("too old or was used"));

    const empty = await signIn(provider);
    await assert.rejects(provider.complete(new URL(redirectUri), empty.flow), failed("cannot be used"));
  });
});

Deno.test("a code from one sign-in cannot be put into another: PKCE and nonce hold them apart", async () => {
  await withIssuer(async (issuer) => {
    const provider = providerOf(issuer.url);
    const [victim, attacker] = [await signIn(provider), await signIn(provider)];
    const mixed = new URL(attacker.callback);
    mixed.searchParams.set("code", victim.callback.searchParams.get("code") as string);
    await assert.rejects(provider.complete(mixed, attacker.flow), failed("too old or was used"));
  });
});

Deno.test("a sign-in that takes longer than ten minutes is over", async () => {
  await withIssuer(async (issuer) => {
    let now = Date.now();
    const provider = providerOf(issuer.url, {}, () => now);
    const { callback, flow } = await signIn(provider);
    now += 10 * 60_000;
    await assert.rejects(provider.complete(callback, flow), failed("took longer than 10 minutes"));
  });
});

Deno.test("cancelling at the issuer, and a client secret it does not know, have their own texts", async () => {
  await withIssuer(async (issuer) => {
    const provider = providerOf(issuer.url);
    const cancelled = await signIn(provider, null);
    await assert.rejects(
      provider.complete(cancelled.callback, cancelled.flow),
      failed("cancelled or refused"),
    );
    const misconfigured = providerOf(issuer.url, { clientSecret: "wrong" });
    const { callback, flow } = await signIn(misconfigured);
    await assert.rejects(
      misconfigured.complete(callback, flow),
      failed("does not accept Postern as its client"),
    );
  });
});

Deno.test("groups arrive as Okta, Entra and Keycloak would send them, and missing ones refuse the person", async () => {
  const cases: [string, Partial<IssuerOptions>, Partial<IdentityOptions>, string[] | string][] = [
    ["a comma list", { groupsShape: (all) => all.join(",") }, {}, ada.groups],
    [
      "a nested path",
      { groupsClaim: ["realm_access", "roles"] },
      { groupsClaim: "realm_access.roles" },
      ada.groups,
    ],
    [
      "a URL",
      { groupsClaim: ["https://x.example/groups"] },
      { groupsClaim: "https://x.example/groups" },
      ada.groups,
    ],
    ["ids", { groupsShape: () => ["b8f1…", "0c2d…"] }, {}, ["b8f1…", "0c2d…"]],
    ["none", { people: [{ ...ada, claims: { groups: null } }] }, {}, 'carries no claim "groups"'],
    ["overage", { people: [{ ...ada, claims: { groups: null, hasgroups: true } }] }, {}, "groups overage"],
    ["at userinfo only", { groupsAtUserinfo: true }, {}, ada.groups],
    ["objects", { groupsShape: () => [{ id: 1 }] }, {}, "holds no list of group names"],
  ];
  for (const [name, issued, read, expected] of cases) {
    await withIssuer(async (issuer) => {
      const provider = providerOf(issuer.url, read);
      const { callback, flow } = await signIn(provider);
      const identity = provider.complete(callback, flow);
      if (typeof expected === "string") await assert.rejects(identity, failed(expected), name);
      else assert.deepEqual((await identity).groups, expected, name);
    }, issued);
  }
});

Deno.test("keys rotate at the running issuer: new tokens count at once, old ones until the key is withdrawn", async () => {
  await withIssuer(async (issuer) => {
    let now = Date.now();
    const provider = providerOf(issuer.url, {}, () => now);
    const before = issuer.signToken(issuer.claimsOf(ada.email, "postern"));
    assert.equal((await provider.verifyToken(before)).name, ada.email);
    now += 11_000;
    await issuer.rotateKeys();
    const after = issuer.signToken(issuer.claimsOf(ada.email, "postern"));
    assert.equal((await provider.verifyToken(after)).name, ada.email);
    assert.equal((await provider.verifyToken(before)).name, ada.email);
    assert.equal(issuer.requests.get("/jwks"), 2);

    await issuer.rotateKeys({ forgetOld: true });
    now += 10 * 60_000;
    await assert.rejects(provider.verifyToken(before), failed("a key that the issuer does not publish"));
  });
});

Deno.test("made-up key ids do not make Postern ask the issuer again and again", async () => {
  await withIssuer(async (issuer) => {
    let now = Date.now();
    const provider = providerOf(issuer.url, {}, () => now);
    const claims = issuer.claimsOf(ada.email, "postern");
    await provider.verifyToken(issuer.signToken(claims));
    const tryMany = () =>
      Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          assert.rejects(
            provider.verifyToken(issuer.signToken(claims, { kid: `made-up-${n}` })),
            failed("a key that"),
          )),
      );
    await tryMany();
    assert.equal(issuer.requests.get("/jwks"), 1);
    now += 11_000;
    await tryMany();
    await tryMany();
    assert.equal(issuer.requests.get("/jwks"), 2);
  });
});

Deno.test("an issuer that is down refuses new sign-ins with that reason, and is found again when it is back", async () => {
  let now = Date.now();
  let port = 0;
  let provider: ReturnType<typeof providerOf> | undefined;
  await withIssuer((issuer) => {
    port = issuer.port;
    provider = providerOf(issuer.url, {}, () => now);
    return Promise.resolve();
  });
  assert.ok(provider);
  await assert.rejects(provider.begin(redirectUri), failed("cannot be reached"));
  await assert.rejects(provider.begin(redirectUri), failed("connection refused"));
  await assert.rejects(provider.verifyToken("eyJhbGciOiJSUzI1NiJ9.e30.eA"), failed("cannot be reached"));
  await withIssuer(async (issuer) => {
    assert.ok(provider);
    await assert.rejects(provider.begin(redirectUri), failed("cannot be reached"));
    assert.equal(issuer.requests.get("/.well-known"), undefined, "the pause after a failure is kept");
    now += 60_000;
    const { callback, flow } = await signIn(provider);
    assert.equal((await provider.complete(callback, flow)).name, ada.email);
  }, { port });
});

/** Something on loopback that answers as no issuer should. */
async function withAnswer(listener: RequestListener, body: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    await body(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

Deno.test("an issuer that misbehaves is refused: redirects, floods, other names, no JSON, plain http elsewhere", async () => {
  const answers: [string, RequestListener, string][] = [
    ["a redirect", (_, res) => res.writeHead(302, { location: "http://127.0.0.1:1/" }).end(), "a redirect"],
    ["too much", (_, res) => res.end("x".repeat(600_000)), "larger than 512 kB"],
    [
      "a bomb",
      (_, res) =>
        res.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(new Uint8Array(64_000_000))),
      "larger than 512 kB",
    ],
    ["HTML", (_, res) => res.end("<html>"), "does not answer as an OpenID Connect issuer"],
    ["an error", (_, res) => res.writeHead(500).end("{}"), "(HTTP 500)"],
    [
      "another name",
      (_, res) => res.setHeader("content-type", "application/json").end('{"issuer":"https://other.example"}'),
      "does not answer as an OpenID Connect issuer",
    ],
    [
      "a cut answer",
      (_, res) => res.writeHead(200, { "content-length": "100" }).write("{", () => res.destroy()),
      "cannot be reached",
    ],
  ];
  for (const [name, listener, part] of answers) {
    await withAnswer(listener, async (url) => {
      await assert.rejects(providerOf(url).begin(redirectUri), failed(part), name);
    });
  }
  const metadata = (url: string) => ({
    issuer: url,
    authorization_endpoint: "http://login.example.com/auth",
    token_endpoint: `${url}/token`,
    jwks_uri: "https://169.254.169.254/latest/meta-data",
  });
  await withAnswer((req, res) => {
    res.setHeader("content-type", "application/json").end(
      JSON.stringify(metadata(`http://${req.headers.host}`)),
    );
  }, async (url) => {
    await assert.rejects(providerOf(url).begin(redirectUri), failed("authorization_endpoint cannot be used"));
    const token = "eyJhbGciOiJSUzI1NiJ9.e30.eA";
    await assert.rejects(providerOf(url).verifyToken(token), failed("it is a link-local address"));
  });
});

Deno.test("whether the issuer answers is asked anew each minute", async () => {
  let now = Date.now();
  await withIssuer(async (issuer) => {
    const main = { issuer: issuer.url, clientId: "postern", groupsClaim: "groups" };
    const clock = () => now;
    const departures = new Departures(clock);
    const issuers = createIssuers({ main, others: [] }, {
      clock,
      departures,
      services: () => [],
      url: "http://127.0.0.1:1",
      log: () => {},
    });
    const [probe] = issuers.probes();
    assert.equal(probe?.name, "issuer");
    assert.equal(await probe.ask(), new URL(issuer.url).host);
    await issuer.close();
    assert.equal(await probe.ask(), new URL(issuer.url).host, "not asked again within the minute");
    now += 61_000;
    await assert.rejects(async () => await probe.ask(), { code: "AuthFailed" });
  });
});
