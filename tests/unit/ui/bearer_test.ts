/** Programs with a token: which routes take one, that the cookie's protections do not loosen, and that it is verified each time. */
import assert from "node:assert/strict";
import { aboutSchema, passwordSchema } from "../../../ui/contract.ts";
import { devin, root, tokenOf } from "./fakes.ts";
import { errorCode, startHarness } from "./harness.ts";

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** The routes that a program may use. Everything else is for browsers. */
const forPrograms = new Set([
  "GET /api/me",
  "GET /api/targets",
  "POST /api/targets/:name/password",
  "GET /api/requests",
  "GET /api/requests/:id",
  "POST /api/requests",
  "GET /api/sessions",
  "POST /api/sessions/renew",
  "GET /api/access",
  "POST /api/access",
  "GET /api/access/:id",
  "POST /api/access/:id/withdraw",
  "POST /api/access/:id/end",
]);

Deno.test("a token opens the routes that are for programs, and no other", async () => {
  const harness = startHarness();
  try {
    for (const { method, path, access } of harness.dashboard.routes) {
      if (access === "public") continue;
      const address = path.replace(":name", "orders-prod").replace(/:\w+/g, "none");
      const program = harness.browser();
      const response = await program.fetch(address, {
        method,
        headers: { ...bearer(tokenOf(root)), "content-type": "application/json" },
        ...(method === "POST" ? { body: "{}" } : {}),
      });
      const refused = response.status === 401 && await errorCode(response.clone()) === "NotForTokens";
      assert.equal(refused, !forPrograms.has(`${method} ${path}`), `${method} ${path}: ${response.status}`);
      await response.body?.cancel();
    }
  } finally {
    await harness.close();
  }
});

Deno.test("a program gets a one-time password with its token, and everything to connect with", async () => {
  const harness = startHarness();
  try {
    const program = harness.browser();
    const response = await program.fetch("/api/targets/orders-prod/password", {
      method: "POST",
      headers: { ...bearer(tokenOf(devin)), "content-type": "application/json" },
      body: "{}",
    });
    assert.equal(response.status, 200);
    const { user, password, at } = passwordSchema.parse(await response.json());
    assert.match(user, /^devin-/);
    assert.equal(password.length, 24);
    assert.deepEqual([at.host, at.tls], ["db.example.test", "required"]);
    assert.equal(program.cookies.size, 0, "no browser session came of it");
  } finally {
    await harness.close();
  }
});

Deno.test("a bad token is nobody, whatever cookie comes with it", async () => {
  const harness = startHarness();
  try {
    const browser = await harness.signedIn(devin);
    for (const header of ["Bearer made-up", "Bearer ", "Bearer a b", "Basic dTpw", "token-of-devin"]) {
      const response = await browser.fetch("/api/me", { headers: { authorization: header } });
      assert.equal(response.status, 401, header);
      const { error } = await response.json();
      assert.equal(error.code, "NotSignedIn");
      assert.ok(!JSON.stringify(error).includes("made-up"), "the answer does not repeat it");
    }
    assert.equal((await browser.fetch("/api/me")).status, 200);
  } finally {
    await harness.close();
  }
});

Deno.test("what a program must know to sign in is public, and holds no secret", async () => {
  const harness = startHarness();
  try {
    const about = aboutSchema.parse(await harness.browser().json("/.well-known/postern"));
    assert.deepEqual(about, {
      version: "test",
      issuer: "https://issuer.example.test",
      clientId: "postern-cli",
    });
  } finally {
    await harness.close();
  }
});
