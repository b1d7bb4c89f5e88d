/** What one may connect to, and one-time passwords: for oneself, for reachable targets, and in no record. */
import assert from "node:assert/strict";
import { type OneTimePassword, passwordSchema, targetsSchema } from "../../../ui/contract.ts";
import { ada, alex, devin, grace, root } from "./fakes.ts";
import { startHarness } from "./harness.ts";

Deno.test("everybody sees the targets that their groups open, and no others", async () => {
  const harness = startHarness();
  try {
    for (
      const [person, names] of [
        [devin, ["orders-prod", "orders-staging"]],
        [ada, ["orders-staging"]],
        [grace, ["orders-prod", "orders-staging"]],
        [root, ["payroll"]],
        [alex, []],
      ] as const
    ) {
      const browser = await harness.signedIn(person);
      const { targets } = targetsSchema.parse(await browser.json("/api/targets"));
      assert.deepEqual(targets.map(({ name }) => name), names, person.name);
    }
    const { targets } = targetsSchema.parse(await (await harness.signedIn(devin)).json("/api/targets"));
    assert.deepEqual(targets[0], {
      name: "orders-prod",
      environment: "production",
      database: "orders",
      listening: true,
      lines: [{
        label: "psql, sign-in by the link that it prints",
        line:
          "psql 'host=db.example.test port=5432 user=devin@example.test dbname=orders-prod sslmode=require'",
      }],
    });
  } finally {
    await harness.close();
  }
});

Deno.test("a one-time password is in its answer's lines, and in no event and no log", async () => {
  const harness = startHarness();
  try {
    const browser = await harness.signedIn(devin);
    const response = await browser.post("/api/targets/orders-prod/password", {});
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("cache-control"), "no-store");
    const { user, now, expiresAt, lines }: OneTimePassword = passwordSchema.parse(await response.json());
    assert.equal(expiresAt - now, 5 * 60_000);
    assert.match(user, /^devin-[a-z2-9]{8}$/);
    const password = /^PGPASSWORD=(\S{24}) psql /.exec(lines[0]!.line)?.[1];
    assert.ok(password, lines[0]!.line);
    assert.ok(lines.every(({ line }) => line.includes(password) && line.includes(user)));

    const issued = harness.gateway.journal.all.at(-1)!;
    assert.deepEqual([issued.type, issued.person, issued.target], [
      "dashboard.action",
      devin.name,
      "orders-prod",
    ]);
    assert.deepEqual(issued.data, {
      action: "password.issued",
      subject: user,
      detail: "",
      address: "192.0.2.7",
    });
    assert.ok(!JSON.stringify([harness.gateway.journal.all, harness.logged]).includes(password));

    const again = passwordSchema.parse(
      await (await browser.post("/api/targets/orders-prod/password", {})).json(),
    );
    assert.notEqual(again.user, user);
  } finally {
    await harness.close();
  }
});

Deno.test("a target that is not reachable, and one that does not exist, are refused alike", async () => {
  const harness = startHarness();
  try {
    const browser = await harness.signedIn(devin);
    const events = harness.gateway.journal.all.length;
    for (const name of ["payroll", "nowhere", "__proto__"]) {
      const response = await browser.post(`/api/targets/${name}/password`, {});
      assert.equal(response.status, 403);
      assert.deepEqual(await response.json(), {
        error: {
          code: "PolicyDenied",
          message: `There is no target "${name}" that you may reach`,
          hint: "Ask for membership of one of the target's groups",
          rule: "targets",
        },
      });
    }
    assert.equal(harness.gateway.journal.all.length, events, "none was issued");
  } finally {
    await harness.close();
  }
});

Deno.test("no password for another site, a foreign body, a broken record, or too many at a time", async () => {
  const harness = startHarness();
  try {
    const browser = await harness.signedIn(devin);
    const path = "/api/targets/orders-prod/password";
    assert.equal((await browser.post(path, {}, { origin: "https://evil.example.test" })).status, 403);
    assert.equal((await browser.post(path, {}, { "postern-request": "" })).status, 403);
    assert.equal((await browser.post(path, { user: "root" })).status, 400);
    harness.gateway.journal.broken = true;
    const unrecorded = await browser.post(path, {});
    assert.equal(unrecorded.status, 503);
    assert.doesNotMatch(await unrecorded.text(), /PGPASSWORD/);
    harness.gateway.journal.broken = false;
    const statuses: number[] = [];
    for (let n = 0; n < 21; n++) statuses.push((await browser.post(path, {})).status);
    assert.equal(statuses[0], 200);
    assert.equal(statuses.at(-1), 429);
  } finally {
    await harness.close();
  }
});

Deno.test("where nothing listens for a target, that is said and no password is made", async () => {
  const harness = startHarness({ connectLines: () => [], listenerOf: () => null });
  try {
    const browser = await harness.signedIn(devin);
    const { targets } = targetsSchema.parse(await browser.json("/api/targets"));
    assert.deepEqual(targets.map(({ listening, lines }) => [listening, lines.length]), [[false, 0], [
      false,
      0,
    ]]);
    const response = await browser.post("/api/targets/orders-prod/password", {});
    assert.equal(response.status, 503);
    assert.equal((await response.json()).error.code, "NotListening");
    assert.ok(!harness.gateway.journal.all.some(({ type }) => type === "dashboard.action"));
  } finally {
    await harness.close();
  }
});
